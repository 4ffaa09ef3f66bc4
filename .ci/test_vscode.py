"""The extension for VS Code builds, and the library that it is made of understands the server."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CI = Path(__file__).parent
FOLDER = CI.parent / "editors/vscode"
NO_NETWORK = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH")

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editor") / "vscode"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules", "out"))
    installed = run(folder, "npm", "ci", "--no-audit", "--no-fund")
    if installed.returncode and NO_NETWORK.search(installed.stderr):
        pytest.skip("npm reaches no registry")
    assert installed.returncode == 0, installed.stderr
    return folder


def test_the_extension_builds(extension: Path) -> None:
    built = run(extension, "npm", "run", "build")
    assert built.returncode == 0, built.stderr
    bundle = extension / "out/extension.js"
    assert run(extension, "node", "--check", str(bundle)).returncode == 0
    assert "activate" in bundle.read_text("utf-8")


@pytest.mark.skipif(find_spec("pygls") is None, reason="pygls is not installed")
def test_the_library_of_the_editor_understands_the_server(extension: Path, tmp_path: Path) -> None:
    text = "version: 1\nrecipe: a/b\nsystem: asr\nstages: [{naem: train, run: train}]\n"
    server = [sys.executable, "-m", "espnet3_compiler", "lsp"]
    script = str(CI / "vscode_client.js")
    told = run(
        tmp_path, "node", script, str(extension), str(tmp_path / "recipe.yaml"), text, *server
    )
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert "R601" in [one["code"] for one in answer["diagnostics"]]
    assert 'write "name"' in [one["title"] for one in answer["actions"]]
