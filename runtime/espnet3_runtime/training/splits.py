"""The data loaders of a training stage."""

from espnet3_runtime.data.lengths import read_shapes
from espnet3_runtime.data.loader import Batches, Rank, make_loader
from espnet3_runtime.data.reference import Place
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split import load_split
from espnet3_runtime.stage import StageContext


class Splits:
    """Makes the loaders of the stage (see ``training.module.Loaders``)."""

    def __init__(self, context: StageContext, clock: Clock) -> None:
        self.context = context
        self.clock = clock

    def __call__(self, split: str, rank: int, world: int) -> Batches | None:
        """Return the loader of ``train`` or ``valid``; None when the split is empty."""
        context, config = self.context, self.context.configs["training"]
        if not config["dataset"][split]:
            return None
        place = Place(context.recipe_dir, context.data_dir)
        shapes = context.find("collect_stats", f"{split}_shapes")
        return make_loader(
            load_split(config["dataset"], split, place),
            split,
            config["dataloader"],
            shapes=None if shapes is None else read_shapes(shapes),
            clock=self.clock if split == "train" else Clock(self.clock.seed),
            rank=Rank(rank, world),
            log=context.log,
        )
