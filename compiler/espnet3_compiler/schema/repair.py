"""Go on with the keys that were meant, so that a misspelt key is one finding and no more.

A slip such as ``confgis:`` would otherwise make every stage lose its config, and every reference
into it lead nowhere.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.schema.indentation import repair_layout
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, map_children, map_keys

KeyCorrections = dict[SpanKey, str]


def repair_misspelt_keys(
    node: Mapping, schema: dict[str, Any]
) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """Give misspelt keys the names that were meant, also below keys that were misspelt.

    Args:
        node: A manifest, or a part of a config before it is laid over the others.
        schema: Its whole schema.

    Returns:
        The tree, and the findings about the keys that changed; what else is wrong is left.
    """
    node, found = repair_layout(node, schema)
    while slips := _misspelt_keys(node, schema):
        found += slips
        node = _correct_mapping(node, slips)
    return node, found


def _misspelt_keys(node: Mapping, schema: dict[str, Any]) -> tuple[Diagnostic, ...]:
    findings = validate_tree(node, schema, lenient_references=True)
    return tuple(
        f for f in findings if _is_misspelling(f) and not f.primary.span.text.startswith("~")
    )


def _correct_mapping(node: Mapping, slips: Iterable[Diagnostic]) -> Mapping:
    repaired = _correct_node(node, _corrections_of(slips))
    assert isinstance(repaired, Mapping)
    return repaired


def _is_misspelling(finding: Diagnostic) -> bool:
    return finding.code == "R601" and finding.fix is not None


def _corrections_of(slips: Iterable[Diagnostic]) -> KeyCorrections:
    return {
        span_key(finding.fix.edits[0].span): finding.fix.edits[0].text.strip("\"'")
        for finding in slips
        if finding.fix is not None
    }


def _correct_node(node: Node, meant: KeyCorrections) -> Node:
    node = map_children(node, lambda child, _: _correct_node(child, meant))
    if not isinstance(node, Mapping):
        return node
    renamed = map_keys(node, lambda key: meant.get(span_key(key.span), key.value))
    return replace(renamed, entries=_without_repetitions(renamed))


def _without_repetitions(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Keep the first of two keys that were both meant to be the same one."""
    kept: dict[object, Entry] = {}
    for entry in entries:
        kept.setdefault(entry.key.value, entry)
    return tuple(kept.values())
