"""Processes of a loader that fail or hang, in a run as a user starts it."""

from pathlib import Path

import pytest

from tests.runtime.toy import chain

STEPS = """import sys
from pathlib import Path

sys.path.insert(0, {root!r})
from espnet3_runtime.stages.train import train
from tests.runtime.training_kit import SETS, train_context


def make(path, number):
    sets = {{**SETS, "preprocessor": {{"_target_": "src.bad.preprocess", "_partial_": True}}}}
    loader = {{"num_workers": 2, "timeout": number}}
    if {own}:
        own = {{"_target_": "torch.utils.data.DataLoader", "batch_size": 4}}
        loader["train"] = {{"loader": own}}
    train(train_context(Path.cwd(), dataset=sets, dataloader=loader))
"""
BAD = """import time
from torch.utils.data import get_worker_info


def preprocess(sample):
    if get_worker_info().id == {failing}:
        1 / 0
    time.sleep(300)
"""


@pytest.mark.parametrize(
    ("failing", "timeout", "own", "message"),
    [
        (0, 200, False, "ZeroDivisionError"),  # at once, although the other process hangs
        (None, 2, True, "no worker process of the loader made a batch within 2 s"),
    ],
)
def test_a_loader_that_makes_no_batch_ends_the_run(
    recipe: Path, failing: int | None, timeout: int, message: str, *, own: bool
) -> None:
    toy = chain(recipe)
    del toy.stages[1:]
    toy.file("src/steps.py", STEPS.format(own=own, root=str(Path(__file__).parents[3])))
    toy.file("src/bad.py", BAD.format(failing=failing))
    toy.stage("first")["with"]["number"] = timeout
    toy.write()
    done = toy.python("--stages", "first", timeout=100)
    assert done.returncode == 1
    assert message in done.stderr
    assert toy.receipt("first")["status"] == "failed"
