"""The stage ``train``: fit the model with Lightning, resume, and name the checkpoints."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_runtime.build.lightning_classes import is_lightning_module, refuse_other_lightning
from espnet3_runtime.build.model_node import is_task, name_of
from espnet3_runtime.errors import UserError
from espnet3_runtime.process.dask_workers import use_threads
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.task_bridge.models import construct_model
from espnet3_runtime.trackers.loggers import open_loggers
from espnet3_runtime.trackers.run_records import TRACKED_RUNS
from espnet3_runtime.trackers.tracked_training import tracked_training
from espnet3_runtime.training.checkpoint_files import LAST, PREVIOUS, remove_leftovers, set_aside
from espnet3_runtime.training.initial_weights import initial_path, load_initial_weights
from espnet3_runtime.training.parameter_groups import (
    abbreviate_names,
    count_parameters,
    freeze_parameters,
    freeze_statistics,
)
from espnet3_runtime.weights import read_torch
from espnet3_schemas.initial_weights import split_init_from

if TYPE_CHECKING:
    import lightning.pytorch as pl
    from torch import nn

    from espnet3_runtime.stages.training_parts import TrainingParts
    from espnet3_runtime.training.checkpoints import Checkpoints

_KEPT_SUFFIXES = (".log",)


def train(context: StageContext) -> Outputs:
    """Train the model of the stage with Lightning.

    An interrupted training resumes from its ``last.ckpt`` with the same result; otherwise files of
    an earlier training move to ``previous/``.

    Outputs:
        best_checkpoint: Weights of the best epoch by the first criterion.
        last_checkpoint: Lightning's full state.
        averaged_checkpoint: Mean of the best by the first criterion (``average: true``).
        curves: The measured values.
        tensorboard: Event files, unless other loggers were chosen.
        task_config: ``config.yaml`` of ESPnet2, of a model that a task builds.
        task_weights: The averaged, else the best weights in the form of ESPnet2, of such a model.
    """
    from espnet3_runtime.data.sampler import Clock, seed_generators
    from espnet3_runtime.stages.training_parts import make_parts
    from espnet3_runtime.training.trainer import quiet_lightning

    config = context.configs["training"]
    _check_config(config)
    use_threads(config["num_threads"])
    resume_from = _resume_from(context)
    seed = config["seed"]
    if seed is None:  # child processes share a fresh one
        random = str(int.from_bytes(os.urandom(4), "big"))
        seed = int(os.environ.setdefault("ESPNET3_SEED", random))
    clock = Clock(seed, overfits=bool(config["trainer"].get("overfit_batches")))
    with quiet_lightning():
        seed_generators(clock.seed)
        model, name = make_model(context)
        _leave_evaluation(context, model)
        if resume_from is None:
            _initialise_weights(model, context)
        _freeze_parts(context, model, name)
        parts = make_parts(context, model, clock, name)
        _check_monitors(config, validates=parts.kept.validates)
        return _fit_module(context, parts, resume_from)


def make_model(context: StageContext) -> "tuple[nn.Module, str]":
    """Construct the model and return it with its import path.

    Raises:
        UserError: There is no model, or it is no ``torch.nn.Module``.
    """
    from torch import nn

    node = context.model
    if node is None:
        raise UserError("the stage has no model", where=context.spec.name)
    model = _build_task(context) if is_task(node) else construct_model(node)
    name = name_of(node, type(model).__name__)
    refuse_other_lightning(model, name, node.where)
    if not isinstance(model, nn.Module):
        problem = f'"{name}" is {type(model).__name__}, and a model is a torch.nn.Module'
        raise UserError(problem, where=node.where)
    return model, name


def _build_task(context: StageContext) -> "nn.Module":
    """Build the model of a task, and write the config from which ESPnet2 builds it again."""
    from espnet3_runtime.task_bridge.build import build_task_model
    from espnet3_runtime.task_bridge.config_file import write_task_config

    assert context.model is not None
    built = build_task_model(context.model)
    if built.idle:
        context.log.warning(
            "options of the task without effect on the model: %s; training is set in the training "
            "config",
            ", ".join(built.idle),
        )
    write_task_config(context)
    return built.model


def _leave_evaluation(context: StageContext, model: "nn.Module") -> None:
    """Switch a bare model that is made for inference as a whole, by from_pretrained, to training.

    Lightning leaves the mode of a model as it is, and so do we where a model has it for its parts.
    """
    if not model.training and not is_lightning_module(model):
        model.train()
        context.log.info("the model came in evaluation mode and is trained in training mode")


def _freeze_parts(context: StageContext, model: "nn.Module", name: str) -> None:
    """Freeze what the config says, and print the size of the model."""
    config = context.configs["training"]
    frozen = freeze_parameters(model, config["freeze"], f"{config.where}.freeze")
    if frozen:
        context.log.info("frozen: %s", ", ".join(frozen))
    still = freeze_statistics(model, config["freeze"]) if frozen else []
    if still:
        _log_line(context, f"frozen with its running statistics: {abbreviate_names(still)}")
    total, fixed = count_parameters(model)
    _log_line(context, f"{name}: {total:,} parameters" + (f", {fixed:,} frozen" if fixed else ""))


def _fit_module(context: StageContext, parts: "TrainingParts", resume_from: Path | None) -> Outputs:
    from espnet3_runtime.training.checkpoints import Checkpoints, check_averages, read_criteria
    from espnet3_runtime.training.continuation import describe_overruled, read_rates
    from espnet3_runtime.training.lightning_code.callback import OwnStepsCallback
    from espnet3_runtime.training.lightning_code.data import OwnLoaders
    from espnet3_runtime.training.progress import ProgressCallback
    from espnet3_runtime.training.spelling import SpellingCallback
    from espnet3_runtime.training.trainer import make_trainer

    config, kept = context.configs["training"], parts.kept
    handler = signal.getsignal(signal.SIGTERM)
    directory, log = context.directory, context.log

    def begin() -> None:  # Lightning's handler would stop without a checkpoint
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
        if resume_from not in (None, directory / LAST):
            counting = read_rates(trainer.optimizers)
            for line in dict.fromkeys(describe_overruled(kept.written_rates, counting)):
                _log_line(context, line)

    curves = directory / "curves.jsonl"
    monitors = _iter_monitors(config, validates=kept.validates)
    progress = ProgressCallback(
        kept,
        curves if context.rank == 0 else None,
        context.progress,
        lambda line: _log_line(context, line),
        begin,
        {one: at for one, at in monitors if kept.own_steps or not one.startswith("train/")},
        context.refresh,
    )
    criteria = read_criteria(config, validates=kept.validates)
    if {one.monitor for one in criteria} != {one[0] for one in config["best_model_criterion"]}:
        _log_line(context, f"there is no validation: best is what {criteria[0].monitor} says")
    step = _step_of(context, kept.model, resume_from)
    keeper = Checkpoints(directory, criteria, kept, context.stop.requested, log)
    loaders = OwnLoaders(kept) if parts.own_data else None
    around = [OwnStepsCallback(kept, loaders, progress.finish_split)] if kept.own_steps else []
    ours: list[pl.Callback] = [progress, *around, keeper]
    if context.rank == 0 and context.find("collect_stats", "train_shapes") is None:
        ours.append(SpellingCallback(context))
    own = {"own_steps": kept.own_steps, "own_data": parts.own_data}
    trainer = make_trainer(config, directory, ours, open_loggers(context, step), **own)
    check_averages(trainer, config, own_steps=kept.own_steps)
    parameters, _ = count_parameters(kept.model)
    with tracked_training(context, trainer.loggers, parameters, step):
        with context.stop.gracefully():
            _run_trainer(trainer, parts, resume_from)
        progress.close()
        if context.rank != 0:
            return {}
        outputs = keeper.finish(averages=config["average"])
    _report_best(context, keeper)
    if is_task(context.model):
        from espnet3_runtime.task_bridge.config_file import task_outputs

        outputs |= task_outputs(context, outputs)
    tensorboard = directory / "tensorboard"
    outputs |= {"tensorboard": tensorboard} if tensorboard.is_dir() else {}
    return outputs | {"curves": curves}


def _report_best(context: StageContext, keeper: "Checkpoints") -> None:
    for one, found in keeper.kept.items():
        alone = sum(one.monitor == other.monitor for other in keeper.criteria) == 1
        label = f"best {one.monitor}" + ("" if alone else f" ({one.mode}, {one.count})")
        context.result(label, f"{found[0].value:.4g} (epoch {found[0].epoch})")


def _run_trainer(trainer: "pl.Trainer", parts: "TrainingParts", resume_from: Path | None) -> None:
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    data = parts.datamodule
    try:
        trainer.fit(parts.module, datamodule=data, ckpt_path=resume_from, weights_only=True)
        if not trainer.fit_loop.done:
            raise UserError(
                f"the training ended in epoch {trainer.current_epoch + 1}, before its last",
                hint="a callback or a data loader raised StopIteration",
            )
    except SystemExit as error:  # Lightning's answer to Ctrl-C
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        if not frame.f_globals.get("__name__", "").startswith("lightning."):
            raise
        problem = str(error).strip()
        raise UserError(f"Lightning refuses: {problem}", where="training.trainer") from error


def _resume_from(context: StageContext) -> Path | None:
    """Return the checkpoint to resume from; otherwise move files of another training away."""
    explicit = context.configs["training"]["fit"]["ckpt_path"]
    last = context.directory / LAST
    if context.resume and last.exists():
        _log_line(context, f"resuming from {os.path.relpath(last, context.recipe_dir)}")
        return last
    path = None if explicit is None else context.recipe_dir / str(explicit)
    if path is not None and not path.exists():
        raise UserError(f'there is no checkpoint "{path}"', where="training.fit.ckpt_path")
    if context.rank == 0:
        keep = (*_KEPT_SUFFIXES, *_named_files(context))
        if context.resume:  # an attempt that saved no checkpoint
            remove_leftovers(context.directory, (*keep, TRACKED_RUNS))
        elif set_aside(context.directory, keep):
            context.log.info("files of an earlier training are in previous/")
        context.cleared()
    return path


def _named_files(context: StageContext) -> Iterator[str]:
    """Yield the names in the stage's directory that its settings lead to: these are not moved.

    Raises:
        UserError: A setting names a file there that the training would replace or remove.
    """
    replaced = {path for path in context.outputs.values() if not path.is_dir()}
    settings: dict[str, Any] = {view.where: view.plain() for view in context.configs.values()}
    settings |= {"model": context.model.plain() if context.model else None}
    start = split_init_from(context.spec.init_from).source if context.spec.init_from else None
    for where, text in _iter_texts({**settings, "init_from": start}, ""):
        named = os.path.join(context.recipe_dir, text)  # noqa: PTH118 - any text is tried
        if not os.path.exists(named):  # noqa: PTH110
            continue
        for path in {os.path.normpath(named), os.path.realpath(named)}:
            for directory in (context.directory, context.directory.resolve()):
                if directory not in Path(path).parents:
                    continue
                inner = Path(path).relative_to(directory)
                own = context.directory / inner
                if own in replaced or inner.suffix == ".ckpt" or inner.parts[0] == PREVIOUS:
                    raise UserError(
                        f'"{text}" lies in the directory that this stage clears',
                        where=where,
                        hint="move it out of the experiment, and name it there",
                    )
                yield inner.parts[0]


def _iter_texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield every text in settings with its key path."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping | list):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in pairs:
            yield from _iter_texts(inner, f"{where}.{key}".lstrip("."))


def _initialise_weights(model: "nn.Module", context: StageContext) -> None:
    path = initial_path(context)
    if path is not None:
        start = split_init_from(str(context.spec.init_from))
        start = start._replace(source=os.path.relpath(path, context.recipe_dir))
        config = context.configs["training"]
        parts, where = config["reinit"], f"{config.where}.reinit"
        _log_line(context, load_initial_weights(model, path, start, context.log, parts, where))


def _step_of(context: StageContext, model: "nn.Module", checkpoint: Path | None) -> int | None:
    """Return the step of a checkpoint to continue from; None for a new training."""
    from espnet3_runtime.training.continuation import check_checkpoint
    from espnet3_runtime.training.optimizers import limit_epochs

    if checkpoint is None or not checkpoint.is_file():
        return None
    own = checkpoint == context.directory / LAST
    loaded, problem = {}, f'"{checkpoint}" is damaged, or was written by an earlier version'
    try:
        loaded = read_torch(checkpoint)
    except UserError as error:
        if not own:
            raise
        problem = error.message
    if own and "optimizers" not in loaded.get("espnet3", {}):
        hint = f"run.py --force --stages {context.spec.name} trains from the start"
        raise UserError(problem, hint=hint)
    trainer = context.configs["training"]["trainer"]
    if not own:
        steps = trainer.get("max_steps")
        limits = limit_epochs(trainer), -1 if steps is None else steps
        check_checkpoint(checkpoint, loaded, model, limits)
    return int(loaded["global_step"])


def _check_config(config: Mapping[str, Any]) -> None:
    for limit in ("max_epochs", "max_steps", "limit_train_batches"):
        if config["trainer"].get(limit) == 0:
            where = f"training.trainer.{limit}"
            raise UserError(f"there is nothing to train: {limit} is 0", where=where)


def _check_monitors(config: Mapping[str, Any], *, validates: bool) -> None:
    """Refuse what watches a value of a validation that there is not."""
    for monitor, where in () if validates else _iter_monitors(config, validates=False):
        if monitor.startswith("valid/"):
            raise UserError(
                f'"{monitor}" is watched, and there is no validation',
                where=where,
                hint="give dataset.valid, let the trainer validate, or watch train/loss",
            )


def _iter_monitors(config: Mapping[str, Any], *, validates: bool) -> Iterator[tuple[str, str]]:
    """Yield every watched value, and the key path of the setting that names it."""
    from espnet3_runtime.training.checkpoints import read_criteria

    name = getattr(config, "where", "training")
    for criterion in read_criteria(config, validates=validates):
        yield criterion.monitor, f"{name}.best_model_criterion"
    if config["early_stopping"]:
        yield config["early_stopping"]["monitor"], f"{name}.early_stopping.monitor"
    if config["scheduler_monitor"]:
        yield config["scheduler_monitor"], f"{name}.scheduler_monitor"
    for key, block in (config["schedulers"] or {}).items():
        if block["monitor"]:
            yield block["monitor"], f"{name}.schedulers.{key}.monitor"


def _log_line(context: StageContext, line: str) -> None:
    """Print a line, and write it into the log."""
    if context.rank == 0:
        print(f"  {line}", file=sys.stderr, flush=True)
        context.log.info("%s", line)
