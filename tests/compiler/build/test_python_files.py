"""Whatever a manifest says, the generated modules keep their shape."""

import ast
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from espnet3_compiler.build.plan import Plan, StagePlan
from espnet3_compiler.build.python_files import run_text, system_text
from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.recipe_kit import GOLDEN

BUILD = Path("/recipe/build")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=120)
NASTY = [
    '"""',
    "'''",
    "\\",
    '\\"',
    "{{ 7*7 }}",
    "{% raw %}",
    "\n\nimport os\n",
    "# type: ignore",
    "\r",
    "\0",
]


@pytest.fixture(scope="module")
def plan() -> Plan:
    found = compile_manifest(GOLDEN / "pipeline/recipe.yaml").plan
    assert found is not None
    return found


def shape(text: str) -> list[str]:
    """Return the kinds of the nodes of a module, and the names in it."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    return [type(node).__name__ for node in nodes] + names


def described(plan: Plan, text: str) -> Plan:
    stages = tuple(dataclasses.replace(stage, description=text) for stage in plan.stages)
    return replace(plan, stages=stages)


@settings(max_examples=60)
@given(text=TEXTS | st.sampled_from(NASTY), name=TEXTS | st.sampled_from(NASTY))
def test_texts_never_become_code(plan: Plan, text: str, name: str) -> None:
    usual = described(plan, "usual")
    nasty = replace(described(plan, text or "x"), manifest=usual.manifest.parent / (name or "x"))
    assert shape(system_text(nasty)) == shape(system_text(usual))
    assert shape(run_text(nasty, BUILD)) == shape(run_text(usual, BUILD))


def renamed(plan: Plan, **changes: object) -> Plan:
    stage: StagePlan = dataclasses.replace(plan.stages[-1], **changes)
    return replace(plan, stages=(*plan.stages[:-1], stage))


BAD = ["", "a b", "x()", "import", "a\nb", "é", "a;b", '"']


@pytest.mark.parametrize("bad", BAD)
def test_names_that_are_not_checked_are_refused(plan: Plan, bad: str) -> None:
    """The checks have said so before; here it is a bug of ours and must not become code."""
    broken = [
        replace(plan, class_name=bad),
        replace(plan, system=f"src.{bad}.System"),
        replace(plan, system=f"src.system.{bad}"),
        renamed(plan, name=bad),
        renamed(plan, call=f"src.{bad}"),
        renamed(plan, call=None, run=bad),
        replace(plan, configs=(replace(plan.configs[0], name=f"{bad}-"), *plan.configs[1:])),
    ]
    for each in broken:
        with pytest.raises(ValueError, match="not an identifier"):
            system_text(each)


@pytest.mark.parametrize("bad", ["a\nb", 'a"""', "a b", ""])
def test_a_recipe_name_that_is_not_checked_is_refused(plan: Plan, bad: str) -> None:
    with pytest.raises(ValueError, match="not a recipe name"):
        system_text(replace(plan, recipe=bad))


def test_a_parent_class_never_hides_another_name(plan: Plan) -> None:
    for name in (plan.class_name, "ConfigView", "StageSpec", "Outputs", "StageContext"):
        text = system_text(replace(plan, system=f"src.system.{name}"))
        assert f"from src.system import {name} as ParentSystem" in text
        assert f"class {plan.class_name}(ParentSystem):" in text


def test_a_recipe_without_configs(plan: Plan) -> None:
    stages = tuple(dataclasses.replace(stage, configs={}) for stage in plan.stages)
    text = system_text(replace(plan, configs=(), stages=stages))
    assert "ConfigView" not in text
    assert "super().__init__(configs={})" in text
    ast.parse(text)


def test_long_names_stay_within_the_line(plan: Plan) -> None:
    long = "a_very_long_name_" * 6
    text = system_text(renamed(plan, name=long, call=None, run=long, configs={"training": long}))
    ast.parse(text)
    assert f'name="{long}"' in text
