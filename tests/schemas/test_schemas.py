"""The schemas are valid, closed, documented, and say the same in all their forms."""

import ast
import importlib.util
import itertools
import json
import re
from pathlib import Path

import jsonschema
import pytest

import espnet3_schemas
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.signature.library import open_library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import NotAnalyzable, Signature
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import to_python
from espnet3_schemas import (
    ROLES,
    SYSTEMS,
    habits,
    inline_definitions,
    load,
    load_as_written,
    systems,
)
from espnet3_schemas.editor import editor_schema, write

NAMES = ("recipe", *ROLES, "system", "lock", "report")
CHECKED = ("recipe", *ROLES, "system")
DIRECTORY = Path(espnet3_schemas.__file__).parent
OPEN_TITLES = {"Target", "Model", "Config"}
KEYWORDS = {
    *("$schema", "$id", "$ref", "$defs", "title", "description", "default", "type", "enum"),
    *("properties", "additionalProperties", "required", "dependentRequired", "items"),
    *("prefixItems", "minItems", "maxItems", "minLength", "pattern", "minimum", "maximum"),
    *("exclusiveMaximum", "if", "then", "else"),
    *("x-target", "x-path", "x-form", "x-renamed", "x-moved", "x-exclusive", "x-requires-one"),
    *("x-example", "x-habits", "x-values", "x-instead", "x-classes", "x-unit"),
}


def subschemas(schema, path="#"):
    """Yield every place where a schema stands."""
    yield path, schema
    for key in ("properties", "$defs"):
        for name, below in schema.get(key, {}).items():
            yield from subschemas(below, f"{path}/{key}/{name}")
    for key in ("additionalProperties", "items", "then", "else"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key], f"{path}/{key}")
    for index, below in enumerate(schema.get("prefixItems", ())):
        yield from subschemas(below, f"{path}/prefixItems/{index}")


def each_schema(names=NAMES):
    """Run a test for every schema in some files; it takes a schema, its root and its path."""

    def decorate(test):
        @pytest.mark.parametrize("name", names)
        def run(name):
            for path, schema in subschemas(load_as_written(name)):
                test(schema, load_as_written(name), path)

        run.__name__ = test.__name__
        return run

    return decorate


