"""The data of a training, where Lightning asks a data module for it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import nn

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.build.lightning_classes import is_datamodule, refuse_other_lightning
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.sampler import seed_generators
from espnet3_runtime.errors import UserError
from espnet3_runtime.training.forward_inputs import Fields, split_batch
from espnet3_runtime.training.lightning_code.state import TrainingState
from espnet3_runtime.training.loaders import TrainingBatches, entries_of
from espnet3_schemas import TARGET

_NO_SET = "give dataset.train, a datamodule, or the module a train_dataloader"


def make_datamodule(node: ConfigView) -> pl.LightningDataModule:
    """Construct the ``datamodule`` of a training config.

    Raises:
        UserError: It cannot be constructed, or is none.
    """
    made: Any = instantiate(node)
    refuse_other_lightning(made, str(node[TARGET]), node.where)
    if not isinstance(made, pl.LightningDataModule):
        raise UserError(
            f'"{node[TARGET]}" is {type(made).__name__}, and a datamodule is a '
            "lightning.pytorch.LightningDataModule",
            where=node.where,
        )
    return made


def gives_batches(source: Any, split: str) -> bool:
    """Return whether a module or data module has a loader of ``train`` or ``valid``."""
    hook = {"train": "train_dataloader", "valid": "val_dataloader"}[split]
    parent = pl.LightningDataModule if is_datamodule(source) else pl.LightningModule
    return source is not None and is_overridden(hook, source, parent)


def has_validation_data(
    config: Mapping[str, Any], model: nn.Module, source: pl.LightningDataModule | None
) -> bool:
    """Return whether a training has something to validate on, and a step that does.

    Args:
        config: The training config.
        model: The bare module or ``LightningModule``.
        source: The data module of the config, if it has one.
    """
    own = isinstance(model, pl.LightningModule)
    if own and not is_overridden("validation_step", model):
        return False
    if source is not None:
        return gives_batches(source, "valid")
    by_module = own and not entries_of(config, "train") and gives_batches(model, "valid")
    return by_module or bool(entries_of(config, "valid"))


def require_training_data(
    config: Mapping[str, Any], model: nn.Module, source: pl.LightningDataModule | None
) -> None:
    """Refuse a training without data.

    Args:
        config: The training config.
        model: The bare module or ``LightningModule``.
        source: The data module of the config, if it has one.

    Raises:
        UserError: Nothing gives training batches.
    """
    if source is not None:
        if not gives_batches(source, "train"):
            where = config["datamodule"].where
            raise UserError("the datamodule has no train_dataloader", where=where)
    elif not entries_of(config, "train"):
        own = isinstance(model, pl.LightningModule)
        if not (own and gives_batches(model, "train")):
            hint = _NO_SET if own else ""
            raise UserError("there is no training set", where="training.dataset.train", hint=hint)


class FieldBatches:
    """The batches of a loader as mappings of fields, as the steps of a module take them.

    Args:
        loader: Gives ``(utt_ids, fields)`` or fields, tensors of shape ``(B, ...)`` by name.
    """

    def __init__(self, loader: TrainingBatches | list[Fields]) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Fields]:
        """Yield the fields of each batch."""
        for batch in self.loader:
            yield split_batch(batch)[1]


class SplitDataModule(pl.LightningDataModule):
    """The data sets of the config, for a ``LightningModule``.

    Args:
        loaders: From split, rank and number of ranks to a loader; None for an empty split.
    """

    def __init__(self, loaders: Callable[[str, int, int], TrainingBatches | None]) -> None:
        super().__init__()
        self._loaders = loaders

    def train_dataloader(self) -> Any:
        """Return the loader of the training set."""
        return self._make_loader("train")

    def val_dataloader(self) -> Any:
        """Return the loader of the validation set; none when there is no such set."""
        return self._make_loader("valid")

    def _make_loader(self, split: str) -> Any:
        assert self.trainer is not None
        loader = self._loaders(split, self.trainer.global_rank, self.trainer.world_size)
        return [] if loader is None else FieldBatches(loader)


class OwnLoaders:
    """Keeps the order of a user's own loaders: a function of seed and epoch, also after a resume.

    A loader that shuffles draws its order from the global generators when an epoch begins.  After a
    resume in the middle of an epoch, the batches that are done are read again and dropped, unless
    the loader keeps its position itself (``state_dict`` and ``load_state_dict``).

    Args:
        kept: The state of the training.
    """

    def __init__(self, kept: TrainingState) -> None:
        self._kept = kept

    def seed_order(self, trainer: pl.Trainer) -> None:
        """Seed the generators before Lightning makes the iterator of the first epoch."""
        clock = self._kept.clock
        seed_generators(clock.seed, clock.epoch, trainer.global_rank)

    def begin_epoch(self, trainer: pl.Trainer) -> None:
        """Begin a resumed epoch anew, whose iterator Lightning made before its seed."""
        if self._kept.starts_epoch and trainer.current_epoch > 0:
            restart_epoch(trainer)

    def skip_done(self, trainer: pl.Trainer) -> None:
        """Drop the batches of the epoch that were trained on before the resume."""
        clock = self._kept.clock
        done, clock.skip = clock.skip, 0
        fetcher = _fetcher_of(trainer)
        if not done or _keeps_position(fetcher):
            return
        self.seed_order(trainer)
        if clock.epoch > 0:
            iter(fetcher)
        for _ in range(done):
            next(fetcher)
        fetcher.fetched -= done  # Lightning adds them again


def restart_epoch(trainer: pl.Trainer) -> None:
    """Begin a resumed epoch anew, when Lightning took its first batch before the seed."""
    iter(_fetcher_of(trainer))


def _fetcher_of(trainer: pl.Trainer) -> Any:
    fetcher = trainer.fit_loop._data_fetcher  # noqa: SLF001
    assert fetcher is not None
    return fetcher


def _keeps_position(fetcher: Any) -> bool:
    loaders = fetcher.combined_loader.flattened
    return bool(loaders) and all(hasattr(one, "load_state_dict") for one in loaders)


def count_batches(trainer: pl.Trainer) -> int:
    """Return the batches of an epoch that Lightning's own loaders give.

    Raises:
        TypeError: They have no length.
    """
    trainer.fit_loop.setup_data()
    batches = trainer.num_training_batches
    if batches == float("inf"):
        raise TypeError("the loader has no length")
    return int(batches)
