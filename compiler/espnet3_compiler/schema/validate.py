"""Trees against the JSON Schemas of the project, one finding for each mistake, at its place.

Only the part of draft 2020-12 that ``espnet3_schemas`` uses is known here; a test compares the
verdicts with those of the ``jsonschema`` package, and refuses a schema with any other keyword. An
own walk because a finding needs the node and not its value, and because importing ``jsonschema``
alone costs half of what a whole check may take (0.1 s of CPU time).

Beyond the standard the schemas say ``x-exclusive`` (keys that exclude each other; null does not
count), ``x-requires-one`` (one of these keys must be there), ``x-renamed`` and ``x-moved`` (what
to write instead of a key of ESPnet3), ``x-form`` (a pattern in words), ``x-target`` and
``x-path`` (for other checks), and ``x-example`` (for the reference).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import permutations

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.schema import keys
from espnet3_compiler.schema import messages as findings
from espnet3_compiler.schema.types import Instance, Schema, has_type, resolve_schema
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_schemas import TARGET

REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
ARGUMENT_SCHEMA: Schema = {
    "properties": {name: {} for name in (TARGET, "_args_", "_partial_", "_recursive_", "_convert_")}
}
MAX_REORDERED = 4
PATH_OUTPUT = re.compile(r"^\$\{\s*stages\.")


@dataclass(frozen=True, slots=True)
class _ValidationOptions:
    root: Schema
    lenient: bool


def validate_tree(
    node: Node, schema: Schema, *, lenient_references: bool
) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a tree, in the order of its text.

    Args:
        node: The tree.
        schema: A whole schema of ``espnet3_schemas``.
        lenient_references: Whether every ``${…}`` may stand for anything, as in a manifest before
            resolution. Otherwise a whole ``${stages.…}`` counts as text, because outputs are
            paths; other references that are left still stand for anything.
    """
    rules = _ValidationOptions(schema, lenient_references)
    return tuple(_validate_node(Instance(node, "", None, schema["title"]), schema, rules))


def _validate_node(
    spot: Instance, schema: Schema, rules: _ValidationOptions
) -> Iterator[Diagnostic]:
    if is_placeholder(spot.node):  # its mistake has been reported
        return
    if _is_schema_default(spot.node):
        return
    schema = resolve_schema(schema, rules.root, None)
    schema = resolve_schema(schema, rules.root, keys.with_corrected_keys(spot.node, schema))
    if isinstance(spot.node, Scalar) and isinstance(spot.node.value, str):
        yield from _validate_text(spot, spot.node.value, schema, rules)
    elif not has_type(spot.node, schema):
        yield findings.wrong_type(spot, schema)
    elif isinstance(spot.node, Mapping):
        yield from _validate_object(spot, spot.node, schema, rules)
    elif isinstance(spot.node, Sequence):
        yield from _validate_array(spot, spot.node, schema, rules)
    else:
        yield from _validate_scalar(spot, spot.node, schema)


def _is_schema_default(node: Node) -> bool:
    """Return whether a node stands where its schema put it; a test holds defaults valid."""
    if node.span.source.kind != "schema":
        return False
    return all(step.how == "default" for step in node.via)


def _validate_text(
    spot: Instance, text: str, schema: Schema, rules: _ValidationOptions
) -> Iterator[Diagnostic]:
    reference = REFERENCE.search(text)
    whole = reference is not None and reference.start() == 0 and text.endswith("}")
    if whole and (rules.lenient or not PATH_OUTPUT.match(text)):
        return
    if not has_type(spot.node, schema):
        yield findings.wrong_type(spot, schema)
    elif reference is None:
        yield from _validate_scalar(spot, spot.node, schema)


def _validate_scalar(spot: Instance, node: Node, schema: Schema) -> Iterator[Diagnostic]:
    """Check a scalar of the right type; the first thing that is wrong is enough."""
    assert isinstance(node, Scalar)
    value = node.value
    if "enum" in schema and not _is_enum_member(value, schema["enum"]):
        yield findings.not_in_enum(spot, schema["enum"])
    elif isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield findings.empty_text(spot)
        elif "pattern" in schema and not _compile_pattern(schema["pattern"]).search(value):
            yield findings.pattern_mismatch(spot, schema)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        limit = _violated_limit(value, schema)
        if limit:
            yield findings.out_of_range(spot, schema, *limit)


def _is_enum_member(value: object, allowed: list[object]) -> bool:
    return any(value == other and type(value) is type(other) for other in allowed)


def _violated_limit(value: float, schema: Schema) -> tuple[str, float] | None:
    if not value >= schema.get("minimum", value):
        return "at least", schema["minimum"]
    if not value <= schema.get("maximum", value):
        return "at most", schema["maximum"]
    if "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
        return "more than", schema["exclusiveMinimum"]
    if "exclusiveMaximum" in schema and not value < schema["exclusiveMaximum"]:
        return "less than", schema["exclusiveMaximum"]
    return None


@cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _validate_array(
    spot: Instance, node: Sequence, schema: Schema, rules: _ValidationOptions
) -> Iterator[Diagnostic]:
    length = len(node.items)
    if (wrapped := _unwrapped_item_schema(node, schema, rules)) is not None:
        yield findings.flat_list(spot, wrapped)
    elif (order := _reordered_items(node, schema)) is not None:
        yield findings.wrong_order(spot, schema, order)
    elif not schema.get("minItems", 0) <= length <= schema.get("maxItems", length):
        yield findings.wrong_length(spot, schema, length)
    else:
        places = schema.get("prefixItems", [])
        for index, item in enumerate(node.items):
            below = places[index] if index < len(places) else schema.get("items", {})
            yield from _validate_node(spot.item(index, item), below, rules)