@pytest.mark.parametrize("name", NAMES)
def test_is_draft_2020_12(name):
    jsonschema.Draft202012Validator.check_schema(load_as_written(name))
    assert load_as_written(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert load_as_written(name)["$id"].endswith(f":{name}")


def test_every_schema_file_is_tested():
    assert {path.name for path in DIRECTORY.glob("*.schema.json")} == {
        f"{name}.schema.json" for name in NAMES
    }


@each_schema()
def test_uses_known_keywords_only(schema, root, path):
    assert set(schema) <= KEYWORDS, path


@each_schema()
def test_is_closed(schema, root, path):
    if "properties" in schema and schema.get("title") not in OPEN_TITLES:
        assert schema.get("additionalProperties") is False, path


@each_schema()
def test_every_key_is_documented(schema, root, path):
    for name, below in schema.get("properties", {}).items():
        described = {**_followed(below, root), **below}
        assert described.get("title"), (path, name)
        assert described.get("description", "").endswith((".", "…")), (path, name)


@each_schema()
def test_a_reference_adds_no_second_opinion(schema, root, path):
    """So that the definition and what stands beside $ref can simply be joined."""
    if "$ref" in schema:
        beside = {key for key in schema if not key.startswith("x-")}
        beside -= {"$ref", "title", "description", "default", "pattern"}
        assert not beside & set(_followed(schema, root)), path


@each_schema(CHECKED)
def test_a_default_is_valid(schema, root, path):
    if "default" in schema:
        node, found = read_text(Source("default", json.dumps(schema["default"])))
        assert not found
        rooted = {"title": "Default", **schema, "$defs": root.get("$defs", {})}
        assert not validate_tree(node, inline_definitions(rooted), lenient_references=True), path


@each_schema(CHECKED)
def test_advice_on_old_keys_names_real_ones(schema, root, path):
    properties = schema.get("properties", {})
    assert not set(schema.get("x-moved", {})) & set(properties)
    assert not set(schema.get("x-renamed", {})) & set(properties)
    assert set(schema.get("x-renamed", {}).values()) <= set(properties)
    assert not set(schema.get("x-renamed", {})) & set(schema.get("x-moved", {}))
    for keys in habits()["keys"].get(schema.get("x-habits"), {}).values():
        assert not set(keys) & {
            *properties,
            *schema.get("x-renamed", {}),
            *schema.get("x-moved", {}),
        }
    for pair in schema.get("x-exclusive", ()):
        assert set(pair) <= set(properties)


@each_schema(CHECKED)
def test_chosen_classes_are_listed(schema, root, path):
    assert schema.get("x-classes", "optimizer") in habits()["classes"]


@pytest.mark.parametrize("path", sorted(itertools.chain(*habits()["classes"].values())))
def test_classes_that_people_choose_exist(path, tmp_path):
    found = read(open_library(tmp_path), path)
    assert isinstance(found, Signature | NotAnalyzable), found


@each_schema(CHECKED)
def test_a_pattern_is_said_in_words(schema, root, path):
    if "pattern" in schema:
        assert schema["x-form"]
        assert re.compile(schema["pattern"]).pattern.startswith("^")


KEYS_OF_OURS = ("hashes", "model_unless", "packs", "task_without", "model_by")
"""What only kinds of this runtime can say."""


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_that_ships_is_declared_as_any_other(name):
    declared = json.loads((DIRECTORY / "systems" / f"{name}.json").read_text())
    assert declared.pop("class").startswith("espnet3_runtime.systems.")
    assert declared.pop("extends", SYSTEMS[0]) in SYSTEMS
    for kind in declared.get("kinds", {}).values():
        for part in (kind, *kind.get("outputs", {}).values()):
            for key in KEYS_OF_OURS:
                part.pop(key, None)
    schema = load("system")
    errors = jsonschema.Draft202012Validator(schema).iter_errors(declared)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_every_stage_kind_that_ships_is_of_a_system():
    kinds = {kind for system in systems()["systems"].values() for kind in system["kinds"]}
    assert kinds == systems()["kinds"].keys()


def test_roles_have_the_keys_that_stage_kinds_read():
    for kind in systems()["kinds"].values():
        for role, use in kind["roles"].items():
            assert set(use["reads"]) <= {*load(role)["properties"], "*"}


def test_every_key_of_a_role_is_read_by_a_stage_kind():
    read = {role: set() for role in ROLES}
    for kind in systems()["kinds"].values():
        for role, use in kind["roles"].items():
            read[role] |= set(use["reads"])
    for role in ROLES:
        unread = set(load(role)["properties"]) - read[role]
        assert unread <= {"model"} | ({"dataset"} if role == "metrics" else set())


def test_the_trainer_is_lightnings():
    parameters = _trainer_parameters()
    known = set(load("training")["properties"]["trainer"]["properties"])
    newer = {"enable_autolog_hparams", "model_registry"}  # not in every version since 2.4
    assert parameters <= known <= parameters | newer


@pytest.mark.parametrize("name", CHECKED)
def test_editor_schemas_are_up_to_date(name):
    path = DIRECTORY / "editor" / f"{name}.schema.json"
    expected = json.dumps(editor_schema(name), indent=2, ensure_ascii=False) + "\n"
    assert path.read_text(encoding="utf-8") == expected, "run: python -m espnet3_schemas.editor"


def test_the_schemas_of_an_editor_are_written_into_a_new_directory(tmp_path):
    written = write(tmp_path / "editor")
    assert len(written) > 1
    shipped = {path.name: path.read_bytes() for path in (DIRECTORY / "editor").iterdir()}
    assert {path.name: path.read_bytes() for path in written} == shipped


def test_an_editor_accepts_what_is_still_to_be_composed():
    document = {
        "extends": "training",
        "~scheduler": None,
        "seed": "${oc.env:SEED}",
        "average": "${configs.other.average}",
        "nan_policy": "${configs.other.nan_policy}",
        "optimizer": {"lr": 0.1},
        "trainer": {"~logger": None, "max_epochs": "${.other}", "devices": "${oc.env:N}"},
        "dataset": "${configs.other.dataset}",
    }
    assert not _editor_errors("training", document)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"sed": 1}, []),
        ({"seed": "one"}, ["seed"]),
        ({"seed": -1}, ["seed"]),
        ({"nan_policy": "skipp"}, ["nan_policy"]),
        ({"trainer": {"max_epoch": 1}}, ["trainer"]),
        ({"dataset": {"train": [{"nmae": "x"}]}}, ["dataset", "train", 0]),
        ({"trainer": {"strategy": "dpp"}}, ["trainer", "strategy"]),
    ],
)
def test_an_editor_marks_mistakes_at_their_place(document, path):
    errors = _editor_errors("training", document)
    assert [list(error.absolute_path) for error in errors] == [path]


def _trainer_parameters():
    """Read the names from the installed source; to import Lightning takes ten seconds."""
    spec = importlib.util.find_spec("lightning")
    if spec is None or spec.origin is None:
        pytest.skip("needs the extra runtime")
    source = Path(spec.origin).parent / "pytorch" / "trainer" / "trainer.py"
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == "Trainer":
            init = next(item for item in node.body if getattr(item, "name", "") == "__init__")
            return {argument.arg for argument in init.args.kwonlyargs}
    return None


def _editor_errors(name, document):
    return list(jsonschema.Draft202012Validator(editor_schema(name)).iter_errors(document))


def _followed(schema, root):
    if "$ref" not in schema:
        return {}
    return root["$defs"][schema["$ref"].removeprefix("#/$defs/")]


def test_shipped_recipes_name_an_editor_schema():
    recipes = Path(__file__).parents[2] / "recipes"
    headed = 0
    for path in [*recipes.glob("*/*/recipe.yaml"), *recipes.glob("*/*/conf/*.yaml")]:
        head, _, rest = path.read_text(encoding="utf-8").partition("\n")
        if head.startswith("# yaml-language-server: $schema="):
            headed += 1
            schema = (path.parent / head.partition("$schema=")[2]).resolve()
            assert schema.parent == DIRECTORY / "editor", path
            assert not _editor_errors(schema.name.split(".")[0], to_python(_tree(rest))), path
        else:
            assert path.name != "recipe.yaml", f"{path} names no schema"
    assert headed > 1


def _tree(text):
    node, found = read_text(Source("t.yaml", text))
    assert not found
    return node


def test_golden_locks_fit_their_schema():
    locks = list((Path(__file__).parents[1] / "golden").glob("*/build/recipe.lock.json"))
    assert locks
    for path in locks:
        lock = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(load_as_written("lock")).validate(lock)
