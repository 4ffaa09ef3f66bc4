"""A training that was cut off goes on to the same result, wherever it was cut."""

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from espnet3_runtime.training import checkpoints, progress
from espnet3_runtime.training.checkpoint_files import save_everything
from tests.runtime.training_kit import (
    POLLS_PER_EPOCH,
    SETS,
    cut,
    load,
    reference,
    same,
    state,
    train_context,
)


def resumed(recipe, **changes):
    return state(train(train_context(recipe, resume=True, **changes))["best_checkpoint"].parent)


NOISE = {**SETS, "preprocessor": {"_target_": "src.features.NoisyAndSmall"}}


ADDED = (
    "\n\nclass Stream:\n"
    "    def __init__(self, data, collate_fn):\n"
    "        self.batches = torch.utils.data.DataLoader(data, 4, collate_fn=collate_fn)\n"
    "    def __iter__(self):\n"
    "        return iter(self.batches)\n"
    "\n\nclass NoisyAndSmall(Noise):\n"
    "    def __call__(self, utt_id, sample):\n"
    "        sample = super().__call__(utt_id, sample)\n"
    "        return {k: v for k, v in sample.items() if k != 'text'}\n"
)


CONFIGS = {
    "plain": {},
    "noise": {"dataset": NOISE},
    "noise in workers": {"dataset": NOISE, "dataloader": {"num_workers": 2}},
    "accumulation": {
        "trainer": {"accumulate_grad_batches": 2},
        "scheduler": {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.01},
    },
    "average and schedule": {
        "ema": {"decay": 0.9},
        "scheduler": {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.01},
    },
    "plateau": {
        "scheduler": {
            "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
            "mode": "max",  # the loss falls, so the rate falls every epoch
            "patience": 0,
        },
        "scheduler_interval": "epoch",
        "scheduler_monitor": "valid/loss",
        "early_stopping": {"monitor": "valid/loss", "patience": 2},
    },
    "named": {
        "optimizer": None,
        "optimizers": {
            "body": {
                "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
                "params": "encoder",
                "accum_grad_steps": 2,
            },
            "rest": {"optimizer": {"_target_": "torch.optim.SGD", "lr": 0.01}, "params": "n*"},
            "head": {
                "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.01},
                "params": "head",
                "step_every_n_iters": 2,
                "gradient_clip_val": 0.05,
            },
        },
        "schedulers": {
            "head": {"scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3}},
            "body": {
                "scheduler": {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.5},
                "interval": "epoch",
            },
        },
        "trainer": {"gradient_clip_val": None},
    },
    "plain loader": {
        "dataloader": {
            "train": {
                "loader": {
                    "_target_": "torch.utils.data.DataLoader",
                    "batch_size": 4,
                    "shuffle": True,
                }
            }
        }
    },
    "loader without a length": {
        "dataloader": {"train": {"loader": {"_target_": "src.features.Stream"}}}
    },
    "unsorted": {"dataloader": {"train": {"batches": {"type": "unsorted"}}}},
}


CUTS = [(name, POLLS_PER_EPOCH + 3) for name in CONFIGS]


CUTS += [(name, polls) for name in ("plain", "plateau") for polls in (3, POLLS_PER_EPOCH)]
CUTS += [("loader without a length", polls) for polls in (9, 11, 12, 13)]  # around an epoch's end


@pytest.mark.parametrize(("name", "polls"), CUTS)
def test_resumed_is_the_same_as_never_stopped(recipe, name, polls):
    with (recipe / "src" / "features.py").open("a") as file:
        file.write(ADDED)
    changes = CONFIGS[name]
    expected = reference(recipe, **changes)
    cut(recipe, polls, **changes)
    found = resumed(recipe, **changes)
    assert expected["files"].keys() == found["files"].keys()
    for file, content in expected["files"].items():
        for key in content.keys() - {"loops"}:  # Lightning's counters
            assert same(content[key], found["files"][file][key]), (file, key)
    assert expected["rows"] == found["rows"]


def test_a_training_that_early_stopping_ended_is_not_continued(recipe, monkeypatch):
    changes = {
        "early_stopping": {"monitor": "valid/loss", "mode": "max", "patience": 1},
        "trainer": {"max_epochs": 9},
    }
    expected = reference(recipe, **changes)
    assert max(row["epoch"] for row in expected["rows"]) == 2
    killed_at(monkeypatch, checkpoints, "average", 1)
    with pytest.raises(MemoryError, match="killed"):
        train(train_context(recipe, **changes))
    monkeypatch.undo()
    assert resumed(recipe, **changes)["rows"] == expected["rows"]


def test_stopping_in_the_middle_leaves_the_middle(recipe):
    context = cut(recipe, 3)
    last = load(context.directory / "last.ckpt")
    assert last["global_step"] == 4
    assert last["espnet3"]["batches"] == 4
    assert not (context.directory / "best.ckpt").exists()


def test_no_stop_in_the_middle_of_an_accumulated_step(recipe):
    context = cut(recipe, 0, trainer={"accumulate_grad_batches": 3})
    assert load(context.directory / "last.ckpt")["espnet3"]["batches"] == 3


def test_stopping_twice(recipe):
    expected = reference(recipe)
    cut(recipe, 2)
    cut(recipe, 4, resume=True)
    found = resumed(recipe)
    assert same(
        expected["files"]["last.ckpt"]["state_dict"], found["files"]["last.ckpt"]["state_dict"]
    )


def killed_at(monkeypatch, owner, name, call):
    """Let the ``call``-th call of a method raise, as if the process had died there."""
    original, calls = getattr(owner, name), []

    def die(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            raise MemoryError("killed")
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, die)


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (checkpoints, "save_weights", 2),  # before a best checkpoint
        (checkpoints, "link", 2),  # between it and best.ckpt
        (checkpoints, "save_everything", 2),  # before last.ckpt
        (checkpoints.Checkpoints, "_tidy", 3),  # after it
        (progress.Curves, "add", 7),  # in the middle of an epoch
        (checkpoints, "average", 1),  # when all but the mean was done
    ],
)
def test_a_kill_at_any_moment(recipe, monkeypatch, owner, name, call):
    changes = {"best_model_criterion": [["valid/loss", 1, "min"]]}
    expected = reference(recipe, **changes)
    killed_at(monkeypatch, owner, name, call)
    with pytest.raises(MemoryError, match="killed"):
        train(train_context(recipe, **changes))
    monkeypatch.undo()
    found = resumed(recipe, **changes)
    assert expected["rows"] == found["rows"]
    assert expected["files"].keys() == found["files"].keys()
    for file in expected["files"]:
        assert same(expected["files"][file]["state_dict"], found["files"][file]["state_dict"])


