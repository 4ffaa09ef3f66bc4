"""Probabilities: those that are none, and effects that are never applied.

Passes: ``dropout: 0.1``; ``{effects: [...], apply_prob: 0.5}``.
Fails: ``dropout: 10``; ``{effects: [...], apply_prob: 0}``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import number_of
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, walk_mappings
from espnet3_schemas import TARGET

_PROBABILITY = r"p|prob|probability|.*_prob"
_CERTAIN = ("_prob", "_dropout", "_dropout_rate", "_dropout_p")
"""What the names of arguments end in that can be nothing but a probability."""

_EFFECTS = ("effects", "transforms", "augmentations", "augments", "noises", "rirs")
_PERCENT = 100


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R605 for numbers that are no probability, R802 for effects without one."""
    del recipe
    roots = (*resolved.configs.values(), *resolved.models.values())
    nodes = [node for root in roots for node in walk_mappings(root)]
    yield from first_per_location(found for node in nodes for found in _check_mapping(node))


def _check_mapping(node: Mapping) -> Iterator[Diagnostic]:
    names = {key.value for key, _ in node.entries}
    if not names.isdisjoint(_EFFECTS):
        yield from _check_effects(node)
    if TARGET in names:
        for entry in node:
            yield from _check_range(entry)


def _check_range(entry: Entry) -> Iterator[Diagnostic]:
    """Report an argument that is certainly a probability and no number from 0 to 1."""
    node = entry.value
    value = None if isinstance(node, Scalar) and is_unresolved(node) else number_of(node)
    if value is None or 0 <= value <= 1 or not _is_certain(entry.name):
        return
    share = value / _PERCENT
    meant = f"did you mean {share:g}?" if 0 < share <= 1 else "write a number from 0 to 1"
    message = f"{entry.name} is a probability, not {value}"
    yield value_finding("R605", message, node, "not between 0 and 1", advice=(meant,))


def _is_certain(name: str) -> bool:
    return name == "probability" or f"_{name}".endswith(_CERTAIN)


def _check_effects(node: Mapping) -> Iterator[Diagnostic]:
    effects = next((found for name in _EFFECTS if (found := node.entry(name))), None)
    if effects is None or not isinstance(effects.value, Sequence) or not effects.value.items:
        return
    for entry in node:
        if re.fullmatch(_PROBABILITY, entry.name) and is_zero(entry.value):
            yield Diagnostic(
                "R802",
                f"{entry.name} is 0: the {effects.name} are never applied",
                Label(entry.value.span, "never"),
                related=(Label(effects.key.span, "listed here"),),
                help=(f"write a probability above 0, or remove {effects.name}",),
            )


def is_zero(node: Node | None) -> bool:
    """Return whether a value is the number 0."""
    return isinstance(node, Scalar) and node.value == 0 and not isinstance(node.value, bool)
