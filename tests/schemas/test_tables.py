"""What both sides read from this package: definitions, kinds, late values, numbers."""

import pytest

from espnet3_schemas import exit_codes, inline_definitions, load, load_as_written, systems
from espnet3_schemas.build_records import SCHEMA_VERSION, Stage
from espnet3_schemas.editor import editor_schema
from espnet3_schemas.late_values import Env, StageOutput, from_json, to_json


def test_definitions_stand_in_place_of_references():
    schema = {
        "$defs": {
            "a": {"type": "string", "title": "A"},
            "b": {"$ref": "#/$defs/a", "minLength": 2},
        },
        "properties": {"x": {"$ref": "#/$defs/b", "title": "X"}, "y": {"type": "number"}},
        "anyOf": [{"$ref": "#/$defs/a"}, True],
    }
    found = inline_definitions(schema)
    assert found["properties"] == {
        "x": {"type": "string", "title": "X", "minLength": 2},
        "y": {"type": "number"},
    }
    assert found["anyOf"] == [{"type": "string", "title": "A"}, True]
    assert inline_definitions({"type": "number"}) == {"type": "number"}


def test_files_are_read_once():
    assert load("training") is load("training")
    assert load("training") == inline_definitions(load_as_written("training"))
    assert load_as_written("training") is load_as_written("training")
    assert systems() is systems()
    assert "$ref" not in str(load("training"))
    for read in (load, load_as_written, editor_schema):
        with pytest.raises(FileNotFoundError, match=r"none\.schema\.json"):
            read("none")


def stage(run):
    return Stage("a", run, None, {}, None, None, (), (), {})


def test_the_facts_of_a_kind():
    assert stage("train").facts is systems()["kinds"]["train"]
    for own in ("mine", None):
        assert stage(own).facts == {"roles": {}, "model": "optional", "needs_torch": True}
    assert stage("train") != stage("train")
    assert load_as_written("lock")["properties"]["schema_version"]["enum"] == [SCHEMA_VERSION]


def test_exit_codes_are_those_of_shells_and_linters():
    assert {name: code for name, code in vars(exit_codes).items() if name.isupper()} == {
        "CLEAN": 0,
        "MISTAKES": 1,
        "USAGE": 2,
        "INTERNAL_ERROR": 3,
        "INTERRUPTED": 130,
        "BROKEN_PIPE": 141,
    }


FORMS = [
    ((), []),
    (("a", "b"), ["a", "b"]),
    ((StageOutput("s", "o"),), [{"stage": "s", "output": "o"}]),
    ((Env("A"),), [{"env": "A"}]),
    ((Env("A", (), True, True),), [{"env": "A", "default": None}]),
    ((Env("A", (), True),), [{"env": "A", "default": []}]),
    (
        (Env("A", ("x", Env("B", ("y",), True)), True), "z"),
        [{"env": "A", "default": ["x", {"env": "B", "default": ["y"]}]}, "z"],
    ),
]


@pytest.mark.parametrize(("parts", "form"), FORMS)
def test_late_values_have_one_form(parts, form):
    assert to_json(parts) == form
    assert from_json({"t": form}) == {"t": parts}


def nested(levels):
    form = ["x"]
    for _ in range(levels):
        form = [{"env": "A", "default": form}]
    return form


def test_late_values_have_a_hundred_levels():
    assert to_json(from_json({"t": nested(100)})["t"]) == nested(100)
    with pytest.raises(ValueError, match=r"^something else stands for the parts of a late value$"):
        from_json({"t": nested(101)})


@pytest.mark.parametrize("table", [None, [], "x"])
def test_late_values_are_a_table(table):
    with pytest.raises(ValueError, match=r"^the late values are no table$"):
        from_json(table)


@pytest.mark.parametrize(
    "part",
    [
        1,
        [],
        {},
        {"stage": "s"},
        {"stage": "s", "output": 1},
        {"stage": "s", "output": "o", "more": 1},
        {"env": 1},
        {"env": "A B"},
        {"env": "A", "more": 1},
    ],
)
def test_other_parts_are_refused(part):
    with pytest.raises(ValueError, match=r"^something else stands for a part of a late value$"):
        from_json({"t": [part]})