def _unwrapped_item_schema(
    node: Sequence, schema: Schema, rules: _ValidationOptions
) -> Schema | None:
    """Return the schema of the items of a list of lists where one item stands without brackets."""
    item = schema.get("items")
    if not isinstance(item, dict) or not node.items:
        return None
    item = resolve_schema(item, rules.root, None)
    single = "prefixItems" in item and not any(isinstance(i, Sequence) for i in node.items)
    fitting = single and not any(_validate_node(Instance(node, "", None, ""), item, rules))
    return item if fitting else None


def _reordered_items(node: Sequence, schema: Schema) -> tuple[Node, ...] | None:
    """Return the items in the order in which they have the right types, None if that is theirs."""
    places = schema.get("prefixItems", [])
    if len(places) != len(node.items) or _have_types(node.items, places):
        return None
    orders = permutations(node.items) if len(places) <= MAX_REORDERED else ()
    return next((order for order in orders if _have_types(order, places)), None)


def _have_types(items: tuple[Node, ...], places: list[Schema]) -> bool:
    return all(
        has_type(item, place)
        and ("enum" not in place or _is_enum_member(getattr(item, "value", None), place["enum"]))
        for item, place in zip(items, places, strict=True)
    )


def _validate_object(
    spot: Instance, node: Mapping, schema: Schema, rules: _ValidationOptions
) -> Iterator[Diagnostic]:
    unknown = keys.find_unknown_keys(node, schema)
    slips = keys.find_misspelt_keys(node, schema, unknown)
    properties: Schema = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    wrong = {*unknown, *slips.values()}
    merges: set[object] = set()
    for entry in node:
        name = entry.name
        if name in wrong and not _is_reported(entry, merges):
            suits = partial(_is_valid_value, entry.value, properties, rules)
            yield findings.unknown_key(spot, entry, schema, rules.root, slips, suits)
        elif name in wrong:
            continue
        elif name in properties:
            yield from _validate_node(spot.entry(entry), properties[name], rules)
        elif isinstance(others, dict):
            yield from _validate_node(spot.entry(entry), others, rules)
        elif TARGET in properties:
            yield from _validate_argument(spot.entry(entry), rules)
    yield from _validate_presence(spot, node, schema, slips)


def _is_reported(entry: Entry, merges: set[object]) -> bool:
    """Return whether another key of the same merge was reported: what is wrong is the merge."""
    places = {(step.span.source, step.span.start) for step in entry.key.via if step.how == "merge"}
    told = not merges.isdisjoint(places)
    merges |= places
    return told


def _is_valid_value(value: Node, properties: Schema, rules: _ValidationOptions, name: str) -> bool:
    """Return whether a value could stand under another key."""
    return not any(_validate_node(Instance(value, name, None, ""), properties[name], rules))


def _validate_argument(spot: Instance, rules: _ValidationOptions) -> Iterator[Diagnostic]:
    """Look for misspelt ``_target_`` in the arguments of a target, which are otherwise free."""
    if isinstance(spot.node, Sequence):
        for index, item in enumerate(spot.node.items):
            yield from _validate_argument(spot.item(index, item), rules)
    elif isinstance(spot.node, Mapping):
        yield from _validate_target_flags(spot, spot.node, rules)
        slips = keys.find_misspelt_keys(spot.node, ARGUMENT_SCHEMA, ())
        for entry in spot.node:
            if entry.name in slips.values():
                yield findings.unknown_key(spot, entry, ARGUMENT_SCHEMA, rules.root, slips)
            else:
                yield from _validate_argument(spot.entry(entry), rules)


def _validate_target_flags(
    spot: Instance, node: Mapping, rules: _ValidationOptions
) -> Iterator[Diagnostic]:
    """Check ``_partial_`` and its like in a target among the arguments of another."""
    described = rules.root.get("$defs", {})
    known = described.get("target", described.get("model", {})).get("properties", {})
    for entry in node if node.entry(TARGET) else ():
        if entry.name in known and entry.name != TARGET:
            yield from _validate_node(spot.entry(entry), known[entry.name], rules)


def _validate_presence(
    spot: Instance, node: Mapping, schema: Schema, slips: dict[str, str]
) -> Iterator[Diagnostic]:
    """Check which keys are there together, apart from those that are misspelt."""
    for name in keys.find_missing_keys(node, schema):
        if name not in slips:
            yield findings.missing_key(spot, name, schema)
    if "x-requires-one" in schema and not slips and has_certain_keys(node):
        yield from _validate_requires_one(spot, node, schema["x-requires-one"])
    for first, second in keys.find_conflicting_keys(node, schema):
        yield findings.conflicting_keys(spot, first, second)
    for entry, needed in keys.find_missing_dependencies(node, schema):
        yield findings.missing_dependency(spot, entry, needed)


def _validate_requires_one(spot: Instance, node: Mapping, names: list[str]) -> Iterator[Diagnostic]:
    if not any(node.entry(name) for name in names):
        yield findings.missing_alternative(spot, names)
