"""Whole conversions: every file and every note of three small recipes, value for value.

``UPDATE_CASES=1`` writes ``expected`` anew: read the difference as a user of ESPnet3 would.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from espnet3_compiler.cli import main as cli

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())
NOTES = "notes.json"


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def convert(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return what a conversion wrote, and its report, by file name."""
    skipped = shutil.ignore_patterns("expected", "__pycache__")
    recipe = folder / "egs3" / name / "esp2_asr"
    shutil.copytree(GOLDEN / name, recipe, ignore=skipped)
    before = texts(recipe)
    code = cli.main(["--from-espnet3", str(recipe), "--format", "json"])
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert code == (1 if report["not_carried"] or not report["clean"] else 0), said.err
    written = {path: text for path, text in texts(recipe).items() if before.get(path) != text}
    return {NOTES: said.out, **written}


def test_there_are_three():
    assert len(CASES) == 3


@pytest.mark.parametrize("name", CASES)
def test_the_whole_conversion(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made = convert(name, tmp_path, capsys)
    expected = GOLDEN / name / "expected"
    if os.environ.get("UPDATE_CASES") == "1":
        shutil.rmtree(expected, ignore_errors=True)
        for path, text in made.items():
            (expected / path).parent.mkdir(parents=True, exist_ok=True)
            (expected / path).write_text(text, encoding="utf-8")
    assert made == texts(expected)
