"""What the search found, as a model and an optimizer of the stages after it."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from src.model import KeywordModel


def best_settings(best: str) -> dict:
    """Return the settings of the best trial."""
    return json.loads(Path(best).read_text(encoding="utf-8"))["settings"]


def best_model(best: str, frontend: nn.Module, feats_stats: str, num_classes: int) -> KeywordModel:
    """Return the model with the best settings.

    Args:
        best: The file that the search wrote.
        frontend: As for ``KeywordModel``.
        feats_stats: As for ``KeywordModel``.
        num_classes: As for ``KeywordModel``.
    """
    settings = {name: value for name, value in best_settings(best).items() if name != "lr"}
    return KeywordModel(frontend, feats_stats, num_classes, **settings)


def best_optimizer(params: Iterable[nn.Parameter], best: str) -> torch.optim.AdamW:
    """Return AdamW with the best learning rate."""
    return torch.optim.AdamW(params, lr=best_settings(best)["lr"])
