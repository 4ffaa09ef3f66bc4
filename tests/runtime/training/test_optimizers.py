"""What optimizers and schedulers do: one of them, or several by name."""

import logging

import pytest
import torch

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.optimizers import count_steps
from espnet3_runtime.training.parameter_groups import assign_parameters
from tests.runtime.training_kit import (
    CLASSIFIER,
    ONE,
    SETS,
    SGD,
    load,
    rows,
    same,
    train_context,
    weights,
)


def by_hand(recipe, epochs=1, accumulate=1, clip=1.0):
    """Train as anyone would write it, over the same batches; return the weights."""
    from espnet3_runtime.data.dataset_entries import DatasetDirectories
    from espnet3_runtime.data.loader import DataParallelRank, make_loader
    from espnet3_runtime.data.sampler import Clock, seed_generators
    from espnet3_runtime.data.split_dataset import load_split
    from tests.runtime.training_kit import stage_context, training

    config = stage_context(recipe, "train", training()).configs["training"]
    clock = Clock(1)
    split = load_split(SETS, "train", DatasetDirectories(recipe, recipe / "data"))
    loader = make_loader(
        split,
        "train",
        config["dataloader"],
        shapes=None,
        clock=clock,
        rank=DataParallelRank(),
        log=logging.getLogger("test"),
    )
    seed_generators(1)
    model = instantiate(CLASSIFIER)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for epoch in range(epochs):
        clock.epoch = epoch
        seed_generators(1, epoch, 0)
        for index, (_, batch) in enumerate(loader):
            (model(**batch)[0] / accumulate).backward()
            if (index + 1) % accumulate == 0 or index + 1 == len(loader):
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                optimizer.zero_grad()
    return model.state_dict()


@pytest.mark.parametrize("accumulate", [1, 4])
def test_training_is_what_one_would_write_by_hand(recipe, accumulate):
    trainer = {"max_epochs": 2, "accumulate_grad_batches": accumulate, "gradient_clip_val": 0.5}
    found = weights(train(train_context(recipe, optimizer=SGD, trainer=trainer)))
    assert same(found, by_hand(recipe, epochs=2, accumulate=accumulate, clip=0.5))


@pytest.mark.parametrize(("interval", "expected"), [("step", 0.05 * 0.9**6), ("epoch", 0.05 * 0.9)])
def test_schedulers_move_by_step_or_epoch(recipe, interval, expected):
    scheduler = {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.9}
    context = train_context(
        recipe, optimizer=SGD, scheduler=scheduler, scheduler_interval=interval, trainer=ONE
    )
    last = load(train(context)["last_checkpoint"])
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(expected)


def test_plateau_schedulers_watch_a_value(recipe):
    plateau = {
        "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
        "mode": "max",
        "patience": 0,
        "factor": 0.1,
    }
    changes = {"scheduler_interval": "epoch", "scheduler_monitor": "valid/loss"}
    context = train_context(recipe, optimizer=SGD, scheduler=plateau, **changes)
    last = load(train(context)["last_checkpoint"])
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.05 * 0.1**2)
    with pytest.raises(UserError, match="known once an epoch") as error:
        train(train_context(recipe, optimizer=SGD, scheduler=plateau))
    assert "epoch" in error.value.hint
    changes["scheduler_monitor"] = "valid/los"
    with pytest.raises(UserError, match='"valid/los" is not measured') as error:
        train(train_context(recipe, optimizer=SGD, scheduler=plateau, **changes))
    assert error.value.hint == 'did you mean "valid/loss"?'


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, None, 3, -1, 1), 30),
        ((10, None, 3, -1, 4), 9),  # 4, 4 and 2 batches an epoch
        ((10, None, 3, 7, 1), 7),
        ((10, 4, 3, -1, 1), 12),
        ((10, 0.5, 3, -1, 1), 15),
        ((10, 1.0, 3, -1, 1), 30),
        ((10, None, -1, 50, 1), 50),
        ((10, None, -1, -1, 1), -1),
    ],
)
def test_total_steps(arguments, expected):
    assert count_steps(*arguments) == expected


@pytest.mark.parametrize(
    ("trainer", "steps"),
    [
        ({"accumulate_grad_batches": 3}, 4),  # of six batches an epoch
        ({"accumulate_grad_batches": 4}, 4),
        ({"accumulate_grad_batches": 2, "max_steps": 5}, 5),
        ({"accumulate_grad_batches": 2, "limit_train_batches": 5}, 6),
        ({"accumulate_grad_batches": 2, "limit_train_batches": 0.5}, 4),
    ],
)
def test_a_schedule_ends_with_the_training(recipe, trainer, steps):
    scheduler = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.1}
    trainer = {"max_epochs": 2, **trainer}
    context = train_context(recipe, optimizer=SGD, scheduler=scheduler, trainer=trainer)
    last = load(train(context)["last_checkpoint"])
    assert last["global_step"] == last["lr_schedulers"][0]["total_steps"] == steps


