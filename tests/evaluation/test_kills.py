"""The ways to die of ``evaluation.kills``: each strikes at its own moment."""

import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from espnet3_runtime.atomic import atomic_directory, write_bytes
from evaluation.kills.blows import appearing, exchanging, half_written, leaving
from evaluation.kills.child import fork

RECEIPT = "exp/stages/train.json"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "exp/stages").mkdir(parents=True)
    return tmp_path


def die(recipe: Path, arm: Callable[[], None], *work: Callable[[], None]) -> int:
    """Do something in a child after the stage's receipt is written; return how it ended."""

    def run() -> int:
        arm()
        write_bytes(recipe / RECEIPT, b"{}")
        for one in work:
            one()
        return 5

    child = fork(run)
    assert child.wait(60)
    return child.code


def test_half_a_checkpoint(recipe: Path) -> None:
    small, full = b"x" * 9_000, b"x" * 10_000
    arm = half_written(10_000)(recipe, "train", random.Random(1))
    code = die(
        *(recipe, arm, lambda: write_bytes(recipe / "exp/other", full)),
        *(lambda n=n: write_bytes(recipe / f"exp/{n}.ckpt", small) for n in range(4)),
    )
    assert code == -signal.SIGXFSZ
    assert (recipe / "exp/other").read_bytes() == full
    assert len(list((recipe / "exp").glob(".*.ckpt.tmp-*"))) == 1
    assert all(path.stat().st_size == 9_000 for path in (recipe / "exp").glob("[0-9].ckpt"))


@pytest.mark.parametrize("seed", range(4))
def test_an_exchange(recipe: Path, seed: int) -> None:
    def make(text: str) -> None:
        with atomic_directory(recipe / "exp/bundle") as part:
            (part / "a").write_text(text)

    make("old")
    code = die(recipe, exchanging(recipe, "train", random.Random(seed)), lambda: make("new"))
    assert code == -signal.SIGKILL
    expected = "old" if random.Random(seed).random() < 0.5 else "new"
    assert (recipe / "exp/bundle/a").read_text() == expected


def test_leaving(recipe: Path) -> None:
    def write(name: str, *, in_a_stage: bool = True) -> None:
        plain = os._exit
        if in_a_stage:  # which has another one
            os._exit = partial(plain)
        (recipe / "exp" / name).write_text("")

    arm = leaving({"train": 2})(recipe, "train", random.Random(1))
    assert die(recipe, arm, lambda: write("stages/x.log")) == 5
    assert die(recipe, arm, lambda: write("between", in_a_stage=False)) == 5
    assert die(recipe, arm, lambda: write("a")) == 0
    assert not (recipe / "exp/a").exists()


def test_a_file_appears(recipe: Path) -> None:
    def write() -> int:
        for number in range(5000):
            (recipe / f"exp/{number}").write_text("")
            time.sleep(0.002)
        return 5

    run = fork(write)
    assert appearing(recipe)(run, random.Random(1))
    assert run.wait(60)
    assert run.code == -signal.SIGKILL
