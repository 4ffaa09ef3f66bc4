"""The page on four jobs beside LightningCLI and Hydra: its figures, and our four as they stand.

``.ci/test_beside.py`` runs the other eight.
"""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from espnet3_compiler.cli.main import main
from espnet3_runtime.compare.__main__ import main as compare
from tests.runtime.launched_kit import launched
from tests.runtime.toy import Toy

ROOT = Path(__file__).parents[2]
BESIDE = ROOT / "docs" / "examples" / "beside"
JOBS = ("test", "sweep", "curriculum", "scores")


def written(job: str) -> list[Path]:
    """Return the files of a job, each tool's, without those that all share."""
    return [path for path in (BESIDE / job).glob("*/*") if path.is_file()]


def test_the_figures_of_the_page_are_those_of_the_count(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["count.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BESIDE / "count.py"), run_name="__main__")
    counted = capsys.readouterr().out
    assert ended.value.code == 0
    assert counted.count("\n") == 2 + 3 * len(JOBS)
    assert counted in (ROOT / "docs" / "beside.md").read_text()


@pytest.mark.parametrize("job", JOBS)
def test_no_line_is_long(job: str) -> None:
    files = written(job)
    assert len({path.parent.name for path in files}) == 3
    for path in files:
        assert max(map(len, path.read_text().splitlines())) <= 100, path


def run(folder: Path, *changes: tuple[str, str]) -> str:
    """Do what ``run.sh`` says in a copy, its manifest changed; return what ``run.py`` printed."""
    manifest = folder / "recipe.yaml"
    for old, new in changes:
        text = manifest.read_text()
        assert text.count(old) == 1
        manifest.write_text(text.replace(old, new))
    printed = ""
    for line in (folder / "run.sh").read_text().splitlines():
        match shlex.split(line):
            case ["espnet3-compile", *words]:
                assert main(words) == 0
            case ["python", "build/run.py"]:
                done = launched(Toy(folder))
                assert done.returncode == 0, done.stderr
                printed += done.stdout
            case ["python", "-m", "espnet3_runtime.compare", *words]:
                assert compare(words) == 0
            case other:
                pytest.fail(f"nobody knows {other}")
    return printed


@pytest.fixture
def folder(request, tmp_path: Path, monkeypatch) -> Path:
    copied = tmp_path / request.param
    shutil.copytree(BESIDE / request.param / "ours", copied)
    monkeypatch.chdir(copied)
    return copied


@pytest.mark.parametrize("folder", ["test"], indirect=True)
def test_train_and_test(folder: Path) -> None:
    assert re.search(r"measure  done .* accuracy clean 8\d\.\d", run(folder))


@pytest.mark.parametrize("folder", ["scores"], indirect=True)
def test_train_infer_and_score_and_then_score_otherwise(folder: Path) -> None:
    assert "  measure  done" in run(folder)
    assert run(folder).endswith("nothing to do\n")
    again = run(folder, ("      - metric:", "      - name: right\n        metric:"))
    status = [line.split()[:2] for line in again.splitlines() if line.startswith("  ")]
    for ended in (["train", "skipped"], ["infer", "skipped"], ["measure", "done"]):
        assert ended in status
    assert "right clean" in again
    assert "right noisy" in again


@pytest.mark.parametrize("folder", ["sweep"], indirect=True)
def test_sweep_says_which_was_best(folder: Path, capsys) -> None:
    run(folder)
    table = capsys.readouterr().out.splitlines()
    first, second = (line.split() for line in table[2:4])
    assert first[0] == "recipe/train_lr0_01_hidden32"
    assert "(+" not in first[2]
    assert "(+" in second[2]
    more = run(folder, ("lr: [0.001, 0.01]", "lr: [0.001, 0.01, 0.1]"))
    assert more.count("done") == 2  # the rows that are new


@pytest.mark.parametrize("folder", ["curriculum"], indirect=True)
def test_two_phases(folder: Path) -> None:
    said = run(folder)
    assert [line.split()[:2] for line in said.splitlines() if "best val_loss" in line] == [
        ["train_easy", "done"],
        ["train_full", "done"],
    ]
    changed = run(folder, ("trainer: {max_epochs: 3}", "trainer: {max_epochs: 4}"))
    assert "train_easy  skipped" in changed
    assert "train_full  done" in changed
