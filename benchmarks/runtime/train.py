"""A training step: our stage, Lightning's Trainer by hand, a bare loop; all end in one model."""

from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.runtime.bare import Utterances, loader
from benchmarks.runtime.timing import Clock, Goal, Lap, Report, in_turns, table, verdict
from benchmarks.runtime.workspace import changed, context_of
from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.sampler import Clock as Position
from espnet3_runtime.data.sampler import seed_generators
from espnet3_runtime.stage import StageContext
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.loaders import SplitLoaders
from espnet3_runtime.training.trainer import quiet_lightning

WARM = 3
"""Batches before the clock starts."""
OURS, TRAINER, LOOP = "our train stage", "Trainer by hand", "bare loop"
GOALS = (Goal(OURS, TRAINER, 1.02), Goal(OURS, LOOP, 1.10))


class Stopwatch(pl.Callback):
    """Times the batches after the first few; every hook of every callback is inside."""

    laps: list[Lap] = []  # noqa: RUF012 - the stage constructs it, so the laps are of the class

    def __init__(self) -> None:
        self._clock: Clock | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, _module: Any, _outputs: Any, _batch: Any, index: int
    ) -> None:
        """Start or stop."""
        if index == WARM - 1:
            self._clock = Clock()
        elif index == trainer.num_training_batches - 1 and self._clock is not None:
            self.laps.append(self._clock.lap())


@dataclass(frozen=True)
class Task:
    """What all three train."""

    context: StageContext
    config: Mapping[str, Any]
    batches: Sequence[Sequence[int]]
    data: Utterances

    @property
    def timed(self) -> int:
        """Number of batches inside a lap."""
        return len(self.batches) - WARM

    def model(self) -> nn.Module:
        """Return the model as the stage would initialise it."""
        seed_generators(self.config["seed"])
        model: nn.Module = instantiate(self.context.model)
        return model

    def optimizer(self, model: nn.Module) -> tuple[Any, Any]:
        """Return optimizer and scheduler."""
        optimizer = instantiate(self.config["optimizer"], model.parameters())
        steps = len(self.batches)
        scheduler = instantiate(self.config["scheduler"], optimizer=optimizer, total_steps=steps)
        return optimizer, scheduler

    def loader(self) -> DataLoader[Any]:
        """Return the batches."""
        return loader(self.data, self.batches)


def make_task(directory: Path) -> Task:
    """Read off what the stage would do."""
    context = context_of(directory, "train")
    node = {"_target_": f"{__name__}.Stopwatch"}
    context = changed(context, "training", {"trainer.callbacks": [node]})
    config = context.configs["training"]
    tokenizer = config["dataset"]["preprocessor"]["tokenizer"]
    limit = config["dataset"]["train"][0]["data_src_args"]["limit"]
    batches = [list(batch) for batch in _our_loader(context).batch_sampler or ()]
    task = Task(context, config, batches, Utterances("train", limit, tokenizer))
    _check_batches(_our_loader(context), task.loader())
    return task


def _our_loader(context: StageContext) -> DataLoader[Any]:
    made = SplitLoaders(context, Position(context.configs["training"]["seed"]))("train", 0, 1)
    assert made is not None
    return made


def _check_batches(ours: DataLoader[Any], bare: DataLoader[Any]) -> None:
    for (ids, batch), (bare_ids, bare_batch) in zip(ours, bare, strict=True):
        assert ids == bare_ids
        assert batch.keys() == bare_batch.keys()
        assert all(torch.equal(batch[name], bare_batch[name]) for name in batch)


def our_stage(task: Task) -> tuple[Lap, Mapping[str, torch.Tensor]]:
    """Run the stage."""
    with redirect_stderr(StringIO()):
        outputs = train(task.context)
    saved = torch.load(outputs["last_checkpoint"], weights_only=True)
    return Stopwatch.laps.pop(), saved["state_dict"]


class Plain(pl.LightningModule):
    """What one writes to train a model with Lightning, and no more."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.model = task.model()

    def training_step(self, batch: Any, _index: int) -> torch.Tensor:
        loss: torch.Tensor = self.model(**batch[1])[0]
        return loss

    def configure_optimizers(self) -> Any:
        optimizer, scheduler = self.task.optimizer(self.model)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def on_train_epoch_start(self) -> None:
        seed_generators(self.task.config["seed"], 0, 0)


def by_hand(task: Task) -> tuple[Lap, Mapping[str, torch.Tensor]]:
    """Run Lightning's Trainer."""
    module = Plain(task)
    with quiet_lightning():
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=1,
            gradient_clip_val=task.config["trainer"]["gradient_clip_val"],
            callbacks=[Stopwatch()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, task.loader())
    return Stopwatch.laps.pop(), module.model.state_dict()


def bare_loop(task: Task) -> tuple[Lap, Mapping[str, torch.Tensor]]:
    """Run the loop of the tutorials."""
    model = task.model().train()
    optimizer, scheduler = task.optimizer(model)
    clip = task.config["trainer"]["gradient_clip_val"]
    clock = Clock()
    seed_generators(task.config["seed"], 0, 0)
    for index, (_, batch) in enumerate(task.loader()):
        loss = model(**batch)[0]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        scheduler.step()
        if index == WARM - 1:
            clock = Clock()
    return clock.lap(), model.state_dict()


WAYS = {OURS: our_stage, TRAINER: by_hand, LOOP: bare_loop}


def measure(directory: Path, rounds: int) -> Report:
    """Time the three ways, and compare the weights that they end with."""
    task = make_task(directory)
    ends: dict[str, Mapping[str, torch.Tensor]] = {}

    def run(name: str) -> Lap:
        lap, ends[name] = WAYS[name](task)
        return lap.per(task.timed)

    laps = in_turns({name: lambda name=name: run(name) for name in WAYS}, rounds)
    title = f"train: a step of {len(task.batches[0])} utterances, {task.timed} steps a lap"
    lines = [title, table(laps, "step"), f"  the three end in one model: {_same(ends)}"]
    return Report("\n".join(lines), [verdict("train", laps, goal) for goal in GOALS])


def _same(ends: Mapping[str, Mapping[str, torch.Tensor]]) -> str:
    first, *others = ends.values()
    same = all(torch.equal(first[name], end[name]) for end in others for name in first)
    return "yes, bit by bit" if same else "NO"
