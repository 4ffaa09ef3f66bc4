"""Models of ESPnet2's GAN tasks, which are called once for each turn of a batch.

Source: ``espnet2/train/gan_trainer.py`` of https://github.com/espnet/espnet, release 202511.
"""

import inspect
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

TURNS = ("generator", "discriminator")
"""The turns of a batch, which are the names of the optimizers."""


def takes_turns(model: "nn.Module") -> bool:
    """Return whether a model is called with the turn, as those of GAN tasks are."""
    return "forward_generator" in inspect.signature(model.forward).parameters


def join_turns(model: "nn.Module") -> None:
    """Let ``forward`` take both turns and give a loss for each optimizer.

    ESPnet2 steps one optimizer before the other's turn is computed; here both turns see the same
    weights, as with all named optimizers, and then the optimizers step.

    Args:
        model: Its ``forward(forward_generator, **batch)`` returns a mapping with ``loss``,
            ``stats`` and ``weight``.
    """
    # A bound method, not a closure: a copy of the model (a moving average) then calls itself.
    model.forward = MethodType(_take_turns, model)


def _take_turns(model: "nn.Module", **batch: Any) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return a loss for each turn, what each measured, and the weight of the batch.

    Args:
        model: The model of a GAN task.
        **batch: Tensors of shape ``(B, ...)`` by field.
    """
    losses: dict[str, Any] = {}
    stats: dict[str, Any] = {}
    weight = None
    for name in TURNS:
        made = type(model).forward(model, forward_generator=name == TURNS[0], **batch)
        losses[name], weight = made["loss"], made["weight"]
        measured = made["stats"].items()
        stats |= {f"{name}/{key}": value for key, value in measured if key != "loss"}
    return losses, stats, weight
