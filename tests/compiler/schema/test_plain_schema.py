"""JSON Schemas that others wrote: what they say of values, as far as these are known."""

import json
import re

import pytest

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.schema.plain_schema import plain_schema
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.read import read_text


def said(schema, text):
    """Return what is wrong with ``a: TEXT`` where the schema is that of ``a``."""
    whole = {"title": "Own config", "properties": {"a": schema}}
    node, _ = read_text(Source("own.yaml", f"a: {text}\n"))
    plain = plain_schema(json.dumps(whole))
    found = validate_tree(node, plain, lenient_references=False)
    return [f"{one.code} {one.message}" for one in found]


MODE = {"properties": {"mode": {"const": "x"}}, "required": ["mode"]}
OUTPUT = '"${stages.train.best}"'
FITS = [
    ({"const": 3}, "3"),
    ({"enum": [[1, 2], {"b": 1}]}, "[1, 2]"),
    ({"not": {"type": "string"}}, "3"),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "3"),
    ({"uniqueItems": True}, "[1, 2]"),
    ({"if": MODE, "then": {"required": ["b"]}}, "{mode: y}"),
    ({"patternProperties": {"^w_": {}}, "additionalProperties": False}, "{w_1: 2}"),
    ({"propertyNames": {"pattern": "^w_"}}, "{w_1: 2}"),
    ({"multipleOf": 0.5}, ".nan"),
    ({"multipleOf": 0.5}, "9" * 400),
    (True, "3"),
]


@pytest.mark.parametrize(("schema", "text"), FITS)
def test_values_that_fit(schema, text):
    assert said(schema, text) == []


NOT_YET = [
    ({"const": 3}, "${oc.env:N}"),
    ({"const": "x"}, OUTPUT),
    ({"enum": [["x"], ["y"]]}, f"[{OUTPUT}]"),
    ({"not": {"type": "string"}}, '"${oc.env:N}"'),
    ({"oneOf": [{"type": "string"}, {"minLength": 1}]}, OUTPUT),
    ({"anyOf": [{"const": "x"}, {"const": "y"}]}, OUTPUT),
    ({"uniqueItems": True}, f"[{OUTPUT}, {OUTPUT}]"),
    ({"contains": {"const": "x"}}, f"[y, {OUTPUT}]"),
    ({"if": MODE, "else": {"required": ["b"]}}, f"{{mode: {OUTPUT}}}"),
    ({"pattern": "^x", "maxLength": 3}, OUTPUT),
]


@pytest.mark.parametrize(("schema", "text"), NOT_YET)
def test_values_that_only_a_run_knows(schema, text):
    assert said(schema, text) == []


WRONG = [
    ({"const": 3}, "4", 'R602 "a" does not fit the schema of its role: 3 was expected'),
    ({"enum": [1, "x"]}, "[1]", 'R602 "a" does not fit the schema of its role: it is none of'),
    ({"minLength": 4}, "abc", "R602 \"a\" does not fit the schema of its role: 'abc' is too short"),
    ({"propertyNames": {"pattern": "^w"}}, "{v: 1}", '"v" may not be a key'),
    ({"if": MODE, "then": {"required": ["b"]}}, "{mode: x}", 'R603 "a" needs the key "b"'),
    ({"patternProperties": {"^w": {}}, "additionalProperties": False}, "{w: 1, v: 2}", "R601"),
    (False, "3", 'R602 "a" does not fit'),
    ({"items": False}, "[3]", 'R602 "a[0]" does not fit'),
    ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, "3", "is valid under each of"),
]


@pytest.mark.parametrize(("schema", "text", "message"), WRONG)
def test_values_that_do_not_fit(schema, text, message):
    found = said(schema, text)
    assert len(found) == 1
    assert message in found[0]


REFERENCES = [
    ({"$ref": "#/$defs/x", "$defs": {"x": False}}, {"not": {}}),
    ({"items": {"$ref": "#/$defs/x"}, "$defs": {"x": True}}, {"items": {}}),
    ({"properties": {"$ref": {"type": "string"}}}, {"properties": {"$ref": {"type": "string"}}}),
    ({"default": {"$ref": 3}}, {"default": {"$ref": 3}}),
]


@pytest.mark.parametrize(("schema", "plain"), REFERENCES)
def test_what_references_become(schema, plain):
    assert plain_schema(json.dumps(schema)) == plain


UNUSABLE = [
    ("{", "Expecting property name"),
    ("true", "it is no object"),
    ('{"type": "text"}', "'text' is not valid"),
    ('{"pattern": "("}', "is not a 'regex'"),
    ('{"items": {"$ref": "#/definitions/x"}}', 'leads to nothing in its "$defs": #/definitions/x'),
    ('{"$defs": {"x": {"$ref": "#/$defs/x"}}, "$ref": "#/$defs/x"}', "it contains itself"),
    ('{"$defs": {"x": {"items": {"$ref": "#/$defs/x"}}}, "$ref": "#/$defs/x"}', "contains itself"),
    ('{"items": {"$dynamicRef": "#x"}}', "is not followed"),
]


@pytest.mark.parametrize(("text", "reason"), UNUSABLE)
def test_schemas_that_cannot_be_used(text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        plain_schema(text)
