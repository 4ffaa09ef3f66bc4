"""The data loaders of a training stage."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from espnet3_runtime.data.dataset_entries import DatasetDirectories, is_sharded, is_stream
from espnet3_runtime.data.item_lengths import read_shapes
from espnet3_runtime.data.loader import Batches, DataParallelRank, make_loader
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import index_parts, load_parts
from espnet3_runtime.data.streams.shard_loader import ShardLoader, make_shard_loader
from espnet3_runtime.data.streams.stream_loader import make_stream_loader
from espnet3_runtime.data.streams.stream_split import StreamSplit
from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import StageContext
from espnet3_runtime.training.optimizers import limit_epochs

if TYPE_CHECKING:
    import lightning.pytorch as pl


TrainingBatches = Batches | ShardLoader
"""The loader of a split."""


class SplitLoaders:
    """Makes the loaders of the stage (see ``training.module.LoaderFactory``)."""

    def __init__(self, context: StageContext, clock: Clock) -> None:
        self.context = context
        self.clock = clock

    def __call__(self, split: str, rank: int, world: int) -> TrainingBatches | None:
        """Return the loader of ``train`` or ``valid``; None when the split is empty."""
        context, config = self.context, self.context.configs["training"]
        if not entries_of(config, split):
            return None
        directories = DatasetDirectories(context.recipe_dir, context.data_dir)
        parts = load_parts(config["dataset"], split, directories)
        clock = self.clock if split == "train" else Clock(self.clock.seed)
        place, block = DataParallelRank(rank, world), config["dataloader"]
        if any(map(is_stream, parts.members)):
            stream = StreamSplit(parts)
            return make_stream_loader(
                stream, split, block, clock=clock, rank=place, log=context.log
            )
        if split == "train" and any(map(is_sharded, parts.members)):
            return make_shard_loader(parts, block, clock=clock, rank=place, log=context.log)
        shapes = context.find("collect_stats", f"{split}_shapes")
        return make_loader(
            index_parts(parts),
            split,
            block,
            shapes=None if shapes is None else read_shapes(shapes),
            clock=clock,
            rank=place,
            log=context.log,
        )


def entries_of(config: Mapping[str, Any], split: str) -> Sequence[Any]:
    """Return the data sets that a config lists for a split; none beside a data module."""
    entries: Sequence[Any] = config["dataset"][split] if config["dataset"] else ()
    return entries


def has_validation(config: Mapping[str, Any], *, has_data: bool | None = None) -> bool:
    """Return whether a training ever validates; the data are those of the config unless given."""
    trainer = config["trainer"]
    every, epochs = trainer.get("check_val_every_n_epoch") or 1, limit_epochs(trainer)
    too_rare = 0 < epochs < every
    off = trainer.get("limit_val_batches") == 0
    found = bool(entries_of(config, "valid")) if has_data is None else has_data
    return found and not off and not too_rare


def check_train_epoch(trainer: "pl.Trainer") -> None:
    """Refuse an epoch that ended before its last batch.

    Lightning takes any ``StopIteration``, for example out of a callback, for the end of an epoch.

    Raises:
        UserError: Batches are missing, and nobody asked for that.
    """
    done: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    total = trainer.num_training_batches
    skips_the_rest = done.processed > done.started  # on_train_batch_start returned -1
    stops = trainer.should_stop or 0 <= trainer.max_steps <= trainer.global_step
    if done.completed < (done.ready if stops else total) < float("inf") and not skips_the_rest:
        raise _ended_early("the epoch", done.completed, total)


def check_validation(trainer: "pl.Trainer") -> None:
    """Refuse a validation that ended before its last batch.

    Raises:
        UserError: Batches are missing.
    """
    loop = trainer.fit_loop.epoch_loop.val_loop
    done, total = loop.batch_progress.current.completed, sum(loop.max_batches)
    if done < total < float("inf"):
        raise _ended_early("the validation", done, total)


def _ended_early(what: str, done: int, total: float) -> UserError:
    hint = "something raised StopIteration, or a __len__ says more than there is"
    return UserError(f"{what} ended after {done} of {total} batches", hint=hint)