def test_a_schedule_without_end_is_an_error(recipe):
    scheduler = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.1}
    trainer = {"max_epochs": -1, "max_time": {"seconds": 1}}
    with pytest.raises(UserError, match="training has no end"):
        train(train_context(recipe, optimizer=SGD, scheduler=scheduler, trainer=trainer))


PARTS = {
    "body": {"optimizer": SGD, "params": "encoder"},
    "norm": {"optimizer": SGD, "params": "norm"},
}


NAMED = {**PARTS, "head": {"optimizer": SGD, "params": "head"}}


def test_named_optimizers_with_one_loss_equal_one_optimizer(recipe):
    named = weights(
        train(train_context(recipe, optimizer=None, optimizers=NAMED, trainer=CLIPLESS))
    )
    single = weights(train(train_context(recipe, optimizer=SGD, trainer=CLIPLESS)))
    assert same(named, single)


CLIPLESS = {"gradient_clip_val": None, "max_epochs": 2}


def test_named_schedules_end_with_the_training(recipe):
    once = {"scheduler": {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.1}}
    when = {
        "body": {"step_every_n_iters": 2, "accum_grad_steps": 2},
        "norm": {"step_every_n_iters": 4},
        "head": {"accum_grad_steps": 4},
    }
    blocks = {name: {**block, **when[name]} for name, block in NAMED.items()}
    named = {"optimizer": None, "optimizers": blocks, "schedulers": dict.fromkeys(blocks, once)}
    last = load(train(train_context(recipe, **named))["last_checkpoint"])
    found = [(one["total_steps"], one["last_epoch"]) for one in last["lr_schedulers"]]
    assert found == [(4, 4), (5, 5), (4, 4)]  # of 18 batches


def test_every_parameter_has_one_optimizer(recipe):
    with pytest.raises(UserError, match="no optimizer has the parameters head"):
        train(train_context(recipe, optimizer=None, optimizers=PARTS))
    twice = {**NAMED, "again": {"optimizer": SGD, "params": "head.bias"}}
    with pytest.raises(UserError, match="several optimizers have the parameters head"):
        train(train_context(recipe, optimizer=None, optimizers=twice))
    wrong = {**NAMED, "again": {"optimizer": SGD, "params": "hed"}}
    with pytest.raises(UserError, match='"hed" matches no') as error:
        train(train_context(recipe, optimizer=None, optimizers=wrong))
    assert error.value.where == "training.optimizers.again.params"
    trainer = {"accumulate_grad_batches": 2}
    with pytest.raises(UserError, match="accumulate by themselves"):
        train(train_context(recipe, optimizer=None, optimizers=NAMED, trainer=trainer))


def test_dividing_covers_frozen_parameters_by_nobody():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].requires_grad_(False)
    assert [len(part) for part in assign_parameters(model, {"a": "1"}, "").values()] == [2]


GAN = '''
import torch
from torch import nn


class Gan(nn.Module):
    """Two parts with losses of their own; each loss also depends on the other part."""
    def __init__(self):
        super().__init__()
        self.generator = nn.Parameter(torch.tensor(1.0))
        self.critic = nn.Parameter(torch.tensor(2.0))

    def forward(self, speech, label):
        product = self.generator * self.critic
        return {"loss": {"g": product, "d": -product}, "product": product}
'''


def gan(recipe, **options):
    (recipe / "src" / "gan.py").write_text(GAN)
    optimizers = {
        "g": {"optimizer": {**SGD, "lr": 0.1}, "params": "generator", **options.pop("g", {})},
        "d": {"optimizer": {**SGD, "lr": 0.1}, "params": "critic", **options.pop("d", {})},
    }
    model = {"_target_": "src.gan.Gan"}
    options = {"best_model_criterion": [["valid/g/loss", 1, "min"]], **options}
    context = train_context(
        recipe, model, optimizer=None, optimizers=optimizers, trainer={**CLIPLESS, **ONE}, **options
    )
    return train(context)


def simulate(steps, every=1, accumulate=1, clip=None):
    """Return both weights after simultaneous descent and ascent on their product."""
    g, d, held, count = 1.0, 2.0, 0.0, 0
    for step in range(steps):
        gradient_g, gradient_d = d, -g
        if step % every == 0:
            held += gradient_d / accumulate
            count += 1
        g -= 0.1 * (gradient_g if clip is None else min(gradient_g, clip))
        if step % every == 0 and count % accumulate == 0:
            d -= 0.1 * held
            held = 0.0
    return g, d


@pytest.mark.parametrize(
    ("options", "simulated"),
    [
        ({}, {}),
        ({"d": {"step_every_n_iters": 2}}, {"every": 2}),
        ({"d": {"accum_grad_steps": 3}}, {"accumulate": 3}),
        ({"g": {"gradient_clip_val": 0.5}}, {"clip": 0.5}),
    ],
)
def test_each_loss_moves_its_own_part_only(recipe, options, simulated):
    found = weights(gan(recipe, **options))
    g, d = simulate(6, **simulated)
    assert found["generator"].item() == pytest.approx(g, rel=1e-5)
    assert found["critic"].item() == pytest.approx(d, rel=1e-5)


