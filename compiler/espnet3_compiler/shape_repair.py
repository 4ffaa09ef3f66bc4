"""Go on with the keys that were meant, so that a misspelt key is one finding and no more.

A slip such as ``confgis:`` would otherwise make every stage lose its config, and every reference
into it lead nowhere.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.places import Place, place
from espnet3_compiler.shape import check_shape
from espnet3_compiler.shape_layout import laid_out
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

Meant = dict[Place, str]


def repair(node: Mapping, schema: dict[str, Any]) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """Give misspelt keys the names that were meant, also below keys that were misspelt.

    Args:
        node: A manifest, or a part of a config before it is laid over the others.
        schema: Its whole schema.

    Returns:
        The tree, and the findings about the keys that changed; what else is wrong is left.
    """
    node, found = laid_out(node, schema)
    while slips := _slips(node, schema):
        found += slips
        node = _with_meant_keys(node, slips)
    return node, found


def _slips(node: Mapping, schema: dict[str, Any]) -> tuple[Diagnostic, ...]:
    findings = check_shape(node, schema, lenient_references=True)
    return tuple(f for f in findings if _is_slip(f) and not f.primary.span.text.startswith("~"))


def _with_meant_keys(node: Mapping, slips: Iterable[Diagnostic]) -> Mapping:
    repaired = _repaired(node, _meant(slips))
    assert isinstance(repaired, Mapping)
    return repaired


def _is_slip(finding: Diagnostic) -> bool:
    return finding.code == "R601" and finding.fix is not None


def _meant(slips: Iterable[Diagnostic]) -> Meant:
    return {
        place(finding.fix.edits[0].span): finding.fix.edits[0].text.strip("\"'")
        for finding in slips
        if finding.fix is not None
    }


def _repaired(node: Node, meant: Meant) -> Node:
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_repaired(item, meant) for item in node.items))
    if isinstance(node, Scalar):
        return node
    entries = (Entry(_renamed(entry.key, meant), _repaired(entry.value, meant)) for entry in node)
    return replace(node, entries=_without_repetitions(entries))


def _renamed(key: Scalar, meant: Meant) -> Scalar:
    return replace(key, value=meant.get(place(key.span), key.value))


def _without_repetitions(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Keep the first of two keys that were both meant to be the same one."""
    kept: dict[object, Entry] = {}
    for entry in entries:
        kept.setdefault(entry.key.value, entry)
    return tuple(kept.values())
