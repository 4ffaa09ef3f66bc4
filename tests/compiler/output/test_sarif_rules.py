"""SARIF is what GitHub's code scanning takes, judged by the tool that has its rules."""

import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.output import sarif
from tests.compiler.output_kit import ALL, NOT_CHECKED, RECIPE, SUMMARY, span

WRAPPER = shutil.which("sarif-multitool-linux")
EVERY = [Diagnostic(code.number, "a message", Label(span(RECIPE, "train"))) for code in CODES]


def validate(text: str, folder: Path) -> str:
    """Return what the tool says; its own start script takes the semicolon for one of the shell."""
    assert WRAPPER is not None
    (folder / "found.sarif").write_text(text)
    tool = Path(WRAPPER).resolve().with_name("Sarif.Multitool")
    words = [tool, "validate", "found.sarif", "--rule-kind", "Sarif;Ghas"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert "Analysis completed" in done.stdout, done.stderr
    return done.stdout


@pytest.mark.skipif(WRAPPER is None, reason="sarif-multitool-linux (of npm) is not installed")
def test_github_takes_every_kind_of_finding(tmp_path: Path):
    text = sarif.render([*ALL, *EVERY], replace(SUMMARY, not_checked=(NOT_CHECKED,)))
    told = validate(text, tmp_path)
    assert "error" not in told, told
    assert "warning" not in told, told
    assert "GH2012" in validate(text.replace('"help": {', '"halp": {'), tmp_path)
