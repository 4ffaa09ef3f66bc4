"""What was probably meant by a value of the wrong type."""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.schema.class_names import (
    DOTTED,
    REFERENCE_PATH,
    likely_target,
    wants_target,
)
from espnet3_compiler.schema.types import Schema, allowed_types, has_type, json_type
from espnet3_compiler.syntax.core_schema import core_value
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence

TRUE_WORDS = ("on", "yes", "y", "true", "t")
FALSE_WORDS = ("off", "no", "n", "false", "f")
NULL_WORDS = ("none", "nil", "null", "~")
CONSTANTS = {"inf": ".inf", "+inf": ".inf", "infinity": ".inf", "-inf": "-.inf", "nan": ".nan"}
LOOKALIKES = str.maketrans({"o": "0", "O": "0", "l": "1", "I": "1"})
NUMBER = r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"
THOUSANDS = r"^[-+]?[0-9]{1,3}( [0-9]{3})+$"
PYTHON_TUPLE = r"^\(\s*[^()\[\]{}]+,[^()\[\]{}]*\)$"
PLAIN_SAFE = r"^\w[\w./-]*$"


class ValueHint(Struct, frozen=True):
    """Advice on a value.

    Attributes:
        help: Lines of advice.
        text: What to write in place of the value, where that is known.
        certain: Whether nothing else can have been meant.
    """

    help: tuple[str, ...] = ()
    text: str | None = None
    certain: bool = False


def value_hint(node: Node, schema: Schema) -> ValueHint:
    """Return advice on a node whose type the schema does not allow."""
    types = allowed_types(schema)
    instead = schema.get("x-instead", {}).get(json_type(node))
    if instead and not _is_whole(node):
        return ValueHint((instead,))
    if isinstance(node, Scalar):
        return _scalar_hint(node, types, schema)
    if "object" in types and isinstance(node, Sequence) and _is_flow_mapping(node):
        return ValueHint(("write it without the brackets",), node.items[0].span.text, certain=True)
    if isinstance(node, Sequence) and "object" in types and node.items:
        return ValueHint(("write its keys without a dash in front",))
    if isinstance(node, Sequence) and len(node.items) == 1 and has_type(node.items[0], schema):
        only = node.items[0]
        line = only.span.text if isinstance(only, Scalar) and "\n" not in only.span.text else None
        return ValueHint(("write the item without brackets or dash",), line)
    if isinstance(node, Mapping) and "array" in types:
        return ValueHint(("begin each item with a dash",))
    return ValueHint()


def _is_whole(node: Node) -> bool:
    """Return whether a node is a number such as ``4e6``, which is a whole one all the same."""
    return isinstance(node, Scalar) and isinstance(node.value, float) and node.value.is_integer()


def _is_flow_mapping(node: Sequence) -> bool:
    """Return whether a list is a single mapping in brackets, on one line."""
    only = node.items[0] if len(node.items) == 1 else None
    on_line = only is not None and "\n" not in node.span.text
    return on_line and isinstance(only, Mapping) and only.span.source is node.span.source


def _scalar_hint(node: Scalar, types: tuple[str, ...], schema: Schema) -> ValueHint:
    if isinstance(node.value, str):
        return _text_hint(node, node.value, types, schema)
    if node.value is None:
        return _null_hint(types)
    raw = node.span.text
    if "string" in types and raw.strip():
        return ValueHint(("put it in quotes to make it text",), f'"{raw}"')
    if isinstance(node.value, bool) and "object" in types:
        return _switch_hint(schema, on=node.value)
    if "integer" in types and isinstance(node.value, float) and node.value.is_integer():
        integer = str(int(node.value))
        return ValueHint((f"write {integer}",), integer, certain=True)
    return _list_hint(node, types, schema)


def _switch_hint(schema: Schema, *, on: bool) -> ValueHint:
    """Return advice on true or false in place of a mapping of settings."""
    if not on:
        none = "null" if "null" in allowed_types(schema) else "{}"
        return ValueHint((f"write {none} for none",))
    known = schema.get("properties", {})
    given = {name: part["default"] for name, part in known.items() if part.get("default")}
    name = next(iter(given), None)
    if name is None or wants_target(schema):
        return ValueHint(("write its keys in a mapping",))
    return ValueHint((f"write its keys in a mapping, for example {{{name}: {given[name]}}}",))


def _null_hint(types: tuple[str, ...]) -> ValueHint:
    if "object" in types:
        return ValueHint(("indent its keys under it, or write {} for none",))
    if "array" in types:
        return ValueHint(("indent its items under it, or write [] for none",))
    return ValueHint(("write a value, or leave the key out",))


