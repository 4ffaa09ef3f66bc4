"""A training that was cut off goes on to the same result, wherever it was cut."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from espnet3_runtime.errors import Stopped, UserError
from espnet3_runtime.stages.train import train
from espnet3_runtime.training import checkpoints, progress
from tests.runtime.training_kit import (
    CLASSIFIER,
    SETS,
    SGD,
    load,
    recipe_in,
    same,
    stop_after,
    train_context,
)

POLLS_PER_EPOCH = 7  # six batches and the end


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def state(directory):
    """Return all that a training leaves, without times."""
    files = {path.name: load(path) for path in sorted(directory.glob("*.ckpt"))}
    rows = [json.loads(line) for line in (directory / "curves.jsonl").read_text().splitlines()]
    for row in rows:
        del row["seconds"]
    return {"files": files, "rows": rows}


def texts(directory):
    """Return the bytes of every file."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def reference(recipe, **changes):
    outputs = train(train_context(recipe, **changes))
    return state(outputs["best_checkpoint"].parent)


def cut(recipe, polls, **changes):
    context = train_context(recipe, stop=stop_after(polls), **changes)
    with pytest.raises(Stopped):
        train(context)
    return context


def resumed(recipe, **changes):
    return state(train(train_context(recipe, resume=True, **changes))["best_checkpoint"].parent)


NOISE = {**SETS, "preprocessor": {"_target_": "src.features.NoisyAndSmall"}}
NOISY = (
    "\n\nclass NoisyAndSmall(Noise):\n"
    "    def __call__(self, utt_id, sample):\n"
    "        sample = super().__call__(utt_id, sample)\n"
    "        return {k: v for k, v in sample.items() if k != 'text'}\n"
)
CONFIGS = {
    "plain": {},
    "noise": {"dataset": NOISE},
    "noise in workers": {"dataset": NOISE, "dataloader": {"num_workers": 2}},
    "accumulation": {"trainer": {"accumulate_grad_batches": 2}},
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
    "unsorted": {"dataloader": {"train": {"batches": {"type": "unsorted"}}}},
}


CUTS = [(name, POLLS_PER_EPOCH + 3) for name in CONFIGS]
CUTS += [(name, polls) for name in ("plain", "plateau") for polls in (3, POLLS_PER_EPOCH)]


@pytest.mark.parametrize(("name", "polls"), CUTS)
def test_resumed_is_the_same_as_never_stopped(recipe, name, polls):
    with (recipe / "src" / "features.py").open("a") as file:
        file.write(NOISY)
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
    with pytest.raises(MemoryError):
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


def test_an_explicit_checkpoint_is_gone_on_from(recipe):
    expected = reference(recipe)
    context = cut(recipe, POLLS_PER_EPOCH)
    (context.directory / "last.ckpt").rename(recipe / "mine.ckpt")
    outputs = train(train_context(recipe, fit={"ckpt_path": "mine.ckpt"}))
    last = load(outputs["last_checkpoint"])
    assert same(last["state_dict"], expected["files"]["last.ckpt"]["state_dict"])
    with pytest.raises(UserError, match=r'there is no checkpoint ".*none.ckpt"'):
        train(train_context(recipe, fit={"ckpt_path": "none.ckpt"}))


ONE_CYCLE = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.01}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({}, {"optimizer": SGD}, "another optimizer: Adam there, SGD here"),
        ({}, {"scheduler": ONE_CYCLE}, "another scheduler: no scheduler there, OneCycleLR here"),
        ({"scheduler": ONE_CYCLE}, {}, "another scheduler: OneCycleLR there, no scheduler here"),
        ({"scheduler": ONE_CYCLE}, {"scheduler": ONE_CYCLE}, "ends after 18 steps, .* has 30"),
        ({}, {"freeze": ["encoder"]}, "other parameters .*: encoder.bias, encoder.weight"),
        ({"freeze": ["norm.bias"]}, {"freeze": ["encoder.bias"]}, "encoder.bias, norm.bias"),
        ({}, {"model": {**CLASSIFIER, "hidden": 4}}, "of another model: .* of another shape"),
        ({}, {"trainer": {"max_epochs": 3}}, "nothing left to train: max_epochs is 3"),
        (
            {},
            {"trainer": {"max_epochs": 9, "max_steps": 10}},
            "nothing left to train: max_steps is 10",
        ),
    ],
)
def test_what_a_checkpoint_does_not_fit_is_one_sentence(recipe, before, after, message):
    last = train(train_context(recipe, **before))["last_checkpoint"]
    (recipe / "start.ckpt").write_bytes(last.read_bytes())
    after = {"trainer": {"max_epochs": 5}, "fit": {"ckpt_path": "start.ckpt"}, **after}
    with pytest.raises(UserError, match=message) as error:
        train(train_context(recipe, after.pop("model", CLASSIFIER), **after))
    assert error.value.where == "training.fit.ckpt_path"


