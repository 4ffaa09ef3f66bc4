"""What the keys of a training config do."""

import shutil

import pytest
import torch

from espnet3_runtime.stages.train import train
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.optimizers import limit_epochs
from espnet3_runtime.training.parameter_groups import abbreviate_names
from espnet3_runtime.weights import read_weights
from tests.runtime.training_kit import (
    ONE,
    SETS,
    SGD,
    bad_model,
    initial,
    load,
    rows,
    same,
    train_context,
    weights,
)

# Moving average.


@pytest.mark.parametrize("splits", [("valid", "train"), ("train", "valid")])
def test_the_moving_average_is_validated_and_kept_as_best(recipe, splits):
    criteria = [[f"{split}/loss", 3, "min"] for split in splits]
    context = train_context(
        recipe, ema={"decay": 0.9}, optimizer=SGD, best_model_criterion=criteria
    )
    outputs = train(context)
    best, last = load(outputs["best_checkpoint"]), load(outputs["last_checkpoint"])
    assert (best["epoch"], best["monitor"]) == (3, f"{splits[0]}/loss")
    average = last["espnet3"]["average"]["weights"]
    kept = {
        split: [
            load(path)["state_dict"] for path in sorted(context.directory.glob(f"epoch*_{split}.*"))
        ]
        for split in splits
    }
    assert same(kept["train"], kept["valid"])  # of each of three epochs
    means = load(outputs["averaged_checkpoint"])["state_dict"]
    for name in average:
        mean = torch.stack([state[name].double() for state in kept["train"]]).mean(0)
        assert torch.equal(means[name], mean.float())
    decoded = read_weights(outputs["best_checkpoint"])  # as infer reads it
    for name, value in average.items():
        assert torch.equal(best["state_dict"][name], value)
        assert torch.equal(decoded[name], value)
        assert not torch.equal(last["state_dict"][name], value)
    plain = load(train(train_context(recipe, optimizer=SGD))["last_checkpoint"])
    assert same(plain["state_dict"], last["state_dict"])  # training itself is not changed


def test_the_average_follows_its_formula():
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    average = MovingAverage(model, 0.9)
    expected = 1.0
    for step in range(1, 200):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.apply_average():
        assert model.weight.item() == pytest.approx(expected, rel=1e-5)
        with average.apply_average():  # nested: no change
            assert model.weight.item() == pytest.approx(expected, rel=1e-5)
    assert model.weight.item() == 199.0


# Optimizers and schedulers.


# When to stop, what to skip.


def test_early_stopping(recipe):
    stopping = {"monitor": "valid/loss", "mode": "max", "patience": 2}
    outputs = train(train_context(recipe, early_stopping=stopping, trainer={"max_epochs": 20}))
    assert max(row["epoch"] for row in rows(outputs)) == 3


# Other keys.


def test_precision(recipe):
    trainer = {"precision": "bf16-mixed", "max_epochs": 1}
    found = weights(train(train_context(recipe, trainer=trainer)))
    assert found["head.weight"].dtype == torch.float32
    plain = weights(train(train_context(recipe, trainer=ONE)))
    assert not torch.equal(found["head.weight"], plain["head.weight"])
    true = weights(train(train_context(recipe, trainer={**trainer, "precision": "64-true"})))
    assert true["head.weight"].dtype == torch.float64


def test_compile_keeps_the_names(recipe, monkeypatch):
    calls = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: calls.append(type(self).__name__))
    outputs = train(train_context(recipe, compile=True, trainer=ONE))
    assert calls == ["Classifier"]
    assert weights(outputs).keys() == initial(recipe).keys()


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_model_learns_the_same(recipe):
    model = {"_target_": "src.model.Classifier", "dropout": 0.0}
    sets = {key: SETS[key] for key in ("train", "preprocessor")}
    options = {"dataset": sets, "trainer": {**ONE, "limit_train_batches": 1}}
    plain = weights(train(train_context(recipe, model, **options)))
    compiled = weights(train(train_context(recipe, model, compile=True, **options)))
    assert compiled.keys() == plain.keys()
    for name, value in plain.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-4, atol=1e-6)


def test_trainer_keys_and_nodes_reach_lightning(recipe):
    profiler = {"_target_": "lightning.pytorch.profilers.SimpleProfiler", "filename": "profile"}
    strategy = {"_target_": "lightning.pytorch.strategies.SingleDeviceStrategy", "device": "cpu"}
    trainer = {"profiler": profiler, "strategy": strategy, "limit_train_batches": 2}
    outputs = train(train_context(recipe, trainer={**trainer, **ONE}))
    assert load(outputs["last_checkpoint"])["global_step"] == 2
    assert list(outputs["last_checkpoint"].parent.rglob("*profile*"))


def test_the_report_of_a_profiler_named_in_short_is_a_file(recipe):
    outputs = train(train_context(recipe, trainer={**ONE, "profiler": "simple"}))
    (report,) = outputs["curves"].parent.glob("*profile*")
    assert "run_training_epoch" in report.read_text()


