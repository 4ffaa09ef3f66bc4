"""The bounded parts of harnesses that take too long for ``make test``."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.edits import during_run, outside
from evaluation.edits.trial import edited, finished, planned
from evaluation.fuzz.surfaces import ALL

LEAST = 1900
ROOT = Path(__file__).parents[1]
ROW = re.compile(r"(?P<name>.{12})\s+(?P<accepted>\d+)\s+(?P<refused>\d+)\s+0\b")


@pytest.mark.timeout(900)
def test_hostile_input_ends_in_a_report(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evaluation.fuzz", "--inputs", "2000", "--jobs", "1"]
    done = subprocess.run(
        [*command, "--save", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    rows = {
        match["name"].strip(): (int(match["accepted"]), int(match["refused"]))
        for match in map(ROW.match, done.stdout.splitlines())
        if match
    }
    assert set(rows) == {*(surface.name for surface in ALL), "all"}
    accepted, refused = rows["all"]
    assert accepted + refused >= LEAST
    assert min(accepted, refused) > LEAST // 6, "both ends must be reached"


SOME = (
    "linked, hashed file",
    "packed file in a linked directory",
    "statistics moved and linked",
    "PYTHONPATH: file that code names",
    "editable by a finder",
    "archive on PYTHONPATH",
    "while infer runs: not yet imported",
    "while measure runs: hypotheses altered",
)


def test_links_code_outside_and_edits_during_a_run(tmp_path: Path) -> None:
    elsewhere = finished(outside.SUBJECT, tmp_path / "base")
    edits = [edit for edit in (*outside.EDITS, *during_run.EDITS) if edit.name.endswith(SOME)]
    assert len(edits) == len(SOME)
    found = []
    for number, edit in enumerate(edits):
        found.append(planned(edited(elsewhere, edit, tmp_path / str(number)), edit))
    assert [each for each in found if not each.right] == []
