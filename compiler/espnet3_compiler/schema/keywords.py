"""The keywords of our schemas for ``jsonschema``, and trees as the values that it judges.

A ``${…}``, a node that could not be read and a schema's own default become markers that every
keyword lets through. Keywords that ask for a whole value wait until all of it is known.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import permutations
from typing import Any

from jsonschema.exceptions import ValidationError
from jsonschema.validators import Draft202012Validator, extend

from espnet3_compiler.schema.keys import find_conflicting_keys, find_misspelt_keys
from espnet3_compiler.schema.types import Schema, has_type
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, to_python
from espnet3_schemas import TARGET


class _Marker:
    """Stands for a value that is not judged; reasons show it as such."""

    def __repr__(self) -> str:
        return "${…}"


class _Default(_Marker):
    """Stands for a value that its own schema put there."""

    def __init__(self, node: Node) -> None:
        self.node = node


ANYTHING = _Marker()
"""Stands for a value of which nothing is known."""
ANY_TEXT = _Marker()
"""Stands for a text that a ``${…}`` completes."""
REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
PATH_OUTPUT = re.compile(r"^\$\{\s*stages\.")
MAX_REORDERED = 4
LIMITS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
}
_STANDARD = Draft202012Validator.VALIDATORS
_WHOLE = (
    *("const", "not", "oneOf", "contains", "uniqueItems", "dependentSchemas"),
    *("minProperties", "maxProperties", "unevaluatedProperties", "unevaluatedItems"),
)
"""Keywords that what is not known yet could break or keep."""
_TARGET_KEYS = (TARGET, "_args_", "_partial_", "_recursive_", "_convert_")

_Errors = Iterator[ValidationError]


class _ObjectValue(dict[str, Any]):
    node: Mapping
    wrong_by: Schema | None = None  # the schema that it is known to break


class _ArrayValue(list[Any]):
    node: Sequence
    wrong_by: Schema | None = None


_WITH_PARTS = (dict, list)
_CLASSES = {
    "object": _ObjectValue,
    "array": _ArrayValue,
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": float,
    "null": type(None),
}
"""The classes of values by their type; of numbers those with a point."""


def to_value(node: Node, *, lenient: bool) -> Any:
    """Return a tree as the values that a validator judges; ``lenient``: see ``validate_tree``."""
    if is_placeholder(node):
        return ANYTHING
    if node.span.source.kind == "schema" and {step.how for step in node.via} <= {"default"}:
        return _Default(node)  # a test holds defaults valid
    if isinstance(node, Scalar):
        return _text_value(node.value, lenient) if isinstance(node.value, str) else node.value
    if isinstance(node, Mapping):
        value = _ObjectValue(
            {str(key.value): to_value(below, lenient=lenient) for key, below in node.entries}
        )
        value.node = node
        return value
    array = _ArrayValue([to_value(item, lenient=lenient) for item in node.items])
    array.node = node
    return array


def _known_value(value: Any) -> Any:
    """Return a value with the defaults in it; a marker where a part of it is not known."""
    if isinstance(value, _Default):
        return to_python(value.node)
    if isinstance(value, _ObjectValue):
        known: Any = _ObjectValue({key: _known_value(below) for key, below in value.items()})
        parts, certain = known.values(), has_certain_keys(value.node)
    elif isinstance(value, _ArrayValue):
        parts = known = _ArrayValue(map(_known_value, value))
        certain = True
    else:
        return value
    known.node = value.node
    return known if certain and not any(isinstance(one, _Marker) for one in parts) else ANYTHING


def _text_value(text: str, lenient: bool) -> object:
    reference = REFERENCE.search(text) if "${" in text else None
    if reference is None:
        return text
    complete = reference.start() == 0 and text.endswith("}")
    return ANYTHING if complete and (lenient or not PATH_OUTPUT.match(text)) else ANY_TEXT


def reordered_items(node: Sequence, schema: Schema) -> tuple[Node, ...] | None:
    """Return the items in the order in which they have the right types, None if that is theirs."""
    expected = schema["prefixItems"]
    if len(expected) != len(node.items) or _have_types(node.items, expected):
        return None
    orders = permutations(node.items) if len(expected) <= MAX_REORDERED else ()
    return next((order for order in orders if _have_types(order, expected)), None)


def _have_types(items: tuple[Node, ...], expected: list[Schema]) -> bool:
    return all(
        has_type(item, schema)
        and ("enum" not in schema or _is_member(getattr(item, "value", None), schema["enum"]))
        for item, schema in zip(items, expected, strict=True)
    )


def _is_member(value: object, allowed: list[object]) -> bool:
    return any(
        value == other and (type(value) is type(other) or isinstance(value, _WITH_PARTS))
        for other in allowed
    )


def _check_type(validator: Any, types: Any, value: Any, schema: Schema) -> _Errors:
    kind = type(value)
    for one in (types,) if isinstance(types, str) else types:
        if kind is _CLASSES.get(one):
            return  # most are, and the standard takes ten times the time
    if value is ANY_TEXT or not isinstance(value, _Marker):
        yield from _STANDARD["type"](validator, types, "" if value is ANY_TEXT else value, schema)


def _check_enum(_validator: Any, allowed: list[object], value: Any, _schema: Schema) -> _Errors:
    known = value if isinstance(value, _Marker) else _known_value(value)
    if not isinstance(known, _Marker) and not _is_member(known, allowed):
        yield ValidationError(f"it is none of {', '.join(map(repr, allowed))}")


def _known_check(keyword: str) -> Callable[..., _Errors]:
    """Return a keyword that judges nothing but values of which all is known."""

    def check(validator: Any, rule: Any, value: Any, schema: Schema) -> _Errors:
        known = _known_value(value)
        if not isinstance(known, _Marker):
            yield from _STANDARD[keyword](validator, rule, known, schema)

    return check


def _check_properties(
    validator: Any, known: dict[str, Schema], value: Any, _schema: Schema
) -> _Errors:
    """Check the keys that a schema names, but for what it put there itself and what is unknown."""
    if isinstance(value, dict):
        for name, schema in known.items():
            below = value.get(name, ANYTHING)
            if below is ANYTHING or isinstance(below, _Default):
                continue
            if not _is_valid(validator, schema, below):
                yield from validator.descend(below, schema, path=name, schema_path=name)


def _is_valid(validator: Any, schema: Any, value: Any) -> bool:
    """Ask the keywords themselves: ``descend`` makes a validator for each value that it judges.

    Most values are right; only for what is wrong with one it is asked what that is. What it finds
    wrong it does not judge again: that is asked on each level above a mistake.
    """
    has_parts = isinstance(value, _ObjectValue | _ArrayValue)
    if has_parts and value.wrong_by is schema:
        return False
    checks = validator.VALIDATORS
    for keyword, rule in schema.items():
        if keyword in checks and any(checks[keyword](validator, rule, value, schema) or ()):
            if has_parts:
                value.wrong_by = schema
            return False
    return True


def _are_valid(validator: Any, schema: Any, values: Iterable[Any]) -> bool:
    return isinstance(schema, dict) and all(_is_valid(validator, schema, one) for one in values)


def _check_multiple(validator: Any, unit: float, value: Any, schema: Schema) -> _Errors:
    with suppress(OverflowError, ValueError):  # not finite, or too large for a float
        yield from _STANDARD["multipleOf"](validator, unit, value, schema)


def _check_names(validator: Any, rule: Any, value: Any, _schema: Schema) -> _Errors:
    if isinstance(value, _ObjectValue) and has_certain_keys(value.node):
        names = validator.evolve(schema=rule)
        for name in value:
            if not names.is_valid(name):
                yield ValidationError(f'"{name}" may not be a key')


def _limit_check(holds: Callable[[float, float], bool]) -> Callable[..., _Errors]:
    def check(validator: Any, limit: float, value: Any, _schema: Schema) -> _Errors:
        if validator.is_type(value, "number") and not holds(value, limit):  # nan holds nowhere
            yield ValidationError("beyond the limit")

    return check


def _check_items(validator: Any, item: Any, value: Any, schema: Schema) -> _Errors:
    """Check items; a list that is itself one item of a list of lists is an error of its own."""
    nested = isinstance(item, dict) and "prefixItems" in item and isinstance(value, list) and value
    flat = nested and not any(isinstance(below, list) for below in value)
    if flat and validator.evolve(schema=item).is_valid(value):
        yield ValidationError("an item without brackets")
        return
    rest = value[len(schema.get("prefixItems", ())) :] if isinstance(value, list) else ()
    if not _are_valid(validator, item, rest):
        yield from _STANDARD["items"](validator, item, value, schema)


def _check_prefix_items(validator: Any, items: Any, value: Any, schema: Schema) -> _Errors:
    if isinstance(value, _ArrayValue) and reordered_items(value.node, schema):
        yield ValidationError("another order")
        return
    pairs = zip(items, value, strict=False) if isinstance(value, list) else ()
    if not all(_is_valid(validator, item, below) for item, below in pairs):
        yield from _STANDARD["prefixItems"](validator, items, value, schema)


def _check_branch(validator: Any, condition: Schema, value: Any, schema: Schema) -> _Errors:
    """Apply ``then`` or ``else``, as if a misspelt key that decides were spelt right."""
    if set(condition) != {"required"} or "then" not in schema or "else" not in schema:
        yield from _known_check("if")(validator, condition, value, schema)
    elif isinstance(value, _ObjectValue) and has_certain_keys(value.node):
        meant = value.keys() | find_misspelt_keys(value.node, condition).keys()
        branch = "then" if meant.issuperset(condition["required"]) else "else"
        if not _is_valid(validator, schema[branch], value):
            yield from validator.descend(value, schema[branch])


def _check_other_keys(validator: Any, others: Any, value: Any, schema: Schema) -> _Errors:
    """Check keys that a schema does not name; the arguments of a target are judged as such."""
    known = schema.get("properties", {})
    if not isinstance(value, dict) or value.keys() <= known.keys():
        return
    if others is True and isinstance(value, _ObjectValue) and TARGET in known:
        if find_misspelt_keys(value.node, schema):
            yield ValidationError("a misspelt key of a target")
        flags = {name: below for name, below in known.items() if name[:1] == "_"}
        flags.pop(TARGET)
        others = {"properties": {name: {} for name in _TARGET_KEYS}, "x-argument": flags}
        value = {name: one for name, one in value.items() if isinstance(one, _WITH_PARTS)}
    if not _are_valid(validator, others, [value[name] for name in value.keys() - known.keys()]):
        yield from _STANDARD["additionalProperties"](validator, others, value, schema)


def _check_argument(validator: Any, flags: Schema, value: Any, schema: Schema) -> _Errors:
    """Look for misspelt ``_target_`` and wrong flags in arguments, which are otherwise free."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from validator.descend(item, schema, path=index)
    elif isinstance(value, _ObjectValue):
        if find_misspelt_keys(value.node, schema):
            yield ValidationError("a misspelt key of a target")
        for name, below in value.items():
            if TARGET in value and name in flags:
                yield from validator.descend(below, flags[name], path=name)
            if isinstance(below, _WITH_PARTS):
                yield from validator.descend(below, schema, path=name)


