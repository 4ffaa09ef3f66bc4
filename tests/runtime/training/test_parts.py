"""The parts of a training by themselves: schedules, means, curves, averages, ends."""

import json
import math
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from espnet3_runtime.errors import UserError
from espnet3_runtime.training import schedulers
from espnet3_runtime.training.curves import Curves
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.loaders import check_train_epoch, check_validation, has_validation
from espnet3_runtime.training.measurements import Measurements, WeightedMeans, read_value

# Schedules.


def rates(make, **settings):
    """Return the rates of steps 0 to 9 at a peak of 8."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=8.0)
    scheduler = make(optimizer, **settings)
    found = []
    for _ in range(10):
        found.append(round(optimizer.param_groups[0]["lr"], 4))
        optimizer.step()
        scheduler.step()
    return found


HALF = [8.0, 6.8284, 4.0, 1.1716]
COSINE = [round(0.8 + 0.9 * value, 4) for value in HALF]


@pytest.mark.parametrize(
    ("make", "settings", "expected"),
    [
        (
            schedulers.warmup,
            {"warmup_steps": 4},
            [2.0, 4.0, 6.0, 8.0] + [round(8 * math.sqrt(4 / step), 4) for step in range(5, 11)],
        ),
        (
            schedulers.warmup_cosine,
            {"warmup_steps": 4, "total_steps": 8},
            [2, 4, 6, 8, *HALF, 0, 0],
        ),
        (
            schedulers.warmup_cosine,
            {"warmup_steps": 4, "total_steps": 8, "final": 0.1},
            [2, 4, 6, 8, *COSINE, 0.8, 0.8],
        ),
        (
            schedulers.warmup_linear,
            {"warmup_steps": 4, "total_steps": 8},
            [2, 4, 6, 8, 8, 6, 4, 2, 0, 0],
        ),
        (
            schedulers.warmup_linear,
            {"warmup_steps": 2, "total_steps": 6, "final": 0.5},
            [4, 8, 8, 7, 6, 5, 4, 4, 4, 4],
        ),
        (schedulers.warmup_linear, {"warmup_steps": 2, "total_steps": 2}, [4, 8, 8, *[0] * 7]),
        (schedulers.warmup_linear, {"warmup_steps": 0, "total_steps": 2}, [8, 4, *[0] * 8]),
    ],
)
def test_rates(make, settings, expected):
    assert rates(make, **settings) == expected


def test_the_usual_warm_up_is_long():
    assert rates(schedulers.warmup)[9] == round(8 * 10 / 25_000, 4)


# Measured values.


def test_means_are_weighted():
    means = WeightedMeans()
    assert means.compute() == {}
    means.add({"loss": torch.tensor(1.0), "acc": 0.5}, 1)
    means.add({"loss": torch.tensor(4.0)}, torch.tensor(2.0))
    means.add({"none": 7.0}, 0)
    assert means.compute() == {"loss": 3.0, "acc": 0.5}
    assert means.state() == {"loss": [9.0, 3.0], "acc": [0.5, 1.0], "none": [0.0, 0.0]}
    other = WeightedMeans()
    other.load(json.loads(json.dumps(means.state())))
    other.add({"loss": 7.0}, 1)
    assert other.compute() == {"loss": 4.0, "acc": 0.5}
    assert means.compute()["loss"] == 3.0


def test_a_closed_epoch_begins_anew_and_a_sanity_check_is_not_recorded():
    measured = Measurements()
    measured.means["valid"].add({"loss": 2.0}, 1)
    assert measured.close("valid", record=False) == {"valid/loss": 2.0}
    assert (measured.latest, measured.fresh) == ({}, set())
    measured.means["valid"].add({"loss": 3.0}, 1)
    measured.means["train"].add({"loss": 1.0}, 1)
    assert measured.close("valid") == {"valid/loss": 3.0}
    assert measured.close("train") == {"train/loss": 1.0}
    assert measured.close("train") == {}
    assert measured.latest == {"valid/loss": 3.0, "train/loss": 1.0}
    assert measured.fresh == {"valid/loss", "train/loss"}


@pytest.mark.parametrize(
    ("latest", "monitor", "message", "hint"),
    [
        (
            {"valid/los": 1},
            "valid/loss",
            '"valid/loss" is not measured',
            'did you mean "valid/los"?',
        ),
        (
            {"valid/b/loss": 1, "valid/a/loss": 1, "train/a/loss": 1},
            "valid/loss",
            '"valid/loss" is not measured: the model gives several losses',
            "choose one of valid/b/loss, valid/a/loss",
        ),
        (
            {"valid/a/loss": 1, "x": 2},
            "valid/qqqq",
            '"valid/qqqq" is not measured',
            "choose from: valid/a/loss, x",
        ),
        ({}, "loss", '"loss" is not measured', ""),
    ],
)
def test_a_value_that_is_not_measured(latest, monitor, message, hint):
    with pytest.raises(UserError, match="is not measured") as error:
        read_value(latest, monitor, "training.x")
    assert (error.value.message, error.value.hint) == (message, hint)
    assert error.value.where == "training.x"
    assert read_value({"a": 0.0}, "a", "") == 0.0


def test_curves_go_on_where_the_training_does(tmp_path, monkeypatch):
    now = SimpleNamespace(seconds=50.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.seconds)
    path = tmp_path / "curves.jsonl"
    path.write_text("left over\n")
    curves = Curves(path, None)
    for step in (1, 2, 3):
        now.seconds += 1.00049
        curves.add("step", 1, step, {"loss": step / 2, "bad": math.nan, "wide": math.inf})
    first = [json.loads(line) for line in path.read_text().splitlines()]  # written at once
    curves.close()
    assert first[0] == {
        "at": "step", "epoch": 1, "step": 1, "seconds": 1.0, "loss": 0.5, "bad": None, "wide": None,
    }  # fmt: skip
    assert [row["seconds"] for row in first] == [1.0, 2.001, 3.001]
    with path.open("a") as file:
        file.write('{"at": "step", "st')
    again = Curves(path, 2)
    now.seconds += 1
    again.add("epoch", 1, 3, {})
    again.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[:2] == first[:2]
    assert rows[2:] == [{"at": "epoch", "epoch": 1, "step": 3, "seconds": 3.001}]
    Curves(tmp_path / "none.jsonl", 5).close()
    assert (tmp_path / "none.jsonl").read_text() == ""


# Averages.


def test_the_average_follows_the_weights():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
    average = MovingAverage(model, 0.2)
    expected, decays = 0.0, [2 / 11, 0.2, 0.2]
    for step, decay in enumerate(decays, 1):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update()
        expected = decay * expected + (1 - decay) * step
        assert average.state()["weights"]["weight"].item() == pytest.approx(expected)
    assert average.state()["steps"] == 3
    with average.apply_average():
        assert model.weight.item() == pytest.approx(expected)
        with average.apply_average():
            assert model.weight.item() == pytest.approx(expected)
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 3.0
    with average.apply_average():
        pass
    other = MovingAverage(model, 0.2)
    other.load(average.state())
    average.update()
    assert (other.steps, other.state()["weights"]["weight"].item()) == (3, pytest.approx(expected))


# Whole epochs.


@pytest.mark.parametrize(
    ("trainer", "valid", "expected"),
    [
        ({}, [1], True),
        ({}, [], False),
        ({"limit_val_batches": 0}, [1], False),
        ({"limit_val_batches": 1}, [1], True),
        ({"check_val_every_n_epoch": 3, "max_epochs": 2}, [1], False),
        ({"check_val_every_n_epoch": 3, "max_epochs": 3}, [1], True),
        ({"check_val_every_n_epoch": 3, "max_epochs": -1}, [1], True),
        ({"check_val_every_n_epoch": None, "max_epochs": 1}, [1], True),
    ],
)
def test_whether_a_training_validates(trainer, valid, expected):
    settings = {"max_epochs": 5, "max_steps": -1, **trainer}
    assert has_validation({"trainer": settings, "dataset": {"valid": valid}}) is expected


def epoch(completed, total, **changes):
    """Return a trainer at the end of an epoch."""
    values = {"ready": completed, "started": completed, "processed": completed, "stops": False}
    values |= {"max_steps": -1, "global_step": 5, **changes}
    current = SimpleNamespace(
        completed=completed,
        **{name: values[name] for name in ("ready", "started", "processed")},
    )
    val = SimpleNamespace(
        batch_progress=SimpleNamespace(current=current), max_batches=[total - 1, 1]
    )
    loop = SimpleNamespace(batch_progress=SimpleNamespace(current=current), val_loop=val)
    return SimpleNamespace(
        fit_loop=SimpleNamespace(epoch_loop=loop),
        num_training_batches=total,
        should_stop=values["stops"],
        max_steps=values["max_steps"],
        global_step=values["global_step"],
    )


@pytest.mark.parametrize(
    ("trainer", "early"),
    [
        (epoch(4, 4), False),
        (epoch(3, 4), True),
        (epoch(3, 4, processed=4, started=3), False),
        (epoch(3, 4, stops=True), False),
        (epoch(3, 4, stops=True, ready=4), True),
        (epoch(3, 4, max_steps=5), False),
        (epoch(3, 4, max_steps=6), True),
        (epoch(3, 4, max_steps=0, global_step=0), False),
        (epoch(3, float("inf")), False),
    ],
)
def test_an_epoch_that_ended_early(trainer, early):
    if not early:
        check_train_epoch(trainer)
        return
    with pytest.raises(UserError, match="the epoch ended after 3 of 4 batches") as error:
        check_train_epoch(trainer)
    assert error.value.hint == (
        "something raised StopIteration, or a __len__ says more than there is"
    )


def test_a_validation_that_ended_early():
    check_validation(epoch(4, 4))
    check_validation(epoch(3, float("inf")))
    with pytest.raises(UserError, match="the validation ended after 3 of 4 batches"):
        check_validation(epoch(3, 4))
