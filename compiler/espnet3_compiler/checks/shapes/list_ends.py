"""Indices from the recipe that lie beyond the end of a list in the code of a model.

Passes: ``self.run_layers(hidden)[layer]`` for ``layer: 1`` where that is a list of two; -1.
Fails: the same for ``layer: 2``, counted from one.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from espnet3_compiler.checks.shapes.values import CallArgument, Constant
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.syntax.span_key import first_per_location, span_key


class BeyondEnd(Struct, frozen=True):
    """An item of a list that it certainly does not have.

    Attributes:
        item: Which one is taken.
        length: How many there are.
    """

    item: CallArgument
    length: int


def beyond_end(index: CallArgument, count: int) -> BeyondEnd | None:
    """Return an index that is certainly not one of a list of so many items.

    Args:
        index: The index.
        count: How many items there are.
    """
    number = index.value.value if isinstance(index.value, Constant) else None
    if type(number) is not int or -count <= number < count:
        return None
    return BeyondEnd(index, count)


def list_findings(found: Iterable[BeyondEnd]) -> list[Diagnostic]:
    """Return R523, once for each value of the recipe that decides such an index."""
    return first_per_location(finding for one in found for finding in _findings(one))


def _findings(found: BeyondEnd) -> Iterator[Diagnostic]:
    places, number = found.item.places, found.item.number
    written = [one for one in places if one.body is None]
    spans = {span_key(one.span): one.span for one in places if one.body is not None}
    for place in written[:1]:
        yield Diagnostic(
            "R523",
            f"the code takes item {number} of a list of {found.length}, whose indices begin at 0",
            Label(place.span, "out of range"),
            tuple(Label(span, "the index comes through here") for span in spans.values()),
            (f"write a number from 0 to {found.length - 1}, or -1 for the last",),
        )
