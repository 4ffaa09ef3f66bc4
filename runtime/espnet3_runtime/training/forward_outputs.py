"""What a model's ``forward`` may return, read into one shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch

from espnet3_runtime.errors import UserError

Stats = dict[str, torch.Tensor | float]
FORMS = 'a loss tensor, a mapping with "loss", or (loss, stats, weight)'


@dataclass(slots=True)
class ForwardOutput:
    """The result of one batch.

    Attributes:
        losses: The loss, a scalar tensor, or one for each named optimizer in the order of their
            updates.
        stats: Numbers to log, scalar tensors or floats; ``loss`` among them.
        weight: How much the batch counts in means over an epoch; None is its number of items.
    """

    losses: torch.Tensor | dict[str, torch.Tensor]
    stats: Stats
    weight: torch.Tensor | float | None


def read_forward_output(value: Any, model: str) -> ForwardOutput:
    """Read what ``forward`` returned.

    A tensor is the loss.  Of a mapping, ``loss`` is the loss, ``weight`` the weight, ``stats`` a
    mapping of numbers, and every other number is logged; what is no number is left alone, so the
    outputs of other libraries fit.  A tuple is ESPnet's ``(loss, stats, weight)``.  With named
    optimizers, ``loss`` may map their names to losses, or be a sequence of objects with ``loss``
    and ``name``.

    Args:
        value: What ``forward`` returned; losses have one element, shape ``()`` or ``(1,)``.
        model: What messages call the model.

    Raises:
        UserError: It is something else, or the loss is not one number.
    """
    if isinstance(value, torch.Tensor):
        _check_is_loss(value, model)
        return _make_output(value, {}, None, model)
    if isinstance(value, Mapping) and "loss" in value:
        stats = {name: item for name, item in value.items() if name not in _RESERVED}
        stats = {name: item for name, item in stats.items() if _is_number(item)}
        return _make_output(
            value["loss"], {**stats, **(value.get("stats") or {})}, value.get("weight"), model
        )
    if isinstance(value, tuple) and len(value) in (2, 3):
        loss, stats, weight = (*value, None)[:3]
        if isinstance(stats, Mapping) and (weight is None or _is_number(weight)):
            return _make_output(loss, stats, weight, model)
    raise UserError(
        f'"{model}.forward" returned {_describe_value(value)}',
        hint=f"in training forward(**batch) returns {FORMS}",
    )


def _check_is_loss(value: torch.Tensor, model: str) -> None:
    """Refuse scores: a model that was made for inference returns them from ``forward``."""
    if value.numel() != 1:
        raise UserError(
            f'"{model}.forward" returned {_describe_value(value)}, not a loss',
            hint=f"in training forward(**batch) returns {FORMS}; a loss is one number",
        )


_RESERVED = ("loss", "stats", "weight")


def _make_output(loss: Any, stats: Mapping[str, Any], weight: Any, model: str) -> ForwardOutput:
    losses = _read_losses(loss, model)
    kept: Stats = {}
    for name, item in stats.items():
        if item is not None:
            kept[name] = _read_number(name, item, model)
    if isinstance(losses, dict):
        kept |= {f"{name}/loss": item.detach() for name, item in losses.items()}
        kept["loss"] = sum(item.detach() for item in losses.values())
    else:
        kept["loss"] = losses.detach()
    return ForwardOutput(
        losses, kept, None if weight is None else _read_number("weight", weight, model)
    )


def _read_losses(loss: Any, model: str) -> torch.Tensor | dict[str, torch.Tensor]:
    if isinstance(loss, Mapping):
        return {str(name): _scalar_loss(item, model) for name, item in loss.items()}
    if isinstance(loss, Sequence) and loss and all(map(_is_named, loss)):
        return {str(item.name): _scalar_loss(item.loss, model) for item in loss}
    return _scalar_loss(loss, model)


def _is_named(loss: Any) -> bool:
    """Return whether something is a loss of a named optimizer; a tensor has a name, too."""
    return hasattr(loss, "name") and hasattr(loss, "loss")


def _scalar_loss(loss: Any, model: str) -> torch.Tensor:
    if not isinstance(loss, torch.Tensor):
        raise UserError(
            f'the loss of "{model}" is {_describe_value(loss)}, not a tensor',
            hint=f"forward(**batch) returns {FORMS}",
        )
    if loss.numel() != 1:
        raise UserError(
            f'the loss of "{model}" has shape {tuple(loss.shape)}',
            hint="reduce it to one number, for example with .mean()",
        )
    return loss if loss.dim() == 0 else loss.reshape(())


def _read_number(name: str, value: Any, model: str) -> torch.Tensor | float:
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return value.detach() if value.dim() == 0 else value.detach().reshape(())
    if isinstance(value, Real):
        return float(value)
    raise UserError(f'"{name}" of "{model}" is {_describe_value(value)}, not one number')


def _is_number(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, Real)


def _describe_value(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, tuple):
        return f"a tuple of {', '.join(type(item).__name__ for item in value) or 'nothing'}"
    return "None" if value is None else f"{type(value).__name__} {value!r:.60}"
