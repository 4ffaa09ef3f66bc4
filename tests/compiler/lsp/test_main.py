"""The command ``espnet3-compile lsp`` without an editor."""

import re
import subprocess
import sys
from pathlib import Path

from espnet3_schemas.installation import install_command

COMPILER = Path(__file__).parents[3] / "compiler/espnet3_compiler"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "espnet3_compiler", "lsp", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_says_what_it_is_for():
    asked = run("--help")
    assert asked.returncode == 0
    assert "Language" in asked.stdout
    assert not asked.stderr


def test_a_word_that_it_does_not_know_is_wrong_usage():
    wrong = run("recipe.yaml")
    assert wrong.returncode == 2
    assert "usage: espnet3-compile lsp" in wrong.stderr


def test_nothing_else_imports_what_only_editors_need():
    """Without the extra, the command line works."""
    inner = COMPILER / "lsp"
    others = [path for path in COMPILER.rglob("*.py") if inner not in path.parents]
    assert len(others) > 100
    needs = re.compile(r"^\s*(?:from|import) (?:pygls|lsprotocol)", re.MULTILINE)
    assert [path for path in others if needs.search(path.read_text())] == []
    assert needs.search((inner / "server.py").read_text())


def test_without_pygls_it_says_how_to_install_it(tmp_path):
    code = (
        "import sys; sys.modules['pygls'] = None; from espnet3_compiler.lsp.main import serve;"
        "raise SystemExit(serve([]))"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr == f"error: the language server needs pygls: {install_command('lsp')}\n"
