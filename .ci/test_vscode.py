"""The extension for VS Code builds with npm, as docs/editors.md says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "editors/vscode"
NO_NETWORK = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH")

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_the_extension_builds(tmp_path: Path) -> None:
    folder = tmp_path / "vscode"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "out"))
    installed = run(folder, "npm", "ci", "--no-audit", "--no-fund")
    if installed.returncode and NO_NETWORK.search(installed.stderr):
        pytest.skip("npm reaches no registry")
    assert installed.returncode == 0, installed.stderr
    built = run(folder, "npm", "run", "build")
    assert built.returncode == 0, built.stderr
    bundle = folder / "out/extension.js"
    assert run(folder, "node", "--check", str(bundle)).returncode == 0
    assert "activate" in bundle.read_text("utf-8")
