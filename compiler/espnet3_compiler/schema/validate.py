"""Judge trees by the JSON Schemas of the project: one finding for each mistake, at its node.

``jsonschema`` judges (``keywords.py``); here its errors become findings.

Beyond the standard the schemas say ``x-exclusive`` (keys that exclude each other; null does not
count), ``x-requires-one`` (one of these keys must be there), ``x-renamed`` and ``x-moved`` (what
to write instead of a key of ESPnet3), ``x-habits`` (keys of other tools, see ``habits.json``),
``x-values`` (what to write instead of a value) and ``x-instead`` (instead of a JSON type),
``x-classes`` (classes that people choose), ``x-form`` (a pattern in words), ``x-target`` and
``x-path`` (for other checks), ``x-unit`` (of a number), and ``x-example`` (for the reference).
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from jsonschema.exceptions import ValidationError
from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.schema import keys, other_tools
from espnet3_compiler.schema import messages as findings
from espnet3_compiler.schema.keywords import LIMITS, find_errors, reordered_items, to_value
from espnet3_compiler.schema.types import Instance, Schema
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, Sequence

_VALUE_KEYWORDS = (
    *("type", "enum", "minLength", "pattern", *LIMITS),
    *("items", "prefixItems", "minItems", "maxItems"),
)
"""Keywords about a value itself: of several errors there the first in this order is enough."""

_KEY_KEYWORDS = (
    *("required", "additionalProperties", "dependentRequired"),
    *("x-argument", "x-requires-one", "x-exclusive"),
)
"""Keywords about the keys of a mapping; any other can only stand in the schema of a System."""
_Position = tuple[int, ...]
_Found = tuple[_Position, Diagnostic]
_INTO_BLOCK = r"write (\w+): \{"
_TEXT_FOR_MAPPING = r'\[\d+\]" must be a mapping, not the text '


class _Report(Struct, frozen=True):
    lenient_references: bool
    found: list[tuple[_Position, Diagnostic]]
    skipped: set[Path]


def validate_tree(
    node: Node, schema: Schema, *, lenient_references: bool, partial_tree: bool = False
) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a tree, in the order of its text.

    Args:
        node: The tree.
        schema: A schema of ``espnet3_schemas``.
        lenient_references: Whether every ``${…}`` may stand for anything, as in a manifest before
            resolution. Otherwise a complete ``${stages.…}`` counts as text, because outputs are
            paths; other references that are left still stand for anything.
        partial_tree: Whether required keys may stand elsewhere, as in one layer of a config.
    """
    errors: dict[Path, list[ValidationError]] = {}
    value = to_value(node, lenient=lenient_references)
    for error in find_errors(schema, value):
        if not (partial_tree and _only_lacks_key(error)):
            errors.setdefault(tuple(error.absolute_path), []).append(error)
    report = _Report(lenient_references, [], set())
    root = Instance(node, "", None, schema)
    for path in sorted(errors, key=len):
        if report.skipped.isdisjoint(path[:length] for length in range(len(path) + 1)):
            _report_errors(root, path, errors[path], report)
    found = _merge_moved(sorted(report.found, key=lambda pair: pair[0]))
    return tuple(_merge_items(found))


def _only_lacks_key(error: ValidationError) -> bool:
    """Return whether a mapping lacks a key, and has none that may be meant to be it."""
    schema: Any = error.schema
    given: Any = error.instance
    return error.validator == "required" and given.keys() <= schema.get("properties", {}).keys()


def _merge_moved(found: list[_Found]) -> list[_Found]:
    """Return findings, with one for the keys of a mapping that belong into the same block of it."""
    first: dict[tuple[_Position, str], int] = {}
    kept: list[_Found] = []
    for position, finding in found:
        text = finding.help[0] if finding.help and finding.code == "R601" else ""
        advice = re.match(_INTO_BLOCK, text) if text else None
        block = (position[:-1], advice[1]) if advice else None
        if block is None or block not in first:
            if block:
                first[block] = len(kept)
            kept.append((position, finding))
            continue
        at, earlier = kept[first[block]]
        joined = replace(earlier.joined_with(finding), help=(*earlier.help, *finding.help))
        kept[first[block]] = at, joined
    return kept


def _merge_items(found: list[_Found]) -> Iterator[Diagnostic]:
    """Yield findings, with one for the items of a list that are all texts in place of mappings."""
    parent: _Position | None = None
    first: Diagnostic | None = None
    for position, finding in found:
        is_item = finding.code == "R602" and bool(re.search(_TEXT_FOR_MAPPING, finding.message))
        if first and is_item and parent == position[:-1]:
            first = replace(first.joined_with(finding), help=(*first.help, *finding.help))
            continue
        if first:
            yield first
        parent, first = position[:-1] if is_item else None, finding
    if first:
        yield first


