"""``--verify``: every output is compared with its receipt, whole."""

import json
import os
import shutil
from pathlib import Path

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.launch.verify import verify
from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy, chain

FIRST = "exp/toy/first/number.txt"
SECOND = "exp/toy/second/number.txt"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toy = chain(tmp_path_factory.mktemp("verify") / "recipe")
    toy.stage("second")["outputs"]["made"] = "exp/toy/made"
    toy.file("exp/toy/made/one", "1")
    toy.file("exp/toy/made/two", "2")
    toy.write()
    assert launched(toy, "--no_preflight", "--stages", "first", "second").returncode == 0
    return toy.directory


@pytest.fixture
def recipe(finished: Path, tmp_path: Path) -> Toy:
    shutil.copytree(finished, tmp_path / "recipe")
    return Toy(tmp_path / "recipe")


def verified(
    recipe: Toy, capsys: pytest.CaptureFixture[str], *names: str
) -> tuple[int, list[str], str]:
    code = verify(Experiment(load_build(recipe.build)), names or ("first", "second", "third"))
    printed = capsys.readouterr()
    return code, printed.out.splitlines(), printed.err


def test_as_made(recipe: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(recipe, capsys) == (
        0,
        [
            f"  first.number  ok  {FIRST}",
            "  second.made  ok  exp/toy/made",
            f"  second.number  ok  {SECOND}",
            "  third  has not run",
            "3 outputs, 0 not as made",
        ],
        "",
    )


def test_the_command(recipe: Toy) -> None:
    assert launched(recipe, "--verify").returncode == 0
    (recipe.directory / FIRST).unlink()
    done = launched(recipe, "--verify", "--stages", "first")
    assert (done.returncode, done.stdout) == (
        *(1, f"  first.number  missing  {FIRST}\n1 outputs, 1 not as made\n"),
    )
    assert launched(recipe, "--verify", "--stages", "second").returncode == 0


@pytest.mark.parametrize("status", ["failed", "running", "interrupted"])
def test_not_finished(status: str, recipe: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    recipe.file(
        "exp/toy/stages/first.json", json.dumps({**recipe.receipt("first"), "status": status})
    )
    assert verified(recipe, capsys, "first") == (
        *(0, [f"  first  has not finished: {status}", "0 outputs, 0 not as made"], ""),
    )


def test_every_way_to_be_wrong(recipe: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    recipe.file("exp/toy/stages/first.json", "{")
    recipe.file("exp/toy/made/three", "3")
    (recipe.directory / SECOND).unlink()
    assert verified(recipe, capsys) == (
        1,
        [
            "  first  its receipt is unusable: it is not JSON",
            "  second.made  altered (3 files, made 2)  exp/toy/made",
            f"  second.number  missing  {SECOND}",
            "  third  has not run",
            "2 outputs, 2 not as made",
        ],
        "to make them again: run.py --force --stages first second\n",
    )


def test_other_bytes(recipe: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    recipe.file(FIRST, "x" * 1234)
    path = recipe.directory / SECOND
    before = path.stat()
    path.write_text("9\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    code, lines, said = verified(recipe, capsys, "second", "first")
    assert code == 1
    assert lines == [
        "  second.made  ok  exp/toy/made",
        f"  second.number  altered (other bytes, as many as before)  {SECOND}",
        f"  first.number  altered (1,234 bytes, made 2)  {FIRST}",
        "3 outputs, 2 not as made",
    ]
    assert said == "to make them again: run.py --force --stages second first\n"
