"""Numbers of labels and letters that go beyond those that a layer of the model has."""

from collections.abc import Iterable

from espnet3_compiler.checks.shapes.torch_layers import OverNumbered
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.syntax.span_key import first_per_location, span_key


def numbering_findings(found: Iterable[OverNumbered]) -> list[Diagnostic]:
    """Return R434, once for each place."""
    return first_per_location(map(_finding, found))


def _finding(found: OverNumbered) -> Diagnostic:
    """Return the finding: at a value of the recipe that decides the number, else in the code."""
    places, numbering = found.argument.places, found.numbering
    place = next((one for one in places if one.body is None), places[0])
    count, last = found.argument.number, numbering.highest
    spans = {span_key(one.span): one.span for one in places if one is not place}
    spans.pop(span_key(place.span), None)
    rows = "rows" if found.layer.kind == "Embedding" else "scores"
    what = "letters" if numbering.letters else "labels"
    return Diagnostic(
        "R434",
        f"{found.layer.shown} has {count} {rows}, 0 to {(count or 1) - 1}, and the numbers of "
        f"{what} go up to {last}",
        Label(place.span, f"{count}, not {last + 1}"),
        (
            Label(numbering.place.span, f"up to {last} by this"),
            *(Label(one, "comes through here") for one in spans.values()),
        ),
        (f"write {last + 1}",),
    )