def test_losses_by_name_are_logged(recipe):
    names = set().union(*rows(gan(recipe)))
    assert {"train/g/loss", "train/d/loss", "train/product", "lr/0", "lr/1"} <= names


def test_named_schedulers(recipe):
    scheduler = {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.5}
    schedulers = {"g": {"scheduler": scheduler}, "d": {"scheduler": scheduler, "interval": "epoch"}}
    last = load(gan(recipe, schedulers=schedulers)["last_checkpoint"])
    rates = [state["param_groups"][0]["lr"] for state in last["optimizer_states"]]
    assert rates == pytest.approx([0.1 * 0.5**6, 0.1 * 0.5])


def test_a_named_plateau_scheduler_watches_a_value_and_says_nothing(recipe, recwarn):
    node = {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau", "patience": 0, "factor": 0.5}
    never = {**node, "threshold": 1e9}  # nothing counts as better
    plateau = {"scheduler": never, "interval": "epoch", "monitor": "valid/g/loss"}
    last = load(gan(recipe, schedulers={"g": plateau})["last_checkpoint"])
    rates = [state["param_groups"][0]["lr"] for state in last["optimizer_states"]]
    assert rates == pytest.approx([0.05, 0.1])
    assert not [one for one in recwarn if "lr scheduler" in str(one.message)]


def test_of_several_losses_one_is_asked_for(recipe):
    with pytest.raises(UserError, match=r'"valid/loss" is not measured: .* several los') as error:
        gan(recipe, best_model_criterion=[["valid/loss", 1, "min"]])
    assert error.value.hint == "choose one of valid/g/loss, valid/d/loss"


def test_losses_and_optimizers_must_agree(recipe):
    (recipe / "src" / "gan.py").write_text(GAN)
    model = {"_target_": "src.gan.Gan"}
    best = {"best_model_criterion": [["valid/g/loss", 1, "min"]]}
    with pytest.raises(UserError, match="a loss for each of g, d, and there is one optimizer"):
        train(train_context(recipe, model, **best))
    optimizers = {"x": {"optimizer": SGD, "params": "*"}}
    with pytest.raises(UserError, match='gives a loss for "d", and there is no such optimizer'):
        train(train_context(recipe, model, optimizer=None, optimizers=optimizers, **best))


@pytest.mark.parametrize("named", [False, True])
def test_a_plateau_scheduler_waits_for_a_rare_validation(recipe, named):
    node = {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau", "patience": 0, "factor": 0.5}
    node |= {"threshold": 1e9}  # nothing counts as better
    rare = {"max_epochs": 5, "check_val_every_n_epoch": 2}
    changes = {"optimizer": SGD, "scheduler": node, "scheduler_interval": "epoch"}
    changes |= {"scheduler_monitor": "valid/loss"}
    if named:
        plateau = {"scheduler": node, "interval": "epoch", "monitor": "valid/loss"}
        one = {"optimizer": SGD, "params": "*"}
        changes = {"optimizer": None, "optimizers": {"x": one}, "schedulers": {"x": plateau}}
    last = load(train(train_context(recipe, trainer=rare, **changes))["last_checkpoint"])
    (state,) = last["optimizer_states"]
    assert state["param_groups"][0]["lr"] == pytest.approx(0.05 * 0.5**2)  # two validations


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        ({"_target_": "warmup", "warmup_steps": 6}, [1 / 6, 1.0, (6 / 18) ** 0.5]),
        ({"_target_": "warmup_cosine", "warmup_steps": 6}, [1 / 6, 1.0, 0.017]),
        ({"_target_": "warmup_linear", "warmup_steps": 6, "final": 0.1}, [1 / 6, 1.0, 0.175]),
    ],
)
def test_schedules_of_speech_recipes(recipe, node, shape):
    node = {**node, "_target_": f"espnet3_runtime.training.schedulers.{node['_target_']}"}
    outputs = train(train_context(recipe, optimizer={**SGD, "lr": 1.0}, scheduler=node))
    from espnet3_runtime.training import schedulers

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    total = {} if node["_target_"].endswith("warmup") else {"total_steps": 18}
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    make = getattr(schedulers, node["_target_"].rpartition(".")[2])
    scheduler = make(optimizer, **arguments, **total)
    rates = []
    for _ in range(18):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert [rates[0], max(rates), rates[-1]] == pytest.approx(shape, rel=0.05)
    found = load(outputs["last_checkpoint"])["optimizer_states"][0]["param_groups"][0]["lr"]
    assert found == optimizer.param_groups[0]["lr"]  # total_steps was supplied