@pytest.mark.parametrize("schedule", [{}, {"scheduler": {**ONE_CYCLE, "total_steps": 99}}])
def test_rates_of_the_checkpoint_that_count_are_said(recipe, capsys, schedule):
    adam = {"_target_": "torch.optim.Adam", "lr": 0.1, "weight_decay": 0.25}
    last = train(train_context(recipe, optimizer=adam, **schedule))["last_checkpoint"]
    (recipe / "start.ckpt").write_bytes(last.read_bytes())
    now = {**adam, "lr": 0.01, "weight_decay": 0.5}
    goes_on = {"trainer": {"max_epochs": 4}, "fit": {"ckpt_path": "start.ckpt"}, **schedule}
    capsys.readouterr()
    train(train_context(recipe, optimizer=now, **goes_on))
    told = capsys.readouterr().err
    assert "weight_decay is 0.25 of the checkpoint, not 0.5 as set" in told
    assert ("lr is 0.1 of the checkpoint, not 0.01 as set" in told) == (not schedule)


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_damaged_last_checkpoint_is_told_with_the_way_out(recipe, kept):
    context = cut(recipe, 9)
    last = context.directory / "last.ckpt"
    whole = last.read_bytes()
    last.write_bytes(whole[:kept] if kept >= 0 else whole[:-300])
    with pytest.raises(UserError, match="is damaged") as error:
        train(train_context(recipe, resume=True))
    assert error.value.hint == "run.py --force --stages train trains from the start"


def test_weights_alone_cannot_be_gone_on_from(recipe):
    path = train(train_context(recipe))["best_checkpoint"]
    path.rename(recipe / "best.ckpt")
    with pytest.raises(UserError, match="holds weights only") as error:
        train(train_context(recipe, fit={"ckpt_path": "best.ckpt"}))
    assert "init_from" in error.value.hint
    (recipe / "best.ckpt").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"is not a checkpoint|is damaged"):
        train(train_context(recipe, fit={"ckpt_path": "best.ckpt"}))


def test_a_checkpoint_of_an_earlier_version_cannot_be_gone_on_from(recipe):
    last = torch.load(train(train_context(recipe))["last_checkpoint"], weights_only=True)
    del last["espnet3"]["optimizers"]
    torch.save(last, recipe / "old.ckpt")
    with pytest.raises(UserError, match="was written by an earlier version") as error:
        train(train_context(recipe, seed=9, fit={"ckpt_path": "old.ckpt"}))
    assert error.value.where == "training.fit.ckpt_path"


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


@pytest.mark.parametrize("name", ["last.ckpt", "previous/last.ckpt", "curves.jsonl", "link.ckpt"])
@pytest.mark.parametrize("key", ["fit", "init_from", "model"])
def test_what_settings_name_is_neither_moved_nor_removed(recipe, key, name):
    train(train_context(recipe))
    context = train_context(recipe, seed=9)
    train(context)
    (context.directory / "link.ckpt").symlink_to(context.directory / "last.ckpt")
    before = texts(context.directory)
    path = f"./{(context.directory / name).relative_to(recipe)}"
    if key == "fit":
        again = train_context(recipe, seed=8, fit={"ckpt_path": path})
    elif key == "init_from":
        spec = replace(context.spec, init_from=path)
        again = train_context(recipe, seed=8, spec=spec)
    else:
        again = train_context(recipe, seed=8, model={**CLASSIFIER, "feats_stats": path})
    with pytest.raises(UserError, match="lies in the directory that this stage clears"):
        train(again)
    assert texts(context.directory) == before


def test_a_missing_checkpoint_is_told_before_anything_is_moved(recipe):
    context = train_context(recipe)
    train(context)
    before = texts(context.directory)
    with pytest.raises(UserError, match="there is no checkpoint"):
        train(train_context(recipe, fit={"ckpt_path": "none.ckpt"}))
    assert texts(context.directory) == before


def test_a_directory_that_a_logger_names_stays_in_its_place(recipe):
    save_dir = str((train_context(recipe).directory / "rows").relative_to(recipe))
    logger = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": save_dir}
    for seed in (1, 2):
        context = train_context(recipe, seed=seed, trainer={"logger": [logger]})
        train(context)
    assert len(list((context.directory / "rows").rglob("metrics.csv"))) == 2
    assert (context.directory / "previous" / "last.ckpt").exists()