def test_validation_within_an_epoch(recipe):
    context = train_context(recipe, trainer={"val_check_interval": 3, "max_epochs": 2})
    outputs = train(context)
    curve = [row for row in rows(outputs) if "valid/loss" in row]
    assert [row["step"] for row in curve] == [3, 6, 9, 12]
    assert load(outputs["best_checkpoint"])["value"] == min(row["valid/loss"] for row in curve)


def test_validation_every_other_epoch(recipe, capsys):
    outputs = train(train_context(recipe, trainer={"check_val_every_n_epoch": 2}))
    curve = [row for row in rows(outputs) if "valid/loss" in row]
    assert [row["epoch"] for row in curve] == [2]
    lines = [line for line in capsys.readouterr().err.splitlines() if "epoch" in line]
    assert ["valid/loss" in line for line in lines] == [False, True, False]


@pytest.mark.parametrize(
    ("trainer", "validated"),
    [
        ({"max_steps": 8}, [6, 8]),
        ({"max_steps": 5}, [5]),
        ({"max_steps": 12}, [6, 12]),
        ({"max_steps": 8, "check_val_every_n_epoch": 3}, [8]),
        ({"max_steps": 8, "check_val_every_n_epoch": None, "val_check_interval": 5}, [5, 8]),
        ({"max_steps": 3, "accumulate_grad_batches": 2}, [3]),
        ({"max_epochs": 2, "check_val_every_n_epoch": None, "val_check_interval": 50}, [12]),
        ({"max_epochs": 2, "val_check_interval": "00:01:00:00"}, [12]),
        ({"max_epochs": 1, "max_steps": 4, "val_check_interval": "00:01:00:00"}, [4]),
    ],
)
def test_the_end_is_validated(recipe, trainer, validated):
    outputs = train(train_context(recipe, trainer={"max_epochs": None, **trainer}))
    assert load(outputs["last_checkpoint"])["global_step"] == validated[-1]
    assert [row["step"] for row in rows(outputs) if "valid/loss" in row] == validated


def test_steps_and_time_stop_in_place_of_the_hundred_epochs():
    assert limit_epochs({}) == limit_epochs({"max_epochs": None, "max_steps": -1}) == 100
    assert limit_epochs({"max_steps": 10**6}) == limit_epochs({"max_time": "01:00:00:00"}) == -1
    assert limit_epochs({"max_epochs": 7, "max_steps": 10**6}) == 7


SEEN = """
import torch
class Seen(torch.utils.data.Sampler):
    def __init__(self, data): self.data, self.generator = data, None
    def __len__(self): return len(self.data)
    def __iter__(self):
        yield from torch.randperm(len(self.data), generator=self.generator).tolist()
"""


LABELS = """
        with open("seen", "a") as file:
            file.write(f"{speech.double().sum():.9f} " * self.training + ";" * (not self.training))
"""


@pytest.mark.parametrize(
    "train_loader",
    [
        {},
        {"batches": {"type": "unsorted"}},
        {"sampler": {"_target_": "src.seen.Seen"}},
        {"sampler": {"_target_": "torch.utils.data.RandomSampler"}},
        {"loader": {"_target_": "torch.utils.data.DataLoader", "batch_size": 5, "shuffle": True}},
    ],
)
def test_overfitting_takes_the_same_batches_each_epoch(recipe, train_loader):
    (recipe / "src" / "seen.py").write_text(SEEN)
    trainer = {"overfit_batches": 2, "num_sanity_val_steps": 0}
    train(
        train_context(
            recipe, bad_model(recipe, LABELS), dataloader={"train": train_loader}, trainer=trainer
        )
    )
    first, *others = [one.split() for one in (recipe / "seen").read_text().split(";") if one]
    assert len(first) == 2
    assert others == [first, first]


def test_two_criteria_on_one_value_keep_their_own_checkpoints(recipe, capsys):
    criteria = [["valid/loss", 1, "min"], ["valid/loss", 1, "max"], ["valid/loss", 2, "max"]]
    outputs = train(train_context(recipe, best_model_criterion=criteria))
    directory = outputs["best_checkpoint"].parent
    values = sorted(row["valid/loss"] for row in rows(outputs) if "valid/loss" in row)
    kept = sorted(load(path)["value"] for path in directory.glob("epoch*.ckpt"))
    assert kept == values  # the lowest, and the two highest
    assert load(outputs["best_checkpoint"])["value"] == values[0]
    worst = load(directory / "averaged_valid.loss.max1.ckpt")["averaged"]
    assert [load(directory / name)["value"] for name in worst] == [values[-1]]
    assert len(load(directory / "averaged_valid.loss.max2.ckpt")["averaged"]) == 2


def test_many_names_are_abbreviated():
    assert abbreviate_names("hgfedcba") == "a, b, c, d, e, f, g, h"
    assert abbreviate_names("ihgfedcba") == "a, b, c, d, e, f, g, h and 1 more"
