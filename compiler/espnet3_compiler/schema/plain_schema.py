"""Read a JSON Schema that somebody else wrote, in the plain form in which ours are written.

``$ref`` becomes what it leads to, ``true`` and ``false`` become schemas, and ``if`` stands in an
``allOf``: all that goes down trees with their schemas need not know them.
"""

import json
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator

from espnet3_compiler.schema.types import Schema
from espnet3_schemas import inline_definitions

_ONE = ("items", "contains", "not", "if", "then", "else", "propertyNames")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_CONDITION = ("if", "then", "else")
_LINKS = ("$dynamicRef", "$recursiveRef")


def plain_schema(text: str) -> Schema:
    """Return the schema in a text.

    Raises:
        ValueError: It is no schema, or none that can be used; the message says why.
    """
    try:
        schema = json.loads(text)
        Draft202012Validator.check_schema(schema)
        if not isinstance(schema, dict):
            raise ValueError("it is no object")  # noqa: TRY004  what a user wrote
        definitions = {name: _as_object(one) for name, one in schema.get("$defs", {}).items()}
        plain = _plain(inline_definitions({**schema, "$defs": definitions}))
    except SchemaError as error:
        raise ValueError(error.message) from None
    except KeyError as error:
        raise ValueError(f'"$ref" leads to nothing in its "$defs": {error.args[0]}') from None
    except RecursionError:
        raise ValueError("it contains itself, or goes too deep") from None
    for link in _LINKS:
        if f'"{link}"' in text:
            raise ValueError(f'"{link}" is not followed')
    return plain


def _as_object(schema: Any) -> Schema:
    """Return a schema that may be ``true`` or ``false`` as an object."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    found: Schema = schema
    return found


def _plain(schema: Any) -> Schema:
    found = {
        key: _plain_part(key, value)
        for key, value in _as_object(schema).items()
        if not key.startswith("x-") and key != "$defs"
    }
    condition = {key: found.pop(key) for key in _CONDITION if key in found}
    return {**found, "allOf": [*found.get("allOf", ()), condition]} if condition else found


def _plain_part(key: str, value: Any) -> Any:
    if key in _ONE or (key == "additionalProperties" and not isinstance(value, bool)):
        return _plain(value)
    if key in _LISTS:
        return [_plain(one) for one in value]
    if key in _NAMED:
        return {name: _plain(one) for name, one in value.items()}
    return value