def _text_hint(node: Scalar, text: str, types: tuple[str, ...], schema: Schema) -> ValueHint:
    word = text.strip().casefold()
    quoted = node.style != "plain"
    if "boolean" in types and word in TRUE_WORDS + FALSE_WORDS:
        right = "true" if word in TRUE_WORDS else "false"
        reason = "in quotes it is text" if quoted else f'"{text}" is text in YAML 1.2'
        return ValueHint((f"{reason}; write {right}",), right, certain=True)
    if "null" in types and word in NULL_WORDS:
        reason = "in quotes it is text" if quoted else f'"{text}" is text in YAML'
        return ValueHint((f"{reason}; write null",), "null", certain=True)
    if "number" in types or "integer" in types:
        return _number_hint(text, types, quoted=quoted)
    if "object" in types and wants_target(schema):
        return _target_hint(text, schema)
    return _list_hint(node, types, schema)


def _target_hint(text: str, schema: Schema) -> ValueHint:
    """Return advice on a text in place of a mapping with ``_target_``."""
    if re.match(REFERENCE_PATH, text):
        return ValueHint((f'write "${{{text}}}"',), f'"${{{text}}}"')
    path = likely_target(text, schema)
    if path is None:
        return ValueHint(("write {_target_: package.module.Name, and its arguments beside}",))
    sure = re.match(DOTTED, text) is not None
    advice = (f"write {{_target_: {path}}}, with its arguments beside _target_",)
    return ValueHint(advice, f"{{_target_: {path}}}", certain=sure)


def _number_hint(text: str, types: tuple[str, ...], *, quoted: bool) -> ValueHint:
    word = text.strip()
    if word.casefold() in CONSTANTS and "number" in types:
        right = CONSTANTS[word.casefold()]
        return ValueHint((f"write {right}",), right, certain=True)
    for reading, reason, certain in number_readings(text, quoted=quoted):
        number = _as_number(reading, types)
        if number is not None:
            return ValueHint((f"{reason}; write {number}",), number, certain)
    kind = "a whole number (an integer)" if "integer" in types else "a number"
    return ValueHint((f"write {kind} in digits",))


def number_readings(text: str, *, quoted: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield the numbers that a text may mean, each with why it is none and whether it is certain.

    Args:
        text: The text.
        quoted: Whether it stands in quotes.
    """
    word = text.strip()
    has_digit = any(char in "0123456789" for char in word)
    readings = [
        (word, "in quotes it is text", quoted),
        (word.replace("_", ""), "underscores make it text in YAML 1.2", True),
        (word.translate(LOOKALIKES), "a letter stands where a digit should", has_digit),
        (word.replace(",", "."), "a decimal comma makes it text", True),
        (word.rstrip(".,;:"), "it has a mark at its end", True),
        (word.replace(" ", ""), "a blank makes it text", bool(re.match(THOUSANDS, word))),
    ]
    for reading, reason, applies in readings:
        if applies and re.match(NUMBER, reading) and (quoted or reading != word):
            yield reading, reason, "," not in word


def _as_number(text: str, types: tuple[str, ...]) -> str | None:
    """Return the number as the schema wants it, or None when it cannot be an integer."""
    if "number" in types or text.lstrip("+-").isdigit():
        return text
    value = float(text)
    return str(int(value)) if value.is_integer() else None


def _list_hint(node: Scalar, types: tuple[str, ...], schema: Schema) -> ValueHint:
    if "array" not in types:
        return ValueHint()
    text = node.span.text
    if inside := python_tuple(node):
        return ValueHint((f"a list stands in brackets: {inside}",), inside)
    items = schema.get("items", {})
    if isinstance(items, dict) and isinstance(node.value, str) and wants_target(items):
        return _in_list(_target_hint(node.value, items))
    if isinstance(items, dict) and has_type(node, items) and "\n" not in text and text.strip():
        certain = "," not in text
        parts = text if certain else ", ".join(part.strip() for part in text.split(","))
        return ValueHint((f"write it as a list: [{parts}]",), f"[{parts}]", certain)
    return ValueHint(("write it as a list, each item after a dash",))


def _in_list(hint: ValueHint) -> ValueHint:
    """Return advice on the only item of a list as advice on the list."""
    if hint.text is None:
        return ValueHint(("write a list: [{_target_: package.module.Name, its arguments}]",))
    advice = (f"write [{hint.text}], with its arguments beside _target_",)
    return ValueHint(advice, f"[{hint.text}]", hint.certain)


def python_tuple(node: Scalar) -> str | None:
    """Return the YAML list for a text such as ``(0.9, 0.98)``, None for other texts."""
    text = node.value if isinstance(node.value, str) else ""
    if node.style != "plain" or not re.match(PYTHON_TUPLE, text):
        return None
    return f"[{text[1:-1].strip().rstrip(',')}]"


def quoted_like(node: Scalar, text: str) -> str:
    """Return a text as YAML, in the quotes of the scalar that it replaces."""
    if node.style == "single":
        return "'" + text.replace("'", "''") + "'"
    if node.style == "double":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    stays_text = re.match(PLAIN_SAFE, text) and isinstance(core_value(text), str)
    return text if stays_text else f'"{text}"'
