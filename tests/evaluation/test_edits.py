"""Exact skip on a shipped recipe that has run: a part of ``python -m evaluation.edits``."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.skip.__main__ import main as skip
from evaluation.edits import asr, curriculum, during_run, keywords, outside
from evaluation.edits.commands import run
from evaluation.edits.model import Place
from evaluation.edits.trial import edited, finished, planned

EVERY_SIXTH = asr.EDITS[::6]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The main recipe with two dozen utterances, after a run."""
    return finished(asr.SUBJECT, tmp_path_factory.mktemp("edits") / "base")


def test_the_matrix_is_as_large_as_said() -> None:
    sets = [module.EDITS for module in (asr, keywords, curriculum, outside, during_run)]
    assert sum(map(len, sets)) >= 250
    for each in sets:
        told = [(edit.name, edit.runs) for edit in each]
        assert len(set(told)) == len(told)


def test_an_edit_runs_what_it_reaches_and_nothing_else(base: Place, tmp_path: Path) -> None:
    found = []
    for number, edit in enumerate(EVERY_SIXTH):
        found.append(planned(edited(base, edit, tmp_path / str(number)), edit))
        shutil.rmtree(tmp_path / str(number))
    assert [(each.edit.name, each.stale, each.needless) for each in found if not each.right] == []
    assert all(each.told for each in found)


def test_the_plan_is_shown_without_a_trace_and_is_what_runs(base: Place, tmp_path: Path) -> None:
    metric = next(edit for edit in asr.EDITS if edit.name == "metric renamed")
    place = edited(base, metric, tmp_path / "copy")
    command = [sys.executable, "-m", "espnet3_compiler", "recipe.yaml"]
    values = [word for value in asr.SUBJECT.sets for word in ("--set", value)]
    subprocess.run([*command, *values], cwd=place.recipe, check=True, capture_output=True)
    before = state(place.root)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    shown = subprocess.run(
        [sys.executable, "build/run.py", "--dry_run"],
        cwd=place.recipe,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert state(place.root) == before
    plan = dict(re.findall(r"^  (\w+) +(runs|may run|skipped) +\S", shown.stdout, re.MULTILINE))
    assert list(plan) == asr.EVERY.split()
    assert [name for name in plan if plan[name] == "runs"] == ["measure"]
    assert "measure.metrics[1].name changed (cer -> cer_again)" in shown.stdout.replace(
        "config metrics", "measure"
    )
    started = starts(place)
    done = run(place, asr.SUBJECT.sets)
    assert done.returncode == 0, done.stderr
    ran = {name for name, time in starts(place).items() if time != started[name]}
    assert ran == {"measure", "pack_model", "upload_model", "pack_demo", "upload_demo"}
    assert "nothing to do" in run(place, asr.SUBJECT.sets).stdout


def state(folder: Path) -> dict[str, tuple[int, int]]:
    found = ((path, path.stat()) for path in folder.rglob("*"))
    return {str(path): (status.st_mtime_ns, status.st_size) for path, status in found}


def starts(place: Place) -> dict[str, tuple[str, float]]:
    receipts = [json.loads(path.read_text()) for path in (place.exp / "stages").glob("*.json")]
    return {each["stage"]: (each["started"], each["seconds"]) for each in receipts}


def test_many_stages_are_settled(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is timed here but told: a busy machine is no mistake."""
    skip(["--stages", "10", "--runs", "1"])
    assert "10 stages up to date" in capsys.readouterr().out
