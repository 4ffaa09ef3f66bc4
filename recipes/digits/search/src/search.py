"""The stage ``search``: Optuna tries settings, each in a short training, and writes the best."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import torch
from torch import nn

from espnet3_runtime.atomic import write_json
from espnet3_runtime.data.collate import CommonCollateFn
from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.stage import StageContext
from src.labels import WordToLabel

Batch = dict[str, torch.Tensor]
State = optuna.trial.TrialState
FINISHED = (State.COMPLETE, State.PRUNED)


def search(
    make_model: Callable[..., nn.Module],
    train: Sequence[Mapping[str, Any]],
    valid: Sequence[Mapping[str, Any]],
    space: Mapping[str, Any],
    storage: str,
    best: str,
    context: StageContext,
    study: str = "first",
    trials: int = 16,
    epochs: int = 4,
    batch_size: int = 32,
    seed: int = 1,
) -> None:
    """Search for the settings with the best accuracy on the validation set after a few epochs.

    Every trial is kept in the storage. A search that was cut off goes on with the next one, and
    ends with the same best as one that was not: the sampler of a trial depends on its number and on
    those before. With a larger number of ``trials`` only those that are missing run.

    Args:
        make_model: Makes a model from its settings.
        train: Samples to train with.
        valid: Samples to judge by.
        space: What is searched: a list of choices by name, or ``low``, ``high`` and perhaps ``log``
            or ``step``. ``lr`` is the learning rate, the others are arguments of the model.
        storage: The SQLite file of Optuna.
        best: The JSON file for the best trial: number, value and settings.
        context: The stage.
        study: Its name in the storage; another one begins anew.
        trials: How many in all.
        epochs: Of each trial.
        batch_size: Utterances in a batch.
        seed: Of the sampler and of the trainings.

    Raises:
        UserError: The study of this name searched something else.
        Stopped: A stop was asked for; the trials so far are kept.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    found = optuna.create_study(
        storage=f"sqlite:///{storage}",
        study_name=study,
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    asked = {"space": space, "epochs": epochs, "batch_size": batch_size, "seed": seed}
    _require_same(found, json.dumps([asked, dict(context.upstream_hashes)], sort_keys=True))
    for left in found.get_trials(states=(State.RUNNING,)):  # by a kill
        found.tell(left.number, state=State.FAIL)
    batches = _batches(train, batch_size), _batches(valid, batch_size)
    done = len(found.get_trials(states=FINISHED))
    with context.progress("search", trials) as bar, context.stop.gracefully():
        bar.advance(min(done, trials))
        for number in range(done, trials):
            found.sampler = optuna.samplers.TPESampler(seed=seed + number)
            _run_trial(found, space, make_model, batches, epochs, seed)
            bar.advance()
            if context.stop_requested:
                raise Stopped
    _tell_best(found, Path(best), context)


def _tell_best(study: optuna.Study, path: Path, context: StageContext) -> None:
    winner = study.best_trial
    numbers = [trial.number for trial in study.get_trials(states=FINISHED)]
    place = numbers.index(winner.number) + 1
    settings = {name: winner.params[name] for name in sorted(winner.params)}
    write_json(path, {"trial": place, "accuracy": winner.value, "settings": settings})
    context.result("best valid/acc", f"{winner.value:.3f} (trial {place} of {len(numbers)})")
    for name, setting in settings.items():
        context.result(name, f"{setting:.3g}" if isinstance(setting, float) else str(setting))


def _require_same(study: optuna.Study, asked: str) -> None:
    """Refuse to mix trials of different searches."""
    before = study.user_attrs.get("asked")
    if before is None:
        study.set_user_attr("asked", asked)
    elif before != asked:
        problem = f'the study "{study.study_name}" in the storage searched something else'
        raise UserError(problem, hint="give the search another name: study: …")


def _run_trial(
    study: optuna.Study,
    space: Mapping[str, Any],
    make_model: Callable[..., nn.Module],
    batches: tuple[list[Batch], list[Batch]],
    epochs: int,
    seed: int,
) -> None:
    """Train once, and tell the study the accuracy after the last epoch, or that it was given up."""
    trial = study.ask()
    settings = {name: _suggest(trial, name, choice) for name, choice in space.items()}
    rate = settings.pop("lr")
    torch.manual_seed(seed)
    model = make_model(**settings)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    accuracy = 0.0
    for epoch in range(epochs):
        _train_epoch(model, optimizer, batches[0])
        accuracy = _accuracy(model, batches[1])
        trial.report(accuracy, epoch)
        if trial.should_prune():
            study.tell(trial, state=State.PRUNED)
            return
    study.tell(trial, accuracy)


def _suggest(trial: optuna.Trial, name: str, choice: Any) -> Any:
    if isinstance(choice, Sequence):
        return trial.suggest_categorical(name, list(choice))
    limits = dict(choice)
    whole = isinstance(limits["low"], int) and isinstance(limits["high"], int)
    suggest = trial.suggest_int if whole else trial.suggest_float
    return suggest(name, limits.pop("low"), limits.pop("high"), **limits)


def _batches(samples: Sequence[Mapping[str, Any]], size: int) -> list[Batch]:
    """Return all samples in batches, by length: speech, its lengths and labels."""
    label, collate = WordToLabel(), CommonCollateFn()
    ready = [
        label({k: v for k, v in samples[i].items() if k != "utt_id"}) for i in range(len(samples))
    ]
    ready.sort(key=lambda sample: len(sample["speech"]))
    chunks = [ready[start : start + size] for start in range(0, len(ready), size)]
    return [collate([(str(n), sample) for n, sample in enumerate(chunk)])[1] for chunk in chunks]


def _train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: list[Batch]) -> None:
    model.train()
    for index in torch.randperm(len(batches)).tolist():
        optimizer.zero_grad()
        _forward(model, batches[index])["loss"].backward()
        optimizer.step()


@torch.no_grad()
def _accuracy(model: nn.Module, batches: list[Batch]) -> float:
    model.eval()
    sizes = [len(batch["label"]) for batch in batches]
    right = [float(_forward(model, batch)["acc"]) for batch in batches]
    return sum(n * share for n, share in zip(sizes, right, strict=True)) / sum(sizes)


def _forward(model: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
    return model(**{name: batch[name] for name in ("speech", "speech_lengths", "label")})
