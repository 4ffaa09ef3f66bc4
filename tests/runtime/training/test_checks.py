"""What is read from checkpoints and written into them, without a training."""

import logging

import pytest
import torch
from torch import nn

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.checkpoint_files import (
    average,
    link,
    remove_leftovers,
    save_weights,
    set_aside,
)
from espnet3_runtime.training.continuation import (
    check_checkpoint,
    check_schedule,
    compare_optimizers,
    describe_optimizers,
    describe_overruled,
    read_rates,
)
from espnet3_runtime.training.initial_weights import (
    describe_mismatches,
    load_initial_weights,
    without_parts,
)
from espnet3_schemas.initial_weights import InitialWeights

# Whether a training can go on.

AFRESH = "start a new training from the weights with init_from, or set it as it was"


def checkpoint(**changes):
    weights = nn.Linear(2, 1).state_dict()
    values = {"optimizer_states": [], "loops": {}, "state_dict": weights, "global_step": 8}
    values |= {"espnet3": {"optimizers": {}, "epoch": 3}, **changes}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("limits", [(-1, -1), (4, 9), (4, -1), (-1, 9)])
def test_a_training_that_can_go_on(limits):
    check_checkpoint("c", checkpoint(), nn.Linear(2, 1), limits)
    check_checkpoint("c", checkpoint(espnet3=None), nn.Linear(2, 1), limits)


@pytest.mark.parametrize(
    ("changes", "limits", "message", "hint"),
    [
        ({"optimizer_states": None}, (-1, -1),
         '"c" holds weights only, and a training cannot go on from them',
         "use last.ckpt, or start a new training from the weights with init_from"),
        ({"loops": None}, (-1, -1),
         '"c" holds weights only, and a training cannot go on from them',
         "use last.ckpt, or start a new training from the weights with init_from"),
        ({"espnet3": {}}, (-1, -1),
         '"c" was written by an earlier version, which did not save its optimizers', AFRESH),
        ({"state_dict": {"weight": torch.zeros(1, 2)}}, (-1, -1),
         '"c" is of another model: 1 missing in the file: bias', AFRESH),
        ({}, (3, 9), '"c" has nothing left to train: max_epochs is 3, and it has 3',
         "raise trainer.max_epochs"),
        ({}, (2, 8), '"c" has nothing left to train: max_epochs is 2, and it has 3',
         "raise trainer.max_epochs"),
        ({}, (-1, 8), '"c" has nothing left to train: max_steps is 8, and it has 8',
         "raise trainer.max_steps"),
        ({"espnet3": None}, (0, -1), '"c" has nothing left to train: max_epochs is 0, and it has 0',
         "raise trainer.max_epochs"),
    ],
)  # fmt: skip
def test_a_training_that_cannot_go_on(changes, limits, message, hint):
    with pytest.raises(UserError, match='"c"') as error:
        check_checkpoint("c", checkpoint(**changes), nn.Linear(2, 1), limits)
    assert (error.value.message, error.value.hint) == (message, hint)
    assert error.value.where == "training.fit.ckpt_path"


OTHERS = "the checkpoint trained other parameters (see freeze)"


def test_optimizers_are_compared():
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD([{"params": [model.weight]}, {"params": [model.bias]}], lr=0.1)
    step = torch.optim.lr_scheduler.StepLR(sgd, 1)
    own = describe_optimizers(model, [sgd], [step])
    assert own == {
        "optimizer": ["SGD"], "scheduler": ["StepLR"], "trained": [[["weight"], ["bias"]]],
    }  # fmt: skip
    alone = describe_optimizers(model, [torch.optim.SGD([torch.zeros(1)])], [])
    assert alone == {"optimizer": ["SGD"], "scheduler": [], "trained": [[[""]]]}
    compare_optimizers(own, own)
    for saved, message in (
        (
            {"optimizer": ["Adam", "SGD"]},
            "the checkpoint is of another optimizer: Adam, SGD there, SGD here",
        ),
        (
            {"scheduler": []},
            "the checkpoint is of another scheduler: no scheduler there, StepLR here",
        ),
        ({"trained": [[["weight"]]]}, f"{OTHERS}: bias"),
        (
            {"trained": [[["weight", "bias"]]]},
            f"{OTHERS}: the same ones in another order or other groups",
        ),
    ):
        with pytest.raises(UserError, match="the checkpoint") as error:
            compare_optimizers({**own, **saved}, own)
        assert (error.value.message, error.value.hint) == (message, AFRESH)


def test_rates_of_the_checkpoint_are_told():
    weight = torch.zeros(1, requires_grad=True)
    adam = torch.optim.AdamW([weight], lr=0.5, weight_decay=0.25)
    assert read_rates([adam]) == [{"weight_decay": 0.25, "lr": 0.5}]
    adam.param_groups[0]["initial_lr"] = 4.0
    assert read_rates([adam, adam])[1] == {"weight_decay": 0.25, "lr": 4.0}
    theirs = [{"lr": 0.5, "weight_decay": 0.25}]
    assert list(describe_overruled(read_rates([adam]), theirs)) == [
        "lr is 0.5 of the checkpoint, not 4 as set"
    ]
    assert list(describe_overruled(theirs, theirs)) == []
    check_schedule(5, 5)
    with pytest.raises(UserError, match="ends after 4 steps, the training has 5"):
        check_schedule(4, 5)


