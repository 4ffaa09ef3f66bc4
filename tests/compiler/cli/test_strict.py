"""Targets that could not be checked: named in every report, refused by ``--strict``."""

import json
from pathlib import Path

import pytest

from tests.compiler.recipe_kit import call, minimal

AWAY = {"old": "torch.nn.Linear, in_features", "new": "warprnnt_pytorch.Loss, in_features"}


@pytest.fixture(autouse=True)
def _in_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_they_are_named_where_they_stand(tmp_path: Path, capsys) -> None:
    minimal(tmp_path, **AWAY)
    assert call("--check", "recipe.yaml") == 0
    reason = '"warprnnt_pytorch.Loss" was not checked: warprnnt_pytorch is not installed'
    err = capsys.readouterr().err
    assert f"note: recipe.yaml:6:19: {reason}\n" in err
    assert err.count("note: ") == 1
    assert call("--check", "recipe.yaml", "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [(item["code"], item["message"]) for item in report["not_checked"]] == [("R520", reason)]
    assert report["findings"] == []
    assert call("--check", "recipe.yaml", "--format", "github") == 0
    assert "::notice file=recipe.yaml,line=6,endLine=6,col=19" in capsys.readouterr().out


def test_strict_refuses_them(tmp_path: Path, capsys) -> None:
    minimal(tmp_path, **AWAY)
    assert call("--check", "--strict", "recipe.yaml", "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    (finding,) = report["findings"]
    assert (finding["code"], finding["help"]) == (
        "R520",
        ["install warprnnt_pytorch where the check runs"],
    )
    assert report["not_checked"] == []
    assert call("--strict", "recipe.yaml") == 1
    assert not (tmp_path / "build").exists()


def test_what_several_configs_inherit_is_named_once(tmp_path: Path, capsys) -> None:
    text = minimal(tmp_path, **AWAY).read_text()
    text = text.replace(
        "stages: [train]", "stages: [train, {name: again, run: train, config: more}]"
    )
    extra = "  more: {extends: training, optimizer: {_target_: warprnnt_pytorch.Lamb}}\nstages:"
    (tmp_path / "recipe.yaml").write_text(text.replace("stages:", extra, 1))
    call("--check", "recipe.yaml", "--format", "json")
    report = json.loads(capsys.readouterr().out)
    names = [item["message"].split('"')[1] for item in report["not_checked"]]
    assert sorted(names) == ["warprnnt_pytorch.Lamb", "warprnnt_pytorch.Loss"]
