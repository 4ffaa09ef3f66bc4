"""How long a training is, which of its checkpoints are best, and what its optimizers are told."""

import math
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch import profilers
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.checkpoints import Criterion, KeptCheckpoint, read_criteria
from espnet3_runtime.training.named_optimizers import (
    NamedOptimizerLoop,
    single_loss,
    step_plateau,
)
from espnet3_runtime.training.optimizers import (
    NamedOptimizer,
    Scheduler,
    count_steps,
    limit_epochs,
    make_named_optimizers,
    make_single_optimizer,
)
from espnet3_runtime.training.trainer import make_trainer


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ({}, 100),
        ({"max_epochs": 3, "max_steps": 5}, 3),
        ({"max_epochs": 0}, 0),
        ({"max_epochs": -1}, -1),
        ({"max_steps": 5}, -1),
        ({"max_steps": 1}, -1),
        ({"max_steps": 0}, 100),
        ({"max_steps": -1}, 100),
        ({"max_time": "1:00"}, -1),
        ({"max_epochs": None, "max_time": {"hours": 1}}, -1),
    ],
)
def test_when_a_training_ends(trainer, expected):
    assert limit_epochs(trainer) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, None, 3, -1, 1), 30),
        ((10, None, 3, -1, 4), 9),
        ((10, None, 3, 7, 4), 7),
        ((10, None, 3, 99, 4), 9),
        ((10, None, -1, 7, 4), 7),
        ((10, None, None, -1, 4), -1),
        ((10, None, 0, -1, 4), 0),
        ((10, 4, 3, -1, 1), 12),
        ((10, 40, 3, -1, 1), 30),
        ((10, 0.25, 3, -1, 1), 6),
        ((10, 1.0, 3, -1, 1), 30),
        ((10, None, 3, -1, 1, 1), 30),
        ((10, None, 3, -1, 4, 1), 7),
        ((10, None, 3, -1, 2, 4), 4),
        ((10, None, 3, 3, 2, 4), 3),
        ((1, None, 1, -1, 9, 1), 1),
    ],
)
def test_the_steps_of_a_training(arguments, expected):
    assert count_steps(*arguments) == expected


def kept(*values):
    return [KeptCheckpoint(value, 1, step, f"{step}") for step, value in values]


@pytest.mark.parametrize(
    ("mode", "count", "expected"),
    [("min", 3, [4, 1, 3]), ("max", 3, [2, 1, 3]), ("min", 1, [4]), ("max", 9, [2, 1, 3, 4])],
)
def test_the_best_come_first_and_of_equals_the_earlier(mode, count, expected):
    criterion = Criterion("valid/a/b", count, mode)
    found = criterion.rank(kept((3, 5.0), (4, 1.0), (1, 5.0), (2, 9.0)))
    assert [one.step for one in found] == expected
    assert criterion.file_slug == "valid.a.b"


def test_without_validation_values_of_training_decide():
    rows = [["valid/loss", 2, "min"], ["train/loss", 2, "min"], ["own/valid/x", 1, "max"]]
    config = {"best_model_criterion": rows, "trainer": {}, "dataset": {"valid": [1]}}
    assert [one.monitor for one in read_criteria(config)] == [
        "valid/loss",
        "train/loss",
        "own/valid/x",
    ]
    config["dataset"] = {"valid": []}
    assert read_criteria(config) == [
        Criterion("train/loss", 2, "min"),
        Criterion("own/valid/x", 1, "max"),
    ]


def optimizer_of(*parameters, lr=1.0):
    return torch.optim.SGD(parameters or [nn.Parameter(torch.zeros(1))], lr=lr)


def test_schedulers_as_lightning_takes_them():
    scheduler = StepLR(optimizer_of(), 1)
    assert Scheduler(scheduler, "step", None).lightning() == {
        "scheduler": scheduler, "interval": "step",
    }  # fmt: skip
    assert Scheduler(scheduler, "epoch", "valid/loss").lightning() == {
        "scheduler": scheduler, "interval": "epoch", "monitor": "valid/loss", "strict": False,
    }  # fmt: skip