# Files of checkpoints.


def test_weights_are_averaged_as_wide_numbers(tmp_path):
    first = {"f": torch.tensor([1.0, 2.0]), "n": torch.tensor(3), "h": torch.tensor(60000.0).half()}
    first["c"] = torch.tensor(1 + 2j)
    second = {
        "f": torch.tensor([3.0, 5.0]),
        "n": torch.tensor(9),
        "h": first["h"],
        "c": first["c"] * 3,
    }
    paths = [tmp_path / "a.ckpt", tmp_path / "b.ckpt"]
    for path, state in zip(paths, (first, second), strict=True):
        save_weights(path, state, step=1)
    average(paths, tmp_path / "mean.ckpt")
    mean = torch.load(tmp_path / "mean.ckpt", weights_only=True)
    assert mean["averaged"] == ["a.ckpt", "b.ckpt"]
    assert list(mean["state_dict"]) == ["f", "n", "h", "c"]
    expected = {
        "f": torch.tensor([2.0, 3.5]),
        "n": torch.tensor(3),
        "h": first["h"],
        "c": first["c"] * 2,
    }
    for name, value in expected.items():
        assert torch.equal(mean["state_dict"][name], value), name
        assert mean["state_dict"][name].dtype == value.dtype
    assert torch.load(paths[0], weights_only=True)["step"] == 1


def test_a_second_name(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("one")
    link(tmp_path / "a", tmp_path / "b")
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")
    (tmp_path / "c").write_text("two")
    link(tmp_path / "c", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "c")

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "one"
    assert not (tmp_path / "b").samefile(tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_an_earlier_training_is_set_aside(tmp_path):
    fill(tmp_path, "last.ckpt", "x/y", "a.log", "kept.txt", ".hidden", "previous/old.ckpt")
    assert set_aside(tmp_path, [".log", "kept.txt"])
    kept = [".hidden", "a.log", "kept.txt"]
    assert files(tmp_path) == [*kept, "previous/last.ckpt", "previous/x/y"]
    fill(tmp_path, "b.txt", "d/e")
    assert not set_aside(tmp_path, [".log", "kept.txt"])
    assert files(tmp_path) == [*kept, "previous/last.ckpt", "previous/x/y"]
    fill(tmp_path, ".previous/half.ckpt", "rest.txt")  # killed in between
    assert set_aside(tmp_path, [".log", "kept.txt"])
    assert files(tmp_path) == [*kept, "previous/half.ckpt", "previous/rest.txt"]
    remove_leftovers(tmp_path, ["a.log"])
    assert files(tmp_path) == [".hidden", "a.log", "previous/half.ckpt", "previous/rest.txt"]


# Weights to start from.


def test_how_weights_differ_from_a_model(tmp_path, caplog):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    own = model.state_dict()
    file = {"0.weight": torch.ones(2, 2), "0.bias": torch.zeros(3), "1.weight": own["1.weight"]}
    file["more"] = torch.zeros(1)
    assert list(describe_mismatches(own, file)) == [
        "1 missing in the file: 1.bias", "1 not in the model: more",
        "1 of another shape: 0.bias (3,) for (2,)",
    ]  # fmt: skip
    assert list(describe_mismatches(own, own)) == []
    assert list(without_parts(file, ["0", "more"])) == ["1.weight"]
    assert list(without_parts(file, [])) == list(file)
    torch.save(file, tmp_path / "w.ckpt")
    caplog.set_level("INFO")
    words = (tmp_path / "w.ckpt", InitialWeights("w"), logging.getLogger("t"))
    with pytest.raises(UserError, match="do not fit Sequential") as error:
        load_initial_weights(model, *words, [], "training.reinit")
    assert error.value.message == "\n    ".join(
        ['the weights of "w" do not fit Sequential:', *describe_mismatches(own, file)]
    )
    assert error.value.where == "init_from"
    assert "training.reinit, for example [head]" in error.value.hint
    with pytest.raises(UserError, match='"none" matches no weight of the model') as error:
        load_initial_weights(model, *words, ["1", "none"], "training.reinit")
    assert (error.value.where, error.value.hint) == ("training.reinit", "its parts are 0, 1")
    del file["more"]
    torch.save(file, tmp_path / "w.ckpt")
    said = load_initial_weights(model, *words, ["0.bias", "1"], "training.reinit")
    assert said == "1 of 4 weights from w"
    assert torch.equal(model[0].weight, torch.ones(2, 2))
    assert [record.getMessage() for record in caplog.records] == [
        "init_from: 3 weights start afresh: 0.bias, 1.bias, 1.weight"
    ]
