"""``--init``; that its recipe runs is a part of the tutorial, whose test is in tests/docs."""

import subprocess
import sys
from pathlib import Path

import pytest

from espnet3_compiler.cli import main
from espnet3_compiler.scaffold import create
from espnet3_compiler.scaffold.create import create_recipe

FILES = {
    ".schemas/recipe.schema.json",
    "README.md",
    "dataset/__init__.py",
    "recipe.yaml",
    "src/__init__.py",
    "src/decode.py",
    "src/model.py",
}
ROOT = Path(__file__).parents[3]


def written(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_what_is_written_and_what_to_do_next(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--init", "bells/tones"]) == 0
    assert written(tmp_path) == {f"bells/tones/{name}" for name in FILES}
    manifest = (tmp_path / "bells/tones/recipe.yaml").read_text()
    assert "\nrecipe: bells/tones\n" in manifest
    said = capsys.readouterr().err
    assert "  cd bells/tones\n  espnet3-compile recipe.yaml\n  python build/run.py\n" in said


def test_a_plain_name_gets_a_task(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--init", "bells"]) == 0
    assert "\nrecipe: bells/base\n" in (tmp_path / "bells/recipe.yaml").read_text()


@pytest.mark.parametrize(
    "name", ["", "a/b/c", "/abs", "../up", "a b", "a/", "${x}", "a\nb", ".x", "x/build", "déjà"]
)
def test_a_bad_name_is_refused_and_nothing_is_written(name, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--init", name]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_nothing_is_overwritten(kind, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "bells"
    {
        "file": there.touch,
        "folder": there.mkdir,
        "link": lambda: there.symlink_to(tmp_path / "nowhere"),
    }[kind]()
    assert main.main(["--init", "bells"]) == 2
    assert '"bells" exists' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bells"]


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").touch()  # a file where the corpus directory would be
    assert create_recipe("corpus/task") == 1
    assert capsys.readouterr().err.startswith('error: cannot write "corpus/task"')
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize(
    "words",
    [
        ("--init", "bells", "recipe.yaml"),
        ("--init", "bells", "--from-espnet3", "."),
        ("--init", "bells", "--force"),
        ("--force", "recipe.yaml"),
    ],
)
def test_what_does_not_go_together(words, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main.main(words)
    assert caught.value.code == 2
    assert "error: --" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_names_that_are_no_problem():
    assert [create._invalid_reason(name) for name in ("a", "A-b_c.d/e9", "8/8")] == [None] * 3


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("init")
    made = subprocess.run(
        [sys.executable, "-m", "espnet3_compiler", "--init", "bells/tones"],
        cwd=folder,
        check=False,
    )
    assert made.returncode == 0
    return folder / "bells" / "tones"


def test_it_is_clean_and_tidy(recipe: Path):
    checked = subprocess.run(
        [sys.executable, "-m", "espnet3_compiler", "--check", "--strict", "recipe.yaml"],
        cwd=recipe,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "0 not checked" in checked.stderr
    for words in (["format", "--check"], ["check", "--ignore", "D,ANN,INP,EXE"]):
        ruff = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--config", ROOT / "pyproject.toml", "."],
            cwd=recipe,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ruff.returncode == 0, ruff.stdout