def test_a_plateau_is_told_its_value():
    optimizer = optimizer_of()
    plateau = Scheduler(ReduceLROnPlateau(optimizer, patience=0, factor=0.5), "epoch", "valid/loss")
    for value, rate in ((1.0, 1.0), (2.0, 0.5), (0.5, 0.5)):
        assert step_plateau(plateau, {"valid/loss": value}, ["valid/loss"])
        assert optimizer.param_groups[0]["lr"] == rate
    assert step_plateau(plateau, {}, [])
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert not step_plateau(Scheduler(StepLR(optimizer, 1), "epoch", None), {}, [])
    odd = Scheduler(plateau.scheduler, "epoch", "train/los")
    with pytest.raises(UserError, match='"train/los" is not measured') as error:
        step_plateau(odd, {}, ["train/loss"])
    assert error.value.where == "training.scheduler_monitor"
    assert step_plateau(odd, {}, ["train/los"])


CALM = "is it computed under torch.no_grad(), from detach()ed values, or from frozen parts?"


def test_one_optimizer_has_one_loss():
    loss = torch.ones((), requires_grad=True)
    assert single_loss(SimpleNamespace(losses=loss), "m.M") is loss
    with pytest.raises(UserError, match="depends on no") as error:
        single_loss(SimpleNamespace(losses=loss.detach()), "m.M")
    assert error.value.message == 'the loss of "m.M" depends on no trainable parameter'
    assert error.value.hint == CALM
    with pytest.raises(UserError, match="gives a loss for each of g, d") as error:
        single_loss(SimpleNamespace(losses={"g": loss, "d": loss}), "m.M")
    assert error.value.where == "training.optimizer"


class Module:
    """The part of a Lightning module that a loop of named optimizers asks."""

    def __init__(self, named):
        self.trainer = SimpleNamespace(strategy=SimpleNamespace(model=None))
        self.clipped, self.stepped = [], []
        self.wrappers = [SimpleNamespace(optimizer=one.optimizer, step=self.step_of(name, one),
                                         zero_grad=one.optimizer.zero_grad)
                         for name, one in named.items()]  # fmt: skip

    def step_of(self, name, one):
        def step():
            self.stepped.append(name)
            one.optimizer.step()

        return step

    def optimizers(self):
        return self.wrappers if len(self.wrappers) > 1 else self.wrappers[0]

    def manual_backward(self, loss, **options):
        loss.backward(**options)

    def configure_gradient_clipping(self, optimizer, value, algorithm):
        self.clipped.append((value, algorithm))


def named_loop(**settings):
    parts = {name: nn.Parameter(torch.zeros(1)) for name in settings}
    named = {}
    for name, (every, accumulate, clip, interval) in settings.items():
        optimizer = optimizer_of(parts[name])
        scheduler = interval and Scheduler(StepLR(optimizer, 1, 0.5), interval, None)
        named[name] = NamedOptimizer(
            name, optimizer, [parts[name]], scheduler, every, accumulate, clip
        )
    return NamedOptimizerLoop(named, "m.M"), Module(named), parts


def losses(parts):
    return SimpleNamespace(losses={name: (part * 2).sum() for name, part in parts.items()})


def test_named_optimizers_step_when_it_is_their_turn():
    loop, module, parts = named_loop(
        g=(1, 2, None, "step"), d=(2, 1, 3.0, "epoch"), e=(1, 1, None, None)
    )
    changed = [loop.step(module, losses(parts)) for _ in range(4)]
    assert changed == [True] * 4
    assert module.stepped == ["d", "e", "g", "e", "d", "e", "g", "e"]
    assert module.clipped == [(3.0, "norm")] * 2
    assert [part.item() for part in parts.values()] == [-3.0, -4.0, -8.0]
    assert loop.state() == {
        "g": {"seen": 4, "held": 0}, "d": {"seen": 4, "held": 0}, "e": {"seen": 4, "held": 0},
    }  # fmt: skip
    rates = [one.optimizer.param_groups[0]["lr"] for one in loop.named.values()]
    assert rates == [0.25, 1.0, 1.0]
    loop.end_epoch({}, [])
    assert [one.optimizer.param_groups[0]["lr"] for one in loop.named.values()] == [0.25, 0.5, 1.0]
    entries = loop.lightning()
    assert [sorted(entry) for entry in entries] == [["lr_scheduler", "optimizer"]] * 2 + [
        ["optimizer"]
    ]
    assert [entry["optimizer"] for entry in entries] == [
        one.optimizer for one in loop.named.values()
    ]


