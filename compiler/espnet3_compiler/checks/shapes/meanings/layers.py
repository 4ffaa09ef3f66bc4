"""What layers of ``torch.nn`` make of the meaning of a tensor, and those that go over another axis.

Passes: ``nn.GRU(80, 32, batch_first=True)`` for a batch that is padded; a packed sequence.
Fails: ``nn.GRU(80, 32)`` for it, which goes over the items of the batch, without an error.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from espnet3_compiler.checks.shapes.meanings.axes import is_whole, may_be_single, meant, rank_of
from espnet3_compiler.checks.shapes.meanings.functions import over_axis
from espnet3_compiler.checks.shapes.meanings.words import (
    LOG_SOFTMAX,
    SCORES,
    SIGMOID,
    SOFTMAX,
)
from espnet3_compiler.checks.shapes.torch_layers import apply_layer
from espnet3_compiler.checks.shapes.values import Constant, Group, Layer, Tensor, Value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label

_FIRST = "batch_first"
_RECURRENT = ("LSTM", "GRU", "RNN")
_OVER_TIME = (
    *_RECURRENT,
    *("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer"),
)
"""Layers that go over the axis of time, and are told whether the batch stands before it."""

_CONVOLUTIONS = {"Conv1d": 3, "Conv2d": 4, "Conv3d": 5}
"""How many dimensions a batch for them has."""

_SEQUENCES = 3
_SIZES = 2
"""How many arguments each layer over time must be given."""

_NUMBERS = {
    "Linear": SCORES,
    "Softmax": SOFTMAX,
    "LogSoftmax": LOG_SOFTMAX,
    "Sigmoid": SIGMOID,
    **dict.fromkeys(_CONVOLUTIONS, SCORES),
}
_SAME = ("Dropout", "Identity")


def layer_meant(found: Value, layer: Layer, given: Sequence[Value]) -> Value:
    """Return what a layer makes of values, with what that means.

    Args:
        found: What it makes.
        layer: The layer; not several in a row.
        given: What it is called with, in order.
    """
    first = given[0] if given else None
    numbers = _NUMBERS.get(layer.kind, "")
    if layer.kind in _SAME and isinstance(first, Tensor):
        numbers = first.meaning.numbers
    found = meant(
        found, first, lambda one: apply_layer(layer, [one, *given[1:]], lambda _: None), numbers
    )
    if layer.kind in ("Softmax", "LogSoftmax"):
        axis = layer.arguments.get("dim")
        return over_axis(found, axis.number if axis else None)
    return _with_batch(found, layer)


def _with_batch(found: Value, layer: Layer) -> Value:
    """Return a result with the axis of the batch, where the layer itself says it."""
    if layer.kind not in _CONVOLUTIONS and layer.kind not in _OVER_TIME:
        return found
    if isinstance(found, Group) and found.items and layer.kind in _OVER_TIME:
        return Group((_with_batch(found.items[0], layer), *found.items[1:]))
    if not isinstance(found, Tensor) or found.meaning.batch is not None:
        return found
    rank = rank_of(found)
    whole = rank is not None and _CONVOLUTIONS.get(layer.kind) == rank
    told = layer.kind in _OVER_TIME and rank == _SEQUENCES and _is_first(layer)
    return replace(found, meaning=replace(found.meaning, batch=0)) if whole or told else found


def _is_first(layer: Layer) -> bool | None:
    """Return whether a layer takes the batch before time; None where that is not known."""
    argument = layer.arguments.get(_FIRST)
    if argument is None:
        return False
    return bool(argument.value.value) if isinstance(argument.value, Constant) else None


def axis_finding(layer: Layer, given: Sequence[Value]) -> Diagnostic | None:
    """Return R527 where a layer certainly goes over the items of a batch.

    Args:
        layer: The layer.
        given: What it is called with, in order.
    """
    first = given[0] if given else None
    if layer.kind not in _OVER_TIME or layer.changed or not isinstance(first, Tensor):
        return None
    if _is_first(layer) is not False or first.meaning.batch != 0:
        return None
    if len(layer.arguments) < _SIZES:  # which is reported itself
        return None
    if may_be_single(first) or (layer.kind not in _RECURRENT and not is_whole(first)):
        return None
    place = next((one.place for one in layer.arguments.values() if one.place), None)
    if place is None:
        return None
    called = layer.call is not None and place.body is not None
    span = place.body.span_in(layer.call) if called else place.span  # type: ignore[union-attr, arg-type]
    return Diagnostic(
        "R527",
        f"{layer.name} goes over the items of the batch: it takes the first axis for time unless "
        f"{_FIRST} is true",
        Label(span, "the first axis of what it gets is the batch"),
        help=(f"write {_FIRST}=True",),
    )
