"""How a value came from where it was written to where it is used."""

from espnet3_compiler.diagnostics.diagnostic import Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import Node

FETCHING_STEPS = ("interpolation", "alias")
"""Steps that fetch a value from elsewhere: it may be right where it was written."""

USE_STEPS = (*FETCHING_STEPS, "default")
"""Steps to report: a default stands in no file of the recipe, but the config that takes it."""

STEP_LABELS = {
    "alias": "used through this alias",
    "merge": "merged in here",
    "extends": "inherited here",
    "interpolation": "fetched here",
    "default": "the default",
    "set": "set here",
}


def use_location(node: Node) -> Span:
    """Return the span to report for a finding in a value.

    That is the outermost ``${…}`` or alias that fetched the value, or the config that takes a
    default. A value that was inherited or merged is reported where it was written.
    """
    return next((step.span for step in node.via if step.how in USE_STEPS), node.span)


def is_fixable(node: Node) -> bool:
    """Return whether a finding in a value can be fixed in the file where the value stands."""
    return use_location(node) is node.span and node.span.source.kind == "file"


def provenance_labels(node: Node, primary: Span | None = None) -> tuple[Label, ...]:
    """Return a label for every other span that a value came through, the written one last.

    ``primary`` is the span that the finding itself shows, ``use_location`` unless given.
    """
    labels = [Label(step.span, STEP_LABELS.get(step.how, step.how)) for step in node.via]
    labels.append(Label(node.span, "written here"))
    distinct: dict[tuple[str, int, int], Label] = {}
    for label in labels:
        distinct.setdefault(_location_key(label.span), label)
    distinct.pop(_location_key(primary or use_location(node)), None)
    return tuple(distinct.values())


def _location_key(span: Span) -> tuple[str, int, int]:
    return span.source.name, span.start, span.end
