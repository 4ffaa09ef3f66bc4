"""What ``from_pretrained`` names is looked for before the first stage, in the cache too."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.pretrained import check_pretrained
from espnet3_runtime.preflight.protocol import Answers, RecipeLocation

CODE = """
class Own:
    @classmethod
    def from_pretrained(cls, *args, **options): ...


class Processor:
    @classmethod
    def from_pretrained(cls, *args, **options): ...

    from_pretrained.__func__.__module__ = "transformers.processing_utils"


class PreTrainedModel(Processor): ...


class Net(PreTrainedModel): ...
"""
COMMIT = "0" * 40


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    (tmp_path / "own_pretrained.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    for name, files in {
        "whole": ("config.json", "model.safetensors"),
        "shards": ("config.json", "model.safetensors.index.json"),
        "bare": ("config.json",),
        "processor": ("preprocessor_config.json",),
        "empty": (),
    }.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("{}")
    cached = tmp_path / "hub/models--me--net"
    (cached / "snapshots" / COMMIT).mkdir(parents=True)
    (cached / "snapshots" / COMMIT / "config.json").write_text("{}")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(COMMIT)
    return tmp_path


def said(recipe: Path, name: Any, what: str = "Net", **more: Any) -> list[str]:
    file = io.StringIO()
    node = {"pretrained_model_name_or_path": name, **more}
    location = RecipeLocation(("models", "net"))
    target = f"own_pretrained.{what}.from_pretrained"
    check_pretrained(target, location, node, recipe, Answers(file, Network(), needs_packages=True))
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert all(line["code"] == "R903" for line in lines)
    return [line["message"].partition(" will fail: ")[2] for line in lines]


@pytest.mark.parametrize(
    ("name", "what", "problem"),
    [
        ("whole", "Net", None),
        ("shards", "Net", None),
        ("./whole", "Net", None),
        ("processor", "Processor", None),
        ("processor/preprocessor_config.json", "Processor", None),
        ("empty", "Own", None),
        ("./none", "Own", None),
        ("bare", "Processor", None),
        ("${stages.save.pretrained}", "Net", None),
        (3, "Net", None),
        ("bare", "Net", 'the directory "bare" has no weights such as model.safetensors'),
        ("empty", "Net", 'the directory "empty" has no config.json'),
        ("./none", "Net", 'there is no directory "./none"'),
        ("/none/such", "Net", 'there is no directory "/none/such"'),
        ("a/b/c", "Net", 'there is no directory "a/b/c"'),
    ],
)
def test_directories_are_looked_into(recipe, name, what, problem):
    assert said(recipe, name, what) == ([problem] if problem else [])


def test_a_subfolder_is_where_the_files_are(recipe):
    assert said(recipe, ".", subfolder="whole") == []
    missing = 'the directory "." has no weights such as model.safetensors'
    assert said(recipe, ".", subfolder="bare") == [missing]


def test_offline_a_name_has_to_be_in_the_cache(recipe, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    folder = str(recipe / "hub")
    missing = [f'"me/other" is not in the cache {folder}, and this is offline']
    assert said(recipe, "me/other", cache_dir=folder) == []  # it may be downloaded
    assert said(recipe, "me/other", cache_dir=folder, local_files_only=True) == missing
    assert said(recipe, "me/net", cache_dir=folder, local_files_only=True) == []
    unknown = {"cache_dir": folder, "local_files_only": True, "revision": "v2"}
    assert said(recipe, "me/net", **unknown)
    assert said(recipe, "me/other", "Own", cache_dir=folder, local_files_only=True) == []
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    assert said(recipe, "me/other", cache_dir=folder) == missing
    monkeypatch.delenv("TRANSFORMERS_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert said(recipe, "me/other", cache_dir=folder) == missing
