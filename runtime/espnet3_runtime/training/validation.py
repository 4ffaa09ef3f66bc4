"""Whether a training validates; without Lightning, which `--deep` need not load to know it."""

from collections.abc import Mapping
from typing import Any


def validates(config: Mapping[str, Any]) -> bool:
    """Say whether a training ever validates."""
    trainer = config["trainer"]
    every, epochs = trainer.get("check_val_every_n_epoch") or 1, trainer["max_epochs"]
    too_rare = epochs is not None and 0 < epochs < every
    return (
        bool(config["dataset"]["valid"]) and trainer.get("limit_val_batches") != 0 and not too_rare
    )
