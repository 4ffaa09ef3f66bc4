"""``espnet3-compile schema``: schemas for editors, printed or beside a recipe."""

import json
from pathlib import Path

import pytest

from espnet3_schemas.editor import NAMES, editor_schema
from tests.compiler.recipe_kit import call, minimal, texts

LINE = "# yaml-language-server: $schema="
CONFIG = {"old": "configs:", "new": "configs:\n  metrics: conf/metrics.yaml"}
MEASURE = "\nstages:\n  - {name: train, run: train}\n  - {name: measure, run: measure}\n"


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch) -> Path:
    """Return a manifest with a config in a file of its own."""
    monkeypatch.chdir(tmp_path)
    path = minimal(tmp_path, **CONFIG)
    path.write_text(path.read_text().split("\nstages:")[0] + MEASURE)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/metrics.yaml").write_bytes(b"\xef\xbb\xbfmetrics: []\r\n")
    return path


def test_every_schema_is_printed(capsys) -> None:
    for name in NAMES:
        assert call("schema", name) == 0
        assert json.loads(capsys.readouterr().out) == editor_schema(name)
    assert call("schema", "recip") == 2
    assert 'there is no schema "recip"; did you mean "recipe"?' in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["recipe", "--write", "x"], ["--wrote"]])
def test_wrong_words_are_refused(words: list[str], capsys) -> None:
    assert call("schema", *words) == 2
    assert "usage: espnet3-compile schema" in capsys.readouterr().err


def test_a_manifest_may_have_the_name_of_the_command(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    minimal(tmp_path).rename("schema")
    assert call("--check", "schema") == 0
    assert call("./schema", "--check") == 0


def test_schemas_and_their_lines_are_written(manifest: Path, capsys) -> None:
    before = manifest.read_text()
    assert call("schema", "--write") == 0
    said = "recipe.yaml: wrote .schemas, conf/metrics.yaml, recipe.yaml\n"
    assert capsys.readouterr().err == said
    assert manifest.read_text() == f"{LINE}.schemas/recipe.schema.json\n{before}"
    written = (manifest.parent / "conf/metrics.yaml").read_bytes()
    line = f"{LINE}../.schemas/metrics.schema.json".encode()
    assert written == b"\xef\xbb\xbf" + line + b"\r\nmetrics: []\r\n"
    for name in ("recipe", "metrics"):
        text = (manifest.parent / f".schemas/{name}.schema.json").read_text()
        assert json.loads(text) == editor_schema(name)
    assert call("schema", "--write", ".") == 0
    assert "wrote nothing: all of it is there" in capsys.readouterr().err


def test_lines_that_lead_somewhere_stay(manifest: Path) -> None:
    config = manifest.parent / "conf/metrics.yaml"
    config.write_text(f"# ours\n{LINE}https://here.invalid/metrics.json\nmetrics: []\n")
    manifest.write_text(f"# ours\n{LINE}../nowhere.json\n{manifest.read_text()}")
    before = config.read_bytes()
    assert call("schema", "--write", manifest) == 0
    assert config.read_bytes() == before
    head = manifest.read_text().splitlines()[:3]
    assert head[:2] == [f"{LINE}.schemas/recipe.schema.json", "# ours"]
    assert "nowhere" not in manifest.read_text()


def test_files_of_other_recipes_are_left_alone(manifest: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("metrics: []\n")
    (manifest.parent / "conf/metrics.yaml").unlink()
    (manifest.parent / "conf/metrics.yaml").symlink_to(other)
    assert call("schema", "--write", manifest) == 0
    assert other.read_text() == "metrics: []\n"


def test_a_manifest_that_cannot_be_read_is_left_as_it_is(tmp_path: Path, capsys) -> None:
    manifest = tmp_path / "recipe.yaml"
    manifest.write_text("version: [\n")
    assert call("schema", "--write", manifest) == 1
    assert "cannot be read; run: espnet3-compile" in capsys.readouterr().err
    assert set(texts(tmp_path)) == {"recipe.yaml"}
    assert call("schema", "--write", tmp_path / "none.yaml") == 2
