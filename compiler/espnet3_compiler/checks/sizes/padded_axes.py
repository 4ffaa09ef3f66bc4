"""Fields whose lengths a model reads, where the first axis is another one than that of time.

A batch pads the first axis of a field, and ``NAME_lengths`` counts it.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from espnet3_compiler.checks.shapes.values import Tensor
from espnet3_compiler.checks.sizes.batches import FieldArray
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.syntax.span_key import first_per_location


class Field(Struct, frozen=True):
    """A field of an item whose lengths are read.

    Attributes:
        name: The field.
        path: The class whose ``forward`` reads them.
        value: Its value in an item.
    """

    name: str
    path: str
    value: FieldArray


def axis_findings(fields: Iterable[Field]) -> list[Diagnostic]:
    """Return R431, once for each place."""
    return first_per_location(finding for one in fields for finding in _findings(one))


def _findings(field: Field) -> Iterator[Diagnostic]:
    place, axis = field.value.place, _first_axis(field.value.array)
    if not place or not axis:
        return
    name = field.name
    yield Diagnostic(
        "R431",
        f'{field.path}.forward reads "{name}_lengths", which count the first axis of "{name}", and '
        f"that is {axis}",
        Label(place.span, "the first axis is not that of time"),
        help=(
            f"give {name} without that axis, for example its [0]: shape (samples,) or (time, …)",
        ),
    )


def _first_axis(array: Tensor) -> str:
    """Return what the first axis of an array is if it is certainly not that of time."""
    if array.channels:
        return "the axis of channels"
    first = [shape[0] if len(shape) > 1 else None for shape in array.shapes]
    return "always 1" if first and all(one and one.value == 1 for one in first) else ""
