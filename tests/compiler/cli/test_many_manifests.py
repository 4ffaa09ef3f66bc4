"""Several manifests in one call, and directories of them."""

import json
import re
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from tests.compiler.recipe_kit import call, minimal, run

MISTAKE = {"old": "in_features", "new": "in_featurs"}
UNUSED = {"old": "configs:", "new": "configs:\n  spare: {a: 1}"}


def test_many_manifests_and_directories(tmp_path: Path, capsys) -> None:
    for name in ("a", "b/c", "b/.hidden", "b/build"):
        minimal(tmp_path / "many" / name)
    minimal(tmp_path / "many/b/c", **MISTAKE)
    assert call("--check", tmp_path / "many", tmp_path / "many/a/recipe.yaml") == 1
    assert "2 manifests: 1 error; " in capsys.readouterr().err
    assert call(tmp_path / "many") == 1
    assert (tmp_path / "many/a/build/run.py").exists()
    assert not (tmp_path / "many/b/c/build").exists()


def test_nothing_to_check_is_an_error(tmp_path: Path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    assert call("--check", tmp_path / "empty") == 2
    assert "there is no recipe.yaml in or below" in capsys.readouterr().err
    assert call("--check", "missing.yaml") == 2
    assert 'there is no file "missing.yaml"' in capsys.readouterr().err


def test_one_output_for_two_manifests_is_wrong_usage(tmp_path: Path, capsys) -> None:
    first, second = minimal(tmp_path / "a"), minimal(tmp_path / "b")
    assert call(first, second, "-o", "out") == 2
    assert "-o takes one manifest" in capsys.readouterr().err


def test_many_manifests_are_checked_as_one_after_the_other(tmp_path: Path, monkeypatch) -> None:
    for number in range(20):
        minimal(tmp_path / f"r{number:02d}", **(MISTAKE if number in (3, 11, 19) else {}))
    stale = minimal(tmp_path / "r05")
    assert call(stale) == 0
    minimal(tmp_path / "r05", **UNUSED)
    monkeypatch.chdir(tmp_path)
    names = [f"r{number:02d}/recipe.yaml" for number in range(20)]
    command = ("-m", "espnet3_compiler", "--check", *names)
    every = run(*command)
    monkeypatch.setattr("espnet3_compiler.cli.run.MANY", len(names) + 1)
    stderr = StringIO()
    with redirect_stderr(stderr):
        assert call("--check", *names) == every.returncode == 1
    ours, theirs = (re.sub(r"\d+\.\d+ s", "", text) for text in (every.stderr, stderr.getvalue()))
    assert ours == theirs
    assert ours.count("in_featurs") == 6  # three times a message and a line
    assert "r05/build is not what the manifest compiles to" in ours
    strict = run(*command, "--strict", "--format", "json")
    assert strict.returncode == 1
    found = [one["primary"]["place"]["source"] for one in json.loads(strict.stdout)["findings"]]
    assert len(found) > 3
    assert found == sorted(found)