def test_nothing_to_resume_is_a_new_training(recipe):
    assert resumed(recipe)["rows"] == reference(recipe)["rows"]


def test_without_resume_a_stopped_training_starts_afresh(recipe):
    context = cut(recipe, 3)
    expected = load(context.directory / "last.ckpt")
    train(train_context(recipe))
    assert same(load(context.directory / "previous" / "last.ckpt"), expected)


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_damaged_last_checkpoint_is_told_with_the_way_out(recipe, kept):
    context = cut(recipe, 9)
    last = context.directory / "last.ckpt"
    whole = last.read_bytes()
    last.write_bytes(whole[:kept] if kept >= 0 else whole[:-300])
    with pytest.raises(UserError, match="is damaged") as error:
        train(train_context(recipe, resume=True))
    assert error.value.hint == "run.py --force --stages train trains from the start"


def test_a_last_checkpoint_of_an_earlier_version_is_told_with_the_way_out(recipe):
    last = cut(recipe, 9).directory / "last.ckpt"
    saved = load(last)
    del saved["espnet3"]["optimizers"]
    torch.save(saved, last)
    with pytest.raises(UserError, match="was written by an earlier version") as error:
        train(train_context(recipe, resume=True))
    assert error.value.hint == "run.py --force --stages train trains from the start"


class Sharded:
    """A trainer that writes a directory, as strategies for models over several GPUs do."""

    is_global_zero = True
    strategy = SimpleNamespace(barrier=lambda _name: None)

    def __init__(self):
        self.saved = 0

    def save_checkpoint(self, path):
        self.saved += 1
        path.mkdir()
        (path / "shard").write_text(str(self.saved))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no exchange of two names")
def test_a_sharded_checkpoint_is_there_at_every_moment(tmp_path):
    last, done, missing, trainer = tmp_path / "last.ckpt", threading.Event(), [], Sharded()

    def watch():
        while not done.is_set():
            missing.extend([] if last.is_dir() else [1])

    save_everything(trainer, last)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    for _ in range(300):
        save_everything(trainer, last)
    done.set()
    watcher.join()
    assert missing == []
    assert (last / "shard").read_text() == "301"
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


SCRIPT = """
import sys, logging
sys.path[:0] = [{tests!r}]
from pathlib import Path
from tests.runtime.training_kit import *
from espnet3_runtime.errors import Stopped
from espnet3_runtime.process.interrupts import Interrupts
from espnet3_runtime.stage import Stop
from espnet3_runtime.stages.train import train

interrupts = Interrupts(lambda text: print(text, flush=True))
stop = Stop(requested=interrupts.requested, gracefully=interrupts.gracefully)
sets = {{**SETS, "preprocessor": {{"_target_": "src.features.Slow"}}}}
with interrupts.installed(), recipe_in(Path({recipe!r}), **{files!r}) as recipe:
    try:
        train(train_context(recipe, stop=stop, dataset=sets, trainer={{"max_epochs": 500}}))
    except Stopped:
        print("stopped", flush=True)
        raise SystemExit(interrupts.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_save_and_stop(recipe, number, code):
    with (recipe / "src" / "features.py").open("a") as file:
        file.write(
            "\n\nclass Slow(Drop):\n"
            "    def __call__(self, sample):\n"
            "        import time; time.sleep(0.01)\n"
            "        return super().__call__(sample)\n"
        )
    files = {"src/features.py": (recipe / "src" / "features.py").read_text()}
    tests = str(Path(__file__).parents[3])
    script = SCRIPT.format(tests=tests, recipe=str(recipe), files=files)
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 1/" in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, (out, err)
    assert "stopped" in out
    assert "Traceback" not in err
    last = torch.load(recipe / "exp" / "tiny" / "train" / "last.ckpt", weights_only=True)
    assert last["global_step"] > 0


def test_a_full_disk_keeps_no_part_of_a_checkpoint(tmp_path: Path) -> None:
    trainer = SimpleNamespace(
        is_global_zero=True,
        save_checkpoint=lambda path: torch.save({"state_dict": torch.zeros(50_000)}, path),
        strategy=SimpleNamespace(barrier=lambda _: None),
    )
    (tmp_path / "last.ckpt").write_bytes(b"0" * 60_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match="a part was written") as saved:
            save_everything(trainer, tmp_path / "last.ckpt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert saved.value.filename == str(tmp_path / "last.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    save_everything(trainer, tmp_path / "last.ckpt")
    assert torch.load(tmp_path / "last.ckpt")["state_dict"].shape == (50_000,)