def _report_errors(
    root: Instance, path: Path, errors: list[ValidationError], report: _Report
) -> None:
    spot, position = _locate(root, path)
    by_keyword = {error.validator: error for error in reversed(errors)}
    first = next((name for name in _VALUE_KEYWORDS if name in by_keyword), None)
    if first is not None and _says(spot.node, first, by_keyword[first]):
        report.found.append((position, _value_finding(spot, first, by_keyword[first])))
        report.skipped.add(path)
        return
    other = next((error for error in errors if error.validator not in _KEY_KEYWORDS), None)
    if other is not None or not isinstance(spot.node, Mapping):
        report.found.append((position, findings.broken_rule(spot, (other or errors[0]).message)))
        return
    schema: Any = errors[0].schema
    misspelt = keys.find_misspelt_keys(spot.node, schema)
    wrong = {*keys.find_unknown_keys(spot.node, schema), *misspelt.values()}
    report.skipped.update((*path, name) for name in wrong)
    merges: set[object] = set()
    names = [entry.name for entry in spot.node]
    for tool, advice, entries in other_tools.keys_of_other_tools(spot.node, schema, wrong):
        wrong -= {entry.name for entry in entries}
        at = (*position, names.index(entries[0].name))
        report.found.append((at, other_tools.foreign_keys(spot, tool, advice, entries)))
    for index, entry in enumerate(spot.node):
        if entry.name in wrong and not _is_reported(entry, merges):
            suits = partial(_is_valid_value, entry.value, schema, report.lenient_references)
            finding = findings.unknown_key(spot, entry, schema, misspelt, suits)
            report.found.append(((*position, index), finding))
    end = (*position, len(spot.node.entries))
    report.found.extend((end, f) for f in _presence_findings(spot, spot.node, schema, misspelt))


def _says(node: Node, keyword: str, error: ValidationError) -> bool:
    """Return whether there is a message for a broken keyword: not for all in a System's schema."""
    schema: Any = error.schema
    if keyword == "enum":
        return isinstance(node, Scalar)
    return keyword != "minLength" or schema["minLength"] == 1


def _locate(spot: Instance, path: Path) -> tuple[Instance, _Position]:
    """Return the node at the path of an error, and which entry or item of each level it is in."""
    position = []
    for step in path:
        if isinstance(spot.node, Sequence) and isinstance(step, int):
            position.append(step)
            spot = spot.item(step, spot.node.items[step])
        else:
            assert isinstance(spot.node, Mapping)
            names = [entry.name for entry in spot.node]
            position.append(names.index(str(step)))
            spot = spot.entry(spot.node.entries[position[-1]])
    return spot, tuple(position)


def _value_finding(spot: Instance, keyword: str, error: ValidationError) -> Diagnostic:
    schema: Any = error.schema
    match keyword:
        case "type":
            return findings.wrong_type(spot, schema)
        case "enum":
            return findings.not_in_enum(spot, schema)
        case "minLength":
            return findings.empty_text(spot)
        case "pattern":
            return findings.pattern_mismatch(spot, schema)
        case "items":
            return findings.flat_list(spot, schema["items"])
    if keyword in LIMITS:
        return findings.out_of_range(spot, schema, LIMITS[keyword][0], schema[keyword])
    assert isinstance(spot.node, Sequence)
    order = reordered_items(spot.node, schema) if keyword == "prefixItems" else None
    if order is not None:
        return findings.wrong_order(spot, schema, order)
    return findings.wrong_length(spot, schema)


def _is_reported(entry: Entry, merges: set[object]) -> bool:
    """Return whether another key of the same merge was reported: what is wrong is the merge."""
    steps = {(step.span.source, step.span.start) for step in entry.key.via if step.how == "merge"}
    reported = not merges.isdisjoint(steps)
    merges |= steps
    return reported


def _is_valid_value(value: Node, schema: Schema, lenient: bool, name: str) -> bool:
    """Return whether a value could stand under another key."""
    return not any(find_errors(schema["properties"][name], to_value(value, lenient=lenient)))


def _presence_findings(
    spot: Instance, node: Mapping, schema: Schema, misspelt: dict[str, str]
) -> Iterator[Diagnostic]:
    """Check which keys are there together, apart from those that are misspelt."""
    moved = schema.get("x-moved", {})
    said = [moved[entry.name] for entry in node if entry.name in moved]
    for name in keys.find_missing_keys(node, schema):
        if name not in misspelt and not any(text.startswith(f"write {name}:") for text in said):
            yield findings.missing_key(spot, name, schema)
    one_of = schema.get("x-requires-one", ())
    if one_of and not misspelt and has_certain_keys(node) and not any(map(node.entry, one_of)):
        yield findings.missing_alternative(spot, one_of)
    for conflict in keys.find_conflicting_keys(node, schema):
        yield findings.conflicting_keys(spot, conflict)
    for dependency in keys.find_missing_dependencies(node, schema):
        yield findings.missing_dependency(spot, dependency)
