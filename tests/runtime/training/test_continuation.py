"""Trainings that go on from a checkpoint that their config names."""

from dataclasses import replace

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from tests.runtime.training_kit import (
    CLASSIFIER,
    POLLS_PER_EPOCH,
    SGD,
    cut,
    load,
    reference,
    same,
    train_context,
)


def texts(directory):
    """Return the bytes of every file."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


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


def test_a_checkpoint_of_other_parameter_groups_is_one_sentence(recipe):
    (recipe / "src" / "layers.py").write_text(
        "import torch\n"
        "def sgd(params, lr):\n"
        "    return torch.optim.SGD([{'params': [one]} for one in params], lr=lr)\n"
    )
    last = train(train_context(recipe, optimizer=SGD))["last_checkpoint"]
    (recipe / "start.ckpt").write_bytes(last.read_bytes())
    changes = {"trainer": {"max_epochs": 5}, "fit": {"ckpt_path": "start.ckpt"}}
    layers = {"_target_": "src.layers.sgd", "lr": 0.05}
    with pytest.raises(UserError, match=r"trained other parameters .* other groups"):
        train(train_context(recipe, optimizer=layers, **changes))


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
