"""A stage finds the process as the first one did."""

from pathlib import Path

import pytest

from tests.runtime.toy import Toy, chain

MESSY = """import os
import signal
import sys
import warnings
from pathlib import Path

import torch


def make(path, number):
    Path(path).write_text(state())
    os.makedirs("elsewhere", exist_ok=True)
    os.chdir("elsewhere")
    os.environ["LEFT"] = "1"
    os.umask(0o077)
    sys.path.insert(0, "elsewhere")
    sys.argv.append("more")
    sys.path, sys.argv = [*sys.path, "other"], ["other"]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(torch.get_num_threads() + 3)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    sys.stdout.close()


def add(path, source, more=1):
    print("heard")
    Path(path).write_text(state())


def state():
    umask = os.umask(0)
    os.umask(umask)
    return repr((
        os.getcwd(), os.environ.get("LEFT"), umask, sys.path, sys.argv,
        warnings.filters[0][:3] == ("ignore", None, Warning),
        signal.getsignal(signal.SIGTERM) == signal.SIG_IGN, torch.get_default_dtype(),
        torch.ones(1).device, torch.get_num_threads(), torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
    ))
"""
LEAVING = """import os
from pathlib import Path


def make(path, number):
    Path(path).write_text("half")
    {}


def add(path, source, more=1):
    Path(path).write_text("1")
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


def test_what_a_stage_changes_does_not_reach_the_next(recipe: Toy) -> None:
    recipe.file("src/steps.py", MESSY)
    done = recipe.python()
    assert done.returncode == 0, done.stderr
    assert "heard" in done.stdout
    first, second = ((recipe.exp / name / "number.txt").read_text() for name in ("first", "second"))
    assert second == first


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(0)", "it called os._exit(0), which ends the whole run"),
        ("raise type('Odd', (BaseException,), {})('odd')", "Odd: odd"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_a_stage_that_leaves_has_failed(recipe: Toy, statement: str, reason: str) -> None:
    recipe.file("src/steps.py", LEAVING.format(statement))
    done = recipe.python()
    assert done.returncode == 1
    assert f'stage "first" failed: {reason}' in done.stderr
    assert recipe.receipt("first")["status"] == "failed"
    assert "second  not run" in done.stdout
