"""Training on two ranks: the same batches as one rank would see, no rank waits for another."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_kit import CLASSIFIER, SETS, load, recipe_in

from espnet3_runtime.data.collate import CommonCollateFn
from espnet3_runtime.data.reference import Place
from espnet3_runtime.data.split import load_split
from espnet3_runtime.instantiate import instantiate

SCRIPT = """
import os, sys
sys.path[:0] = [{tests!r}, {recipe!r}]
from pathlib import Path
from training_kit import *
from espnet3_runtime.errors import Stopped
from espnet3_runtime.interrupts import Interrupts
from espnet3_runtime.stages.train import train
from espnet3_runtime.training import checkpoints

checkpoints.ASK_EVERY = 2
interrupts = Interrupts()
stop = Stop(requested=interrupts.requested, gracefully=interrupts.gracefully)
rank = int(os.environ.get("LOCAL_RANK", "0"))
trainer = {{"accelerator": "cpu", "devices": 2, "strategy": "ddp", **{trainer!r}}}
os.chdir({recipe!r})
with interrupts.installed():
    try:
        outputs = train(train_context(
            Path({recipe!r}), rank=rank, stop=stop, resume={resume!r},
            trainer=trainer, **{changes!r}
        ))
    except Stopped:
        raise SystemExit(interrupts.exit_code)
"""


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def start(recipe, trainer, *, resume=False, **changes):
    script = recipe / "run.py"  # Lightning starts the other rank with the same command
    tests = str(Path(__file__).parent)
    names = {"tests": tests, "recipe": str(recipe), "resume": resume, "changes": changes}
    script.write_text(SCRIPT.format(trainer=trainer, **names))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(process):
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, (out, err)
    return err


def rows(recipe):
    path = recipe / "exp" / "tiny" / "train" / "curves.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_ranks(recipe):
    err = finish(start(recipe, {"max_epochs": 2}, ema={"decay": 0.9}))
    assert "Warning" not in err
    assert err.count("epoch 2/2") == 1  # one of the ranks speaks
    directory = recipe / "exp" / "tiny" / "train"
    best = load(directory / "best.ckpt")
    model = instantiate(CLASSIFIER)
    model.load_state_dict(best["state_dict"])
    data = load_split(SETS, "valid", Place(recipe, recipe / "data"))
    _, batch = CommonCollateFn()([data[index] for index in range(len(data))])
    with torch.no_grad():
        loss = float(model.eval()(**batch)[0])
    assert best["value"] == pytest.approx(loss, rel=1e-5)  # 13 items, two batches, none twice
    assert load(directory / "last.ckpt")["global_step"] == 6  # six batches on two ranks, twice


@pytest.mark.slow
def test_a_signal_to_one_rank_stops_both_and_they_go_on(recipe):
    loader = {"train": {"batches": {"batch_size": 2}}}
    changes = {"dataloader": loader, "trainer": {"max_epochs": 300, "log_every_n_steps": 2}}
    process = start(recipe, **changes)
    for line in process.stderr:
        if "epoch 1/" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    last = load(recipe / "exp" / "tiny" / "train" / "last.ckpt")
    assert last["global_step"] > 0
    changes["trainer"]["max_epochs"] = last["epoch"] + 2
    finish(start(recipe, resume=True, **changes))
    assert max(row["epoch"] for row in rows(recipe)) == last["epoch"] + 2