def _check_requires_one(_validator: Any, names: list[str], value: Any, _schema: Schema) -> _Errors:
    if isinstance(value, _ObjectValue) and value.keys().isdisjoint(names):
        yield ValidationError("none of some keys")


def _check_exclusive(_validator: Any, _pairs: Any, value: Any, schema: Schema) -> _Errors:
    if isinstance(value, _ObjectValue) and any(find_conflicting_keys(value.node, schema)):
        yield ValidationError("keys that exclude each other")


def _is_integer(_checker: object, value: object) -> bool:
    """Return whether a number is written without a point."""
    return isinstance(value, int) and not isinstance(value, bool)


SchemaValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "type": _check_type,
        "enum": _check_enum,
        **{keyword: _limit_check(holds) for keyword, (_, holds) in LIMITS.items()},
        "properties": _check_properties,
        "items": _check_items,
        "prefixItems": _check_prefix_items,
        "if": _check_branch,
        "additionalProperties": _check_other_keys,
        **{keyword: _known_check(keyword) for keyword in _WHOLE},
        "multipleOf": _check_multiple,
        "propertyNames": _check_names,
        "x-argument": _check_argument,
        "x-requires-one": _check_requires_one,
        "x-exclusive": _check_exclusive,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)

_KEYWORDS = SchemaValidator({})


def find_errors(schema: Schema, value: Any) -> Iterable[ValidationError]:
    """Return what is wrong with what ``to_value`` made of a tree."""
    return () if _is_valid(_KEYWORDS, schema, value) else SchemaValidator(schema).iter_errors(value)
