"""Training on two ranks: the same batches as one rank would see, no rank waits for another."""

import json
import signal

import pytest
import torch

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.collate import CommonCollateFn
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.launch.failures import lost_a_rank
from espnet3_runtime.stages.train import train
from tests.runtime.rank_kit import plainly, run_ranks, start
from tests.runtime.training_kit import CLASSIFIER, SETS, load, train_context


def rows(recipe):
    path = recipe / "exp" / "tiny" / "train" / "curves.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_ranks(recipe):
    err = run_ranks(recipe, {"max_epochs": 2}, ema={"decay": 0.9})
    assert "Warning" not in err
    assert err.count("epoch 2/2") == 1  # one of the ranks speaks
    directory = recipe / "exp" / "tiny" / "train"
    best = load(directory / "best.ckpt")
    model = instantiate(CLASSIFIER)
    model.load_state_dict(best["state_dict"])
    data = load_split(SETS, "valid", DatasetDirectories(recipe, recipe / "data"))
    _, batch = CommonCollateFn()([data[index] for index in range(len(data))])
    with torch.no_grad():
        loss = float(model.eval()(**batch)[0])
    assert best["value"] == pytest.approx(loss, rel=1e-5)  # 13 items, two batches, none twice
    assert load(directory / "last.ckpt")["global_step"] == 6  # six batches on two ranks, twice


def test_two_ranks_learn_what_one_does_from_batches_of_twice_the_size(recipe):
    changes = plainly(recipe, 8)
    directory = recipe / "exp" / "tiny" / "train"
    train(train_context(recipe, trainer={"max_epochs": 2}, **changes))
    alone, curve = load(directory / "last.ckpt"), rows(recipe)
    changes["dataloader"]["train"]["batches"]["batch_size"] = 4
    run_ranks(recipe, {"max_epochs": 2}, **changes)
    together = load(directory / "last.ckpt")
    assert together["global_step"] == alone["global_step"] == 10
    for name, value in alone["state_dict"].items():
        torch.testing.assert_close(together["state_dict"][name], value, rtol=1e-4, atol=1e-6)
    means = [row for row in curve if row["at"] == "epoch"]
    shared = [row for row in rows(recipe) if row["at"] == "epoch"]
    assert len(means) == len(shared) == 4
    for one, two in zip(means, shared, strict=True):
        for name in one.keys() - {"seconds", "at"}:
            assert two[name] == pytest.approx(one[name], rel=1e-4), name


def test_the_failure_of_a_rank_ends_both(recipe):
    changes = plainly(recipe, 4)
    changes["model"] = {**changes["model"], "fail_at": 3}
    process = start(recipe, {"max_epochs": 2, "num_sanity_val_steps": 0}, **changes)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "ValueError: this rank has had enough" in err
    ours = err[err.index("RuntimeError: [") :].splitlines()[0].removeprefix("RuntimeError: ")
    assert lost_a_rank(RuntimeError(ours))  # which run.py tells in one line


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
    run_ranks(recipe, resume=True, **changes)
    assert max(row["epoch"] for row in rows(recipe)) == last["epoch"] + 2
