"""Trainings on two ranks, each a process of its own as ``run.py`` would be."""

import os
import subprocess
import sys
from pathlib import Path

from tests.runtime.training_kit import SETS

SCRIPT = """
import os, sys
sys.path[:0] = [{tests!r}, {recipe!r}]
from pathlib import Path
from tests.runtime.training_kit import *
from espnet3_runtime.errors import Stopped
from espnet3_runtime.process.interrupts import Interrupts
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


def start(recipe, trainer, *, resume=False, **changes):
    script = recipe / "run.py"  # Lightning starts the other rank with the same command
    tests = str(Path(__file__).parents[2])
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


PLAIN = """

class Plain(Classifier):
    \"\"\"Nothing in it depends on how a batch is shared out.\"\"\"

    def __init__(self, fail_at=None):
        super().__init__(dropout=0.0)
        self.norm = nn.Identity()
        self.fail_at, self.calls = fail_at, 0

    def forward(self, speech, speech_lengths, label):
        import os
        self.calls += 1
        if self.calls == self.fail_at and os.environ.get("LOCAL_RANK") == "1":
            raise ValueError("this rank has had enough")
        return super().forward(speech, speech_lengths, label)
"""


def plainly(recipe, size):
    """Return settings that share batches of the training set out evenly, of validation unevenly."""
    with (recipe / "src" / "model.py").open("a") as file:
        file.write(PLAIN)
    train_set = [{"data_src_args": {"size": 40}}]
    batches = {"type": "unsorted", "batch_size": size, "shuffle": False}
    loader = {"train": {"batches": batches}, "valid": {"batches": {"batch_size": 5}}}
    model = {"_target_": "src.model.Plain"}
    return {"dataset": {**SETS, "train": train_set}, "dataloader": loader, "model": model}
