"""The files of a bundle, whole, and what its model may be without weights of that size."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.versions import package_version
from espnet3_runtime.publication.bundle import hash_files
from espnet3_runtime.publication.meta_check import check_model
from espnet3_runtime.weights import weights_digest
from tests.runtime.bundle_kit import INFERENCE, MODEL, RUNNER, pack, packable

BY_SPLIT = {
    "train": {"_target_": "src.decode.Reader"},
    "test": {"_target_": "src.decode.Reader", "word_list": "exp/words.txt"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with packable(tmp_path_factory.mktemp("contents") / "recipe") as directory:
        yield directory


@pytest.fixture
def recipe(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def inference_of(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((bundle / "inference.yaml").read_text())
    return found


def test_the_files_of_a_bundle(recipe: Path) -> None:
    bundle = pack(recipe, publication={"files": {"words": "exp/words.txt"}})
    code = [f"src/{name}.py" for name in ("__init__", "decode", "model", "words")]
    files = hash_files(bundle)
    named = [f"code/{name}" for name in ("dataset/__init__.py", *code)]
    assert sorted(files) == sorted(
        [
            *named,
            *("README.md", "files/vocab.txt", "files/words.txt", "inference.yaml"),
            *("model.safetensors", "model.yaml"),
        ]
    )
    meta = json.loads((bundle / "bundle.json").read_text())
    assert meta.pop("git") == {}  # the recipe lies in no repository
    assert meta == {
        "format": "espnet3-bundle",
        "schema_version": 1,
        "recipe": "tiny/asr",
        "exp_tag": "tiny",
        "checkpoint": {"path": "best.ckpt", "sha256": weights_digest(recipe / "best.ckpt")},
        "code": ["dataset/__init__.py", *code],
        "named": {"words": "files/words.txt"},
        "contract": meta["contract"],
        "versions": {name: package_version(name) for name in ("espnet3-compile", "torch", "numpy")},
        "late_values": {},
        "files": files,
    }
    config = inference_of(bundle)
    assert "parallel" not in config
    assert config["output_artifacts"] == {}
    assert config["checkpoint"] is None
    assert config["dataset"] == {"test": [], "preprocessor": None}
    assert config["runner"] == {**RUNNER, "word_list": "bundle://files/words.txt"}
    model = yaml.safe_load((bundle / "model.yaml").read_text())
    assert model == {**MODEL, "vocab_file": "bundle://files/vocab.txt"}


@pytest.mark.parametrize(
    ("given", "packed"),
    [
        (BY_SPLIT, {"_target_": "src.decode.Reader", "word_list": "bundle://files/words.txt"}),
        ({"train": BY_SPLIT["train"]}, None),
        (BY_SPLIT["train"], {"_target_": "src.decode.Reader"}),
    ],
)
def test_the_preprocessor_of_test_sets(given: Any, packed: Any, recipe: Path) -> None:
    dataset = {"test": [{"name": "a"}], "preprocessor": given}
    bundle = pack(recipe, inference={**INFERENCE, "dataset": dataset})
    assert inference_of(bundle)["dataset"] == {"test": [], "preprocessor": packed}


def test_a_card_of_the_recipe_and_scores(recipe: Path) -> None:
    (recipe / "card.md").write_text("${exp_tag} of ${author}: ${detail}")
    (recipe / "metrics.json").write_text('{"metrics": {}, "about": {}}')
    found = {
        "upstream": {"m.metrics": recipe / "metrics.json"},
        "upstream_kinds": {"m": "measure"},
    }
    settings = {"readme": "card.md", "readme_context": {"author": "me"}}
    bundle = pack(recipe, publication={**settings, "include_model_detail": True}, **found)
    card = (bundle / "README.md").read_text()
    assert card.startswith("tiny of me: <details><summary>Layers</summary>")
    assert (bundle / "metrics.json").read_text() == (recipe / "metrics.json").read_text()
    bundle = pack(recipe, publication={**settings, "include_model_detail": False})
    assert (bundle / "README.md").read_text() == "tiny of me: \n"
    assert not (bundle / "metrics.json").exists()


def test_a_model_without_weights(recipe: Path) -> None:
    bundle = pack(recipe, inference={**INFERENCE, "checkpoint": None})
    assert not (bundle / "model.safetensors").exists()
    assert json.loads((bundle / "bundle.json").read_text())["checkpoint"] is None


def test_a_named_file_that_is_not_there(recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        pack(recipe, publication={"files": {"words": "exp/none.txt"}})
    assert str(caught.value) == (
        'the bundle would lack "exp/none.txt": there is no such file\n'
        "  config: pack_model.files.words\n"
        "  help: run the stage that makes it, or correct the path"
    )


LARGE = "the model of the bundle is far larger than the weights that come with it"


def linear(size: int) -> dict[str, Any]:
    return {"_target_": "torch.nn.Linear", "in_features": size, "out_features": 1, "bias": False}


def test_the_largest_model_without_weights() -> None:
    check_model(linear(100_000_000), None, None)
    with pytest.raises(UserError) as caught:
        check_model(linear(100_000_001), None, None)
    assert str(caught.value) == (
        f"{LARGE}\n  help: if you know who made it, pass trust_user_code=True (--trust_user_code)"
    )
    check_model(None, linear(100_000_000), None)
    check_model(None, None, None)


def test_a_model_and_its_weights(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1, 3)}, tmp_path / "a.ckpt")
    check_model(None, linear(3), tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="do not fit Linear"):
        check_model(None, linear(4), tmp_path / "a.ckpt")
    check_model(linear(4), linear(3), tmp_path / "a.ckpt")  # its own comes without weights


def test_nothing_is_said_and_no_profile_is_left() -> None:
    node = {"_target_": "torch.nn.LSTM", "input_size": 2, "hidden_size": 2, "dropout": 0.5}
    before = sys.getprofile()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        check_model(node, None, None)
    assert [str(one.message) for one in seen] == []
    assert sys.getprofile() is before