def test_counters_go_on_from_a_state():
    loop, module, parts = named_loop(g=(2, 3, None, None))
    loop.load({"g": {"seen": 1, "held": 2}})
    assert not loop.step(module, losses(parts))
    assert loop.state() == {"g": {"seen": 2, "held": 2}}
    assert loop.step(module, losses(parts))
    assert loop.state() == {"g": {"seen": 3, "held": 0}}


def test_one_loss_moves_all_and_each_loss_its_own():
    loop, module, parts = named_loop(g=(1, 1, None, None), d=(1, 1, None, None))
    both = SimpleNamespace(losses=(parts["g"] + 3 * parts["d"]).sum())
    assert loop.step(module, both)
    assert [part.item() for part in parts.values()] == [-1.0, -3.0]
    loop.step(module, SimpleNamespace(losses={"d": (parts["g"] + parts["d"]).sum()}))
    assert [part.item() for part in parts.values()] == [-1.0, -4.0]
    shared = (parts["g"] * parts["d"]).sum()
    loop.step(module, SimpleNamespace(losses={"g": shared, "d": shared * 2}))
    assert [part.item() for part in parts.values()] == [3.0, -2.0]


def test_losses_that_no_optimizer_takes():
    loop, module, parts = named_loop(g=(1, 1, None, None))
    loss = parts["g"].sum()
    with pytest.raises(UserError, match='gives a loss for "a", and there is no such') as error:
        loop.step(module, SimpleNamespace(losses={"g": loss, "z": loss, "a": loss}))
    assert (error.value.where, error.value.hint) == (
        "training.optimizers", "the optimizers are g",
    )  # fmt: skip
    with pytest.raises(UserError, match=r'the loss of "m\.M for g" depends on no trainable'):
        loop.step(module, SimpleNamespace(losses={"g": loss.detach()}))


SGD = {"_target_": "torch.optim.SGD", "lr": 2.0}
PLAIN = {
    "optimizer": SGD, "scheduler": None, "scheduler_interval": "step", "scheduler_monitor": None,
    "trainer": {"accumulate_grad_batches": 3, "gradient_clip_val": 5.0},
}  # fmt: skip
PLATEAU = {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau"}
WARM = {"_target_": "espnet3_runtime.training.schedulers.warmup_linear", "warmup_steps": 2}


def single(steps=10, **changes):
    asked = []

    def total_steps(*words):
        asked.append(words)
        return steps

    model = nn.Linear(2, 1)
    model.bias.requires_grad_(changes.pop("bias", True))
    model.weight.requires_grad_(changes.pop("weight", True))
    return make_single_optimizer(model, {**PLAIN, **changes}, total_steps), asked, model


def test_one_optimizer_has_all_that_is_trained():
    (optimizer, scheduler), asked, model = single(bias=False)
    assert [id(p) for p in optimizer.param_groups[0]["params"]] == [id(model.weight)]
    assert (scheduler, asked) == (None, [(3,)])
    (optimizer, scheduler), _, _ = single(scheduler=WARM)
    assert (scheduler.interval, scheduler.monitor) == ("step", None)
    assert optimizer.param_groups[0]["lr"] == 1.0
    (_, plateau), _, _ = single(
        scheduler=PLATEAU, scheduler_interval="epoch", scheduler_monitor="valid/loss"
    )
    assert (plateau.interval, plateau.monitor) == ("epoch", "valid/loss")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": None}, 'training needs an "optimizer"'),
        ({"bias": False, "weight": False}, "the model has no trainable parameter"),
        ({"scheduler": WARM, "steps": -1}, "needs the number of steps, and training has no end"),
        ({"scheduler": PLATEAU}, "watches a value that is known once an epoch"),
        ({"scheduler": PLATEAU, "scheduler_interval": "epoch"}, "known once an epoch"),
        (
            {"scheduler": PLATEAU, "scheduler_monitor": "valid/loss"},
            "watches a value that is known once an epoch",
        ),
    ],
)
def test_optimizers_that_cannot_be(changes, message):
    with pytest.raises(UserError, match=message):
        single(**changes)


def test_steps_are_counted_from_none():
    (optimizer, _), _, _ = single(0, scheduler=WARM)
    assert math.isclose(optimizer.param_groups[0]["lr"], 1.0)
    (optimizer, _), _, _ = single(-1, scheduler={**WARM, "total_steps": 9})
    assert math.isclose(optimizer.param_groups[0]["lr"], 1.0)


