"""What plain jsonschema finds becomes a finding, and nothing else does.

Documents are made from the schemas themselves, then damaged. What the project's own keywords say
is left out of the comparison, as plain jsonschema knows none of them.
"""

import copy
import json
import random

import jsonschema
import pytest

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.read import read_text
from espnet3_schemas import ROLES, load

OWN = ("x-exclusive", "x-requires-one")
ROUNDS = 300
TEXTS = ("a.B", "auto", "digits/asr", "x", "", "cuda:0", "min", "00:01:00:00")
DAMAGE = (None, True, False, 0, -1, 1, 3, 0.5, -0.5, 1e9, "", "x", "a.B", [], [1], {}, {"a": 1})


def strictly_whole(_checker, instance):
    return isinstance(instance, int) and not isinstance(instance, bool)


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", strictly_whole),
)


def without_own(schema):
    if isinstance(schema, dict):
        return {key: without_own(value) for key, value in schema.items() if key not in OWN}
    return [without_own(item) for item in schema] if isinstance(schema, list) else schema


def make(rng, schema, depth=0):
    """Return something that mostly fits a schema."""
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else rng.choice(kind)
    if kind == "object":
        return make_object(rng, schema, depth)
    if kind == "array":
        count = rng.randrange(schema.get("minItems", 0), schema.get("maxItems", 3) + 1)
        places = schema.get("prefixItems", [])
        rest = schema.get("items") or {"type": "integer"}
        below = [places[i] if i < len(places) else rest for i in range(count)]
        return [make(rng, item, depth + 1) for item in below]
    simple = {"null": None, "boolean": rng.random() < 0.5, "integer": rng.randrange(5)}
    simple |= {"number": rng.choice([0, 1, 0.5, 2.0]), "string": rng.choice(TEXTS)}
    return simple[kind]


def make_object(rng, schema, depth):
    if "if" in schema:
        schema = {**schema, **schema[rng.choice(["then", "else"])], "type": "object"}
    share = 0.5 / (depth + 1)
    made = {
        name: make(rng, below, depth + 1)
        for name, below in schema.get("properties", {}).items()
        if name in schema.get("required", ()) or rng.random() < share
    }
    others = schema.get("additionalProperties")
    if isinstance(others, dict) and rng.random() < 0.5:
        made["extra"] = make(rng, others, depth + 1)
    return made


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from places(below, (*path, index))


def damaged(rng, document):
    """Return a document with one place changed, a key renamed or a key removed."""
    document = copy.deepcopy(document)
    path = rng.choice([path for path in places(document) if path] or [()])
    if not path:
        return document
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    match rng.randrange(3), holder:
        case 0, dict():
            del holder[path[-1]]
        case 1, dict() if not str(path[-1]).startswith("_"):  # of a target: told by the spelling
            holder[f"{path[-1]}x"] = holder.pop(path[-1])
        case _:
            holder[path[-1]] = rng.choice(DAMAGE)
    return document


def ours(document, schema):
    node, found = read_text(Source("t.json", json.dumps(document)))
    assert not found
    return validate_tree(node, schema, lenient_references=False)


@pytest.mark.parametrize("name", ["recipe", *ROLES])
def test_same_verdict(name):
    rng = random.Random(name)
    schema = without_own(load(name))
    validator = Validator(schema)
    verdicts = set()
    for _ in range(ROUNDS):
        document = make(rng, schema)
        for _ in range(rng.randrange(3)):
            document = damaged(rng, document)
        findings = ours(document, schema)
        errors = list(validator.iter_errors(document))
        assert bool(findings) == bool(errors), (document, findings, errors)
        verdicts.add(bool(errors))
    assert verdicts == {True, False}


@pytest.mark.parametrize("name", ["recipe", *ROLES])
def test_as_many_findings_as_mistakes(name):
    """Each unknown or damaged value is found once; jsonschema lumps unknown keys together."""
    rng = random.Random(name)
    schema = without_own(load(name))
    good = [doc for doc in (make(rng, schema) for _ in range(ROUNDS)) if doc]
    good = [document for document in good if not ours(document, schema)]
    assert good
    for document in good:
        unknown = {f"zzz{index}": 1 for index in range(rng.randrange(1, 4))}
        findings = ours({**document, **unknown}, schema)
        assert [finding.code for finding in findings] == ["R601"] * len(unknown)
