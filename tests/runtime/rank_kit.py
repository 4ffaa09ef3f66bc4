"""Trainings on two ranks, each a process of its own as ``run.py`` would be."""

import os
import subprocess
import sys
from pathlib import Path

from tests.runtime.training_kit import SETS
from tests.warm_kit import run_warm

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
    """Start both ranks in the background."""
    return subprocess.Popen(
        [sys.executable, write(recipe, trainer, resume=resume, changes=changes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def write(recipe, trainer, **names):
    """Write the script of a rank; Lightning starts the other one with the same command."""
    script = recipe / "run.py"
    names |= {"tests": str(Path(__file__).parents[2]), "recipe": str(recipe)}
    script.write_text(SCRIPT.format(trainer=trainer, **names))
    return str(script)


def run_ranks(recipe, trainer, *, resume=False, **changes):
    """Let both ranks train to the end; return what they said."""
    script = write(recipe, trainer, resume=resume, changes=changes)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = run_warm(script, folder=recipe, environment=environment)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stderr


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