def block(params, **changes):
    values = {"params": params, "optimizer": SGD, "step_every_n_iters": 1, "accum_grad_steps": 1}
    values |= {"gradient_clip_val": None, "gradient_clip_algorithm": None}
    return {**values, **changes}


def test_named_optimizers_have_their_settings():
    asked = []

    def total_steps(*words):
        asked.append(words)
        return 10

    model = nn.ModuleDict({"g": nn.Linear(1, 1), "d": nn.Linear(1, 1)})
    second = block("d", step_every_n_iters=2, accum_grad_steps=3, gradient_clip_val=0.0,
                   gradient_clip_algorithm="value")  # fmt: skip
    config = {
        "optimizers": {"one": block("g"), "two": second},
        "schedulers": {"two": {"scheduler": WARM, "interval": "step", "monitor": "m"}},
        "trainer": {"gradient_clip_val": 5.0},
    }
    one, two = make_named_optimizers(model, config, total_steps).values()
    assert (one.name, one.every, one.accumulate, one.clip, one.clip_algorithm, one.scheduler) == (
        "one", 1, 1, 5.0, "norm", None,
    )  # fmt: skip
    assert (two.name, two.every, two.accumulate, two.clip, two.clip_algorithm) == (
        "two", 2, 3, 0.0, "value",
    )  # fmt: skip
    assert (two.scheduler.interval, two.scheduler.monitor) == ("step", "m")
    assert asked == [(3, 2)]
    assert [id(p) for p in one.parameters] == [id(p) for p in model["g"].parameters()]
    config["schedulers"] = {"three": {}}
    with pytest.raises(UserError, match='there is no optimizer "three"') as error:
        make_named_optimizers(model, config, total_steps)
    assert error.value.hint == "schedulers are named after the optimizers one, two"


TRAINER = {"callbacks": [], "logger": False, "accumulate_grad_batches": 1, "accelerator": "cpu"}


def trainer(tmp_path, ours=(), **changes):
    values = {"optimizers": changes.pop("optimizers", None), "early_stopping": None}
    values["early_stopping"] = changes.pop("early_stopping", None)
    values["trainer"] = {**TRAINER, **changes}
    return make_trainer(values, tmp_path, ours or [pl.Callback()], [])


def test_the_trainer_is_as_the_config_says(tmp_path):
    first, last = pl.Callback(), pl.Callback()
    stop = {"monitor": "valid/loss", "patience": 7}
    made = trainer(tmp_path, [first, last], early_stopping=stop, max_steps=9, profiler="simple",
                   gradient_clip_val=2.0, limit_val_batches=None)  # fmt: skip
    assert (made.max_epochs, made.max_steps, made.gradient_clip_val) == (-1, 9, 2.0)
    assert made.loggers == []
    assert made.default_root_dir == str(tmp_path)
    assert made.callbacks[0] is first
    assert last in made.callbacks[1:]
    (stopping,) = (one for one in made.callbacks if type(one).__name__ == "EarlyStopping")
    assert (stopping.monitor, stopping.patience, stopping.check_finite) == ("valid/loss", 7, False)
    assert made.callbacks.index(stopping) < made.callbacks.index(last)
    assert isinstance(made.profiler, profilers.SimpleProfiler)
    assert (made.profiler.dirpath, made.profiler.filename) == (tmp_path, "profile")
    assert made.limit_val_batches == 1.0
    assert made.progress_bar_callback is None
    named = trainer(tmp_path, optimizers={"g": {}}, gradient_clip_val=2.0)
    assert (named.gradient_clip_val, named.max_epochs) == (None, 100)


@pytest.mark.parametrize(
    ("changes", "message", "where"),
    [
        ({"barebones": True}, "a training stage always writes checkpoints", "trainer"),
        ({"enable_checkpointing": False}, "a training stage always writes checkpoints", "trainer"),
        (
            {"optimizers": {"g": {}}, "accumulate_grad_batches": 2},
            "named optimizers accumulate by themselves",
            "trainer.accumulate_grad_batches",
        ),
        ({"profiler": "none"}, "Lightning refuses the trainer: ", "trainer"),
    ],
)
def test_trainers_that_cannot_be(tmp_path, changes, message, where):
    with pytest.raises(UserError, match=message) as error:
        trainer(tmp_path, **changes)
    assert error.value.where == where
