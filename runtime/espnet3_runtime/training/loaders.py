"""The data loaders of a training stage."""

from collections.abc import Mapping
from typing import Any

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.item_lengths import read_shapes
from espnet3_runtime.data.loader import Batches, DataParallelRank, make_loader
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.stage import StageContext
from espnet3_runtime.training.optimizers import limit_epochs


class SplitLoaders:
    """Makes the loaders of the stage (see ``training.module.LoaderFactory``)."""

    def __init__(self, context: StageContext, clock: Clock) -> None:
        self.context = context
        self.clock = clock

    def __call__(self, split: str, rank: int, world: int) -> Batches | None:
        """Return the loader of ``train`` or ``valid``; None when the split is empty."""
        context, config = self.context, self.context.configs["training"]
        if not config["dataset"][split]:
            return None
        directories = DatasetDirectories(context.recipe_dir, context.data_dir)
        shapes = context.find("collect_stats", f"{split}_shapes")
        return make_loader(
            load_split(config["dataset"], split, directories),
            split,
            config["dataloader"],
            shapes=None if shapes is None else read_shapes(shapes),
            clock=self.clock if split == "train" else Clock(self.clock.seed),
            rank=DataParallelRank(rank, world),
            log=context.log,
        )


def has_validation(config: Mapping[str, Any]) -> bool:
    """Return whether a training ever validates."""
    trainer = config["trainer"]
    every, epochs = trainer.get("check_val_every_n_epoch") or 1, limit_epochs(trainer)
    too_rare = 0 < epochs < every
    off = trainer.get("limit_val_batches") == 0
    return bool(config["dataset"]["valid"]) and not off and not too_rare
