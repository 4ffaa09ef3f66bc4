"""What whole builds say: the generated modules, and the lock without hashes."""

import re
from pathlib import Path

import pytest

from espnet3_compiler.build.files import build_files, data_files
from espnet3_compiler.build.lock import without_code
from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.front_kit import write
from tests.compiler.sheet_kit import Row, row_name, sheet
from tests.compiler.told_kit import told

SHEET = sheet(Path(__file__).with_name("builds.txt"))
MODULES = {
    "src/__init__.py": "",
    "src/work.py": "def go(context, a=None, b=None, c=None): ...\n",
    "src/net.py": """\
import torch
class Net(torch.nn.Module):
    def __init__(self, a=None, b=None): ...
    def forward(self, x):
        return x
""",
    "src/own.py": """\
from espnet3_runtime.systems.base import BaseSystem
class Mine(BaseSystem):
    def polish(self, context): ...
""",
    "conf/tags.txt": "one\nexp/here\n",
    "conf/free.yaml": "a: 1\nb: [x, y]\n",
}


def shortened(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)


@pytest.mark.parametrize("row", SHEET, ids=row_name)
def test_what_a_build_says(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "exp/from_outside")
    monkeypatch.delenv("NOWHERE", raising=False)
    write(tmp_path, {"recipe.yaml": f"version: 1\nrecipe: mini/asr\n{row.text}", **MODULES})
    outcome = compile_manifest(tmp_path / "recipe.yaml")
    plan = outcome.plan
    assert plan is not None, told(outcome.diagnostics)
    build = tmp_path / "out" / "build"
    files = build_files(plan, build)
    data = data_files(plan, build)
    assert data.keys() == files.keys() - {"run.py", "system.py"}
    texts = [{name: t for name, t in each.items() if "lock" not in name} for each in (files, data)]
    assert texts[1].items() <= texts[0].items()
    lock, code = without_code(files["recipe.lock.json"].encode())
    assert without_code(data["recipe.lock.json"].encode()) == (lock, {})
    assert set(code) == {"run.py", "system.py"}
    shown = [name for name in files if name not in ("run.py", "conf/training.yaml")]
    row.check("".join(f"---- {name}\n{shortened(files[name])}" for name in shown))
