"""Reads the allowed return values of a model's ``forward`` into one form."""

from collections.abc import Iterable, Mapping, Sequence
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
        stats: Numbers to log, scalar tensors or floats; ``loss`` among them, or of several losses
            ``NAME/loss`` of each.
        weight: How much the batch counts in means over an epoch; None is its number of items.
    """

    losses: torch.Tensor | dict[str, torch.Tensor]
    stats: Stats
    weight: torch.Tensor | float | None


def read_forward_output(value: Any, model: str) -> ForwardOutput:
    """Read the return value of ``forward``.

    A tensor is the loss.  Of a mapping, ``loss`` is the loss, ``weight`` the weight, ``stats`` a
    mapping of numbers, and every other number is logged; other values are left alone, so the
    outputs of other libraries fit.  A tuple is ESPnet's ``(loss, stats, weight)``.  With named
    optimizers, ``loss`` may map their names to losses, or be a sequence of objects with ``loss``
    and ``name``.

    Args:
        value: The return value; losses have one element, shape ``()`` or ``(1,)``.
        model: The model's name in messages.

    Raises:
        UserError: It has none of these forms, or the loss is not one number.
    """
    if isinstance(value, torch.Tensor):
        if value.numel() != 1:  # a model that was made for inference returns scores
            raise UserError(
                f'"{model}.forward" returned {_describe_value(value)}, not a loss',
                hint=f"in training forward(**batch) returns {FORMS}; a loss is one number",
            )
        return _make_output(value, {}, None, model)
    if isinstance(value, Mapping) and "loss" in value:
        reserved = ("loss", "stats", "weight")
        stats = {k: v for k, v in value.items() if k not in reserved and _is_number(v)}
        stats |= value.get("stats") or {}
        return _make_output(value["loss"], stats, value.get("weight"), model)
    if isinstance(value, tuple) and len(value) in (2, 3):
        loss, stats, weight = (*value, None)[:3]
        if isinstance(stats, Mapping) and (weight is None or _is_number(weight)):
            return _make_output(loss, stats, weight, model)
    raise UserError(
        f'"{model}.forward" returned {_describe_value(value)}',
        hint=f"in training forward(**batch) returns {FORMS}",
    )


def _make_output(loss: Any, stats: Mapping[str, Any], weight: Any, model: str) -> ForwardOutput:
    logged: Stats = {
        name: _read_number(name, item, model) for name, item in stats.items() if item is not None
    }
    weight = None if weight is None else _read_number("weight", weight, model)
    named: Iterable[tuple[Any, Any]] | None = loss.items() if isinstance(loss, Mapping) else None
    if isinstance(loss, Sequence) and loss and all(map(_is_named_loss, loss)):
        named = [(item.name, item.loss) for item in loss]
    if named is None:
        single = _scalar_loss(loss, model)
        return ForwardOutput(single, {**logged, "loss": single.detach()}, weight)
    losses = {str(name): _scalar_loss(item, model) for name, item in named}
    logged |= {f"{name}/loss": item.detach() for name, item in losses.items()}
    if len(losses) == 1:
        logged.setdefault("loss", *[item.detach() for item in losses.values()])
    return ForwardOutput(losses, logged, weight)


def _is_named_loss(loss: Any) -> bool:
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
    return loss if loss.dim() == 0 else loss.reshape(())  # the same loss keeps its identity


def _read_number(name: str, value: Any, model: str) -> torch.Tensor | float:
    if not _is_number(value):
        raise UserError(f'"{name}" of "{model}" is {_describe_value(value)}, not one number')
    return value.detach().reshape(()) if isinstance(value, torch.Tensor) else float(value)


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
