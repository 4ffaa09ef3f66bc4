"""Correct misspelt keys in the tree, so that each of them is one finding and no more.

``confgis:`` would otherwise leave every stage without its config, and every reference into it
without a value.
"""

from functools import partial, reduce

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.schema.foreign_targets import repair_foreign_targets
from espnet3_compiler.schema.indentation import repair_layout
from espnet3_compiler.schema.named_items import repair_named_items
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, map_children, map_keys


def repair_misspelt_keys(node: Mapping, schema: Schema) -> tuple[Mapping, tuple[Diagnostic, ...]]:
    """Give misspelt keys the names that were meant, also below keys that were misspelt.

    Returns a layer of a config and the findings about the keys that changed; other mistakes stay.
    """
    node, found, _ = repair_and_validate(node, schema, partial_tree=True)
    return node, found


def repair_and_validate(
    node: Mapping, schema: Schema, *, partial_tree: bool = False
) -> tuple[Mapping, tuple[Diagnostic, ...], tuple[Diagnostic, ...]]:
    """Do the same, and return as well what ``validate_tree`` finds in the repaired tree.

    Args:
        node: A tree.
        schema: Its schema.
        partial_tree: Whether required keys may stand elsewhere.
    """
    judge = partial(
        validate_tree, schema=schema, lenient_references=True, partial_tree=partial_tree
    )
    node, found = repair_layout(node, schema)
    for repair in (repair_named_items, repair_foreign_targets):
        node, more = repair(node, schema)
        found += more
    wrong = judge(node)
    while misspelt := _misspelt_keys(wrong):
        found += _merge_singular_keys(tuple(misspelt.values()))
        edits = {key: finding.fix.edits[0] for key, finding in misspelt.items() if finding.fix}
        meant = {key: edit.text.strip("\"'") for key, edit in edits.items()}
        repaired = _correct_node(node, meant)
        assert isinstance(repaired, Mapping)
        node = repaired
        wrong = judge(node)
    return node, found, wrong


def _merge_singular_keys(found: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Report ``model`` and ``config`` for ``models`` and ``configs`` once: it is one habit."""
    singular = [one for one in found if one.fix and one.fix.title == f'write "{_written(one)}s"']
    first = next(iter(singular), None)
    others = [one for one in singular[1:] if first and _subject(one) == _subject(first)]
    if first is None or not others:
        return found
    lines = tuple(line for one in (first, *others) for line in one.help)
    merged = replace(reduce(Diagnostic.joined_with, others, first), help=lines)
    return tuple(merged if one is first else one for one in found if one not in others)


def _written(finding: Diagnostic) -> str:
    return finding.primary.span.text.strip("\"'")


def _subject(finding: Diagnostic) -> list[str]:
    return finding.message.split()[:3]


def _misspelt_keys(found: tuple[Diagnostic, ...]) -> dict[SpanKey, Diagnostic]:
    """Return the findings about misspelt keys that have a fix, by where the key is written."""
    return {
        span_key(finding.fix.edits[0].span): finding
        for finding in found
        if finding.code == "R601" and finding.fix and finding.primary.span.text[:1] != "~"
    }


def _correct_node(node: Node, meant: dict[SpanKey, str]) -> Node:
    node = map_children(node, lambda child, _: _correct_node(child, meant))
    if not isinstance(node, Mapping):
        return node
    kept: dict[object, Entry] = {}  # of two keys that were meant to be the same one the first
    for entry in map_keys(node, lambda key: meant.get(span_key(key.span), key.value)):
        kept.setdefault(entry.key.value, entry)
    return replace(node, entries=tuple(kept.values()))
