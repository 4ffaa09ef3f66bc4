"""The bundle that ``from_packed`` names is looked at before the first stage."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.preflight.bundles import METHOD, check_bundle
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation
from espnet3_runtime.preflight.request import Request
from espnet3_schemas.build_records import Output, Stage

NODE = RecipeLocation(("configs", "hearing"), ("model",))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe beside another one, which has packed its model."""
    bundle = tmp_path / "asr" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "inference.yaml").write_text("runner: {_target_: src.decode.Greedy}\n")
    meta = {"format": "espnet3-bundle", "schema_version": 1, "files": {"inference.yaml": "0" * 64}}
    (bundle / "bundle.json").write_text(json.dumps(meta))
    (tmp_path / "enh" / "empty").mkdir(parents=True)
    return tmp_path / "enh"


def said(recipe: Path, node: dict[str, Any], *, needs: bool = True) -> list[dict[str, Any]]:
    outputs = {"bundle": Output("exp/pack_model/bundle", "path")}
    made = Stage("pack_model", "pack_model", None, {}, None, None, (), (), outputs)
    configs = {"hearing": ConfigView({"model": node}, "hearing")}
    request = Request(recipe, recipe / "data", configs, {}, {}, {}, (made,), {})
    file = io.StringIO()
    check_bundle(request, NODE, node, Answers(file, Network(), needs_packages=needs))
    return [json.loads(line) for line in file.getvalue().splitlines()]


@pytest.mark.parametrize(
    "node",
    [
        {"directory": "../asr/bundle", "trust_user_code": True},
        {"_args_": ["../asr/bundle"], "trust_user_code": True},
        {"directory": "${stages.pack_model.bundle}"},
        {"directory": "exp/pack_model/bundle"},
        {"directory": "exp/pack_model/bundle/inside"},
        {},
    ],
)
def test_what_is_there_or_will_be_is_no_mistake(recipe: Path, node: dict[str, Any]) -> None:
    assert said(recipe, node) == []


@pytest.mark.parametrize(
    ("node", "problem", "key"),
    [
        ({"directory": "../asr/bundel"}, 'there is no directory "../asr/bundel"', "directory"),
        ({"_args_": ["../asr/bundel"]}, 'there is no directory "../asr/bundel"', "_args_"),
        ({"directory": "empty"}, "is no bundle: it has no bundle.json", "directory"),
        ({"directory": "../asr/bundle"}, "wants to run code of its own: src.decode", "directory"),
    ],
)
def test_what_loading_would_refuse_is_reported(
    recipe: Path, node: dict[str, Any], problem: str, key: str
) -> None:
    (found,) = said(recipe, node)
    assert found["code"] == "R903"
    assert found["message"].startswith(f"{METHOD} will fail: ")
    assert problem in found["message"]
    assert found["path"] == ["model", key]


def test_a_bundle_without_its_files_is_not_whole(recipe: Path) -> None:
    (recipe.parent / "asr" / "bundle" / "inference.yaml").unlink()
    (found,) = said(recipe, {"directory": "../asr/bundle", "trust_user_code": True})
    assert 'lacks "inference.yaml"' in found["message"]


def test_without_the_stages_before_it_is_only_noted(recipe: Path) -> None:
    (noted,) = said(recipe, {"directory": "../asr/bundel"}, needs=False)
    assert noted["kind"] == "note"
    assert "there is no directory" in noted["text"]
