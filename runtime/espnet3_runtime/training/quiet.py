"""Lightning without the hints that mean nothing to the user of a recipe."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_MESSAGES = (
    ".*does not have many workers.*",
    ".*number of training batches.*is smaller than the logging interval.*",
    ".*You're resuming from a checkpoint that ended.*",
    ".*`training_step` returned `None`.*",
    ".*Trying to infer the `batch_size`.*",
    ".*GPU available but not used.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*module.* in eval mode at the start of training.*",
    ".*No `.*_dataloader.*",
    ".*It is recommended to use `self.log.*sync_dist=True.*",  # Means are of all ranks already
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ".*Total length of .* across ranks is zero.*",
    ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ".*lr_scheduler.step\\(\\)` before `optimizer.step\\(\\).*",
)
_LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notices and hints while the block runs; its errors stay."""
    import lightning.pytorch  # noqa: F401 - its import sets the levels

    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    with warnings.catch_warnings():
        for message in _MESSAGES:
            warnings.filterwarnings("ignore", message=message)
        try:
            for name in _LOGGERS:
                logging.getLogger(name).setLevel(logging.WARNING)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
