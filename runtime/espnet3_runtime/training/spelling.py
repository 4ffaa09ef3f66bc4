"""Text of a training without collect_stats that its tokenizer cannot spell."""

import lightning.pytorch as pl

from espnet3_runtime.data.tokens import Spelling, take_spelling
from espnet3_runtime.stage import StageContext


class SpellingCallback(pl.Callback):
    """Says it once for each set: after the first epoch, and after the first validation.

    What this process and its loaders' processes encode for the batches is counted.
    """

    def __init__(self, context: StageContext) -> None:
        self._context = context
        self._counts = {"train": Spelling(), "valid": Spelling()}

    def on_fit_start(self, _trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Forget what earlier stages of this process encoded."""
        take_spelling()

    def on_validation_start(self, _trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Keep what the training set has by now."""
        self._count("train")

    def on_validation_end(self, trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Report the validation set."""
        self._count("valid")
        if not trainer.sanity_checking:
            self._report("valid")

    def on_train_epoch_end(self, _trainer: pl.Trainer, _module: pl.LightningModule) -> None:
        """Report the training set."""
        self._count("train")
        self._report("train")

    def _count(self, split: str) -> None:
        spelling = take_spelling()
        if split in self._counts:
            self._counts[split].add(spelling)

    def _report(self, split: str) -> None:
        spelling = self._counts.pop(split, None)
        if spelling is not None:
            spelling.report(self._context, split)
