"""What the keys of a training config do."""

import json
import logging

import pytest
import torch
from training_kit import CLASSIFIER, SETS, load, recipe_in, same, train_context

from espnet3_runtime.errors import UserError
from espnet3_runtime.instantiate import instantiate
from espnet3_runtime.stage import StageSpec
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.optimizers import count_steps
from espnet3_runtime.training.selection import divide, freeze, matches

SGD = {"_target_": "torch.optim.SGD", "lr": 0.05}
ONE = {"max_epochs": 1}


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def rows(outputs):
    return [json.loads(line) for line in outputs["curves"].read_text().splitlines()]


def weights(outputs, name="last_checkpoint"):
    return load(outputs[name])["state_dict"]


def initial(recipe, seed=1):
    """Return the weights that the model starts with."""
    from espnet3_runtime.data.sampler import seed_generators

    seed_generators(seed)
    return instantiate(CLASSIFIER).state_dict()


# Freezing and starting points.


def test_frozen_parameters_stay(recipe, caplog):
    caplog.set_level("INFO")
    found = weights(train(train_context(recipe, freeze=["encoder", "head.bias"])))
    start = initial(recipe)
    for name in ("encoder.weight", "encoder.bias", "head.bias"):
        assert torch.equal(found[name], start[name]), name
    assert not torch.equal(found["head.weight"], start["head.weight"])
    assert "frozen: encoder.weight, encoder.bias, head.bias" in caplog.text


def test_a_selector_that_matches_nothing_is_an_error(recipe):
    with pytest.raises(UserError, match='"encodr" matches no trainable parameter') as error:
        train(train_context(recipe, freeze=["encodr"]))
    assert error.value.hint == 'did you mean "encoder"?'
    assert error.value.where == "training.freeze"
    with pytest.raises(UserError, match="every parameter of the model is frozen"):
        train(train_context(recipe, freeze=["*"]))


@pytest.mark.parametrize(
    ("name", "selector", "expected"),
    [
        ("encoder.layers.0.weight", "encoder", True),
        ("encoder.layers.0.weight", "layers.0", True),
        ("encoder.layers.10.weight", "layers.1", False),
        ("encoder.layers.0.weight", "encoder.layers.0.weight", True),
        ("encoder.layers.0.weight", "*.weight", True),
        ("my_encoder.weight", "encoder", False),
    ],
)
def test_selectors(name, selector, expected):
    assert matches(name, selector) is expected


def test_freezing_reports_names():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    assert freeze(model, ["0"], "") == ["0.weight", "0.bias"]
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]


def spec(init_from):
    return StageSpec(name="train", run="train", init_from=init_from)


def test_init_from_a_stage_a_file_and_a_bundle(recipe, caplog):
    first = train(train_context(recipe, seed=5))
    path = recipe / "start.ckpt"
    path.write_bytes(first["best_checkpoint"].read_bytes())
    (recipe / "bundle").mkdir()
    from safetensors.torch import save_file

    save_file(dict(weights(first, "best_checkpoint")), recipe / "bundle" / "model.safetensors")
    still = {**SGD, "lr": 0.0}
    sources = [
        (spec("easy"), {"upstream": {"easy.best_checkpoint": path}}),
        (spec("start.ckpt"), {}),
        (spec("bundle"), {}),
    ]
    caplog.set_level("INFO")
    for chosen, changes in sources:
        outputs = train(train_context(recipe, optimizer=still, spec=chosen, **changes))
        found, start = weights(outputs), weights(first, "best_checkpoint")
        assert same(found["encoder.weight"], start["encoder.weight"])
        assert same(found["head.bias"], start["head.bias"])
    assert "9 of 9 weights from" in caplog.text


def misfit(recipe):
    state = initial(recipe, 5)
    state["head.weight"] = torch.zeros(7, 8)
    del state["head.bias"]
    torch.save({"state_dict": {**state, "decoder.weight": torch.zeros(1)}}, recipe / "other.ckpt")
    return state


def test_init_from_refuses_what_does_not_fit(recipe):
    misfit(recipe)
    with pytest.raises(UserError, match="do not fit Classifier") as error:
        train(train_context(recipe, spec=spec("other.ckpt")))
    assert "1 missing in the file: head.bias" in error.value.message
    assert "1 not in the model: decoder.weight" in error.value.message
    assert "1 of another shape: head.weight (7, 8) for" in error.value.message
    assert "reinit" in error.value.hint


def test_what_is_declared_starts_afresh(recipe, caplog):
    state = misfit(recipe)
    del state["head.weight"]
    torch.save({"state_dict": {**state, "head.scale": torch.ones(2)}}, recipe / "other.ckpt")
    caplog.set_level("INFO")
    context = train_context(
        recipe, optimizer={**SGD, "lr": 0.0}, spec=spec("other.ckpt"), reinit=["head"]
    )
    found = weights(train(context))
    assert same(found["encoder.weight"], state["encoder.weight"])
    assert same(found["head.weight"], initial(recipe)["head.weight"])
    assert "2 weights start afresh: head.bias, head.weight" in caplog.text


def test_a_part_that_shall_start_afresh_must_exist(recipe):
    misfit(recipe)
    with pytest.raises(UserError, match='"haed" matches no weight') as error:
        train(train_context(recipe, spec=spec("other.ckpt"), reinit=["haed"]))
    assert error.value.where.endswith("reinit")


def test_init_from_something_else_is_an_error(recipe):
    torch.save({"state_dict": {"a": torch.zeros(1)}}, recipe / "other.ckpt")
    with pytest.raises(UserError, match="do not fit Classifier"):
        train(train_context(recipe, spec=spec("other.ckpt")))
    with pytest.raises(UserError, match="there is no checkpoint"):
        train(train_context(recipe, spec=spec("none.ckpt")))


# Moving average.


def test_the_moving_average_is_validated_and_kept_as_best(recipe):
    outputs = train(train_context(recipe, ema={"decay": 0.9}, optimizer=SGD))
    best, last = load(outputs["best_checkpoint"]), load(outputs["last_checkpoint"])
    assert best["epoch"] == 3
    average = last["espnet3"]["average"]["weights"]
    for name, value in average.items():
        assert torch.equal(best["state_dict"][name], value)
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
    with average.applied():
        assert model.weight.item() == pytest.approx(expected, rel=1e-5)
        with average.applied():  # nested: no change
            assert model.weight.item() == pytest.approx(expected, rel=1e-5)
    assert model.weight.item() == 199.0


# Optimizers and schedulers.


def by_hand(recipe, epochs=1, accumulate=1, clip=1.0):
    """Train as anyone would write it, over the same batches; return the weights."""
    from training_kit import stage_context, training

    from espnet3_runtime.data.loader import Rank, make_loader
    from espnet3_runtime.data.reference import Place
    from espnet3_runtime.data.sampler import Clock, seed_generators
    from espnet3_runtime.data.split import load_split

    config = stage_context(recipe, "train", training()).configs["training"]
    clock = Clock(1)
    split = load_split(SETS, "train", Place(recipe, recipe / "data"))
    loader = make_loader(
        split,
        "train",
        config["dataloader"],
        shapes=None,
        clock=clock,
        rank=Rank(),
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
    schedulers = {"hed": {"scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR"}}}
    with pytest.raises(UserError, match='there is no optimizer "hed"'):
        train(train_context(recipe, optimizer=None, optimizers=NAMED, schedulers=schedulers))
    trainer = {"accumulate_grad_batches": 2}
    with pytest.raises(UserError, match="accumulate by themselves"):
        train(train_context(recipe, optimizer=None, optimizers=NAMED, trainer=trainer))


def test_dividing_covers_frozen_parameters_by_nobody():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].requires_grad_(False)
    assert [len(part) for part in divide(model, {"a": "1"}, "").values()] == [2]


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
    plateau = {"scheduler": never, "interval": "epoch", "monitor": "valid/loss"}
    last = load(gan(recipe, schedulers={"g": plateau})["last_checkpoint"])
    rates = [state["param_groups"][0]["lr"] for state in last["optimizer_states"]]
    assert rates == pytest.approx([0.05, 0.1])
    assert not [one for one in recwarn if "lr scheduler" in str(one.message)]


def test_losses_and_optimizers_must_agree(recipe):
    (recipe / "src" / "gan.py").write_text(GAN)
    model = {"_target_": "src.gan.Gan"}
    with pytest.raises(UserError, match="a loss for each of g, d, and there is one optimizer"):
        train(train_context(recipe, model))
    optimizers = {"x": {"optimizer": SGD, "params": "*"}}
    with pytest.raises(UserError, match='gives a loss for "d", and there is no such optimizer'):
        train(train_context(recipe, model, optimizer=None, optimizers=optimizers))


# When to stop, what to skip.


def test_early_stopping(recipe):
    stopping = {"monitor": "valid/loss", "mode": "max", "patience": 2}
    outputs = train(train_context(recipe, early_stopping=stopping, trainer={"max_epochs": 20}))
    assert max(row["epoch"] for row in rows(outputs)) == 3


BAD = """
        if self.training and (label == 0).sum() > 1:
            loss = loss * float("nan")
"""


def bad_model(recipe, code=BAD):
    text = (recipe / "src" / "model.py").read_text()
    mark = "        accuracy = (logits"
    (recipe / "src" / "bad.py").write_text(text.replace(mark, code.lstrip("\n") + mark))
    return {"_target_": "src.bad.Classifier"}


def test_skipped_batches_leave_no_trace(recipe, capsys):
    outputs = train(train_context(recipe, bad_model(recipe)))
    assert all(value.isfinite().all() for value in weights(outputs).values())
    assert all(None not in row.values() for row in rows(outputs))
    assert "batches skipped (not finite)" in capsys.readouterr().err


def test_a_skipped_batch_does_not_move_the_weights(recipe):
    model = bad_model(recipe, "        loss = loss / 0 if self.training else loss\n")
    adam = {"_target_": "torch.optim.AdamW", "lr": 0.1, "weight_decay": 0.1}
    changes = {"dropout": 0.0}
    outputs = train(train_context(recipe, {**model, **changes}, optimizer=adam))
    start = initial(recipe)
    for name in ("encoder.weight", "head.weight", "norm.weight"):
        assert torch.equal(weights(outputs)[name], start[name])


def test_gradients_that_are_not_finite_are_skipped(recipe):
    code = "        loss = loss + 0 * torch.sqrt(logits[0, 0] - logits[0, 0])\n"  # 0 * inf
    outputs = train(train_context(recipe, bad_model(recipe, code)))
    start = initial(recipe)
    assert torch.equal(weights(outputs)["head.weight"], start["head.weight"])


def test_error_and_allow(recipe):
    with pytest.raises(UserError, match=r"not finite: loss nan \(epoch 1, step \d+; train"):
        train(train_context(recipe, bad_model(recipe), nan_policy="error"))
    criteria = [["train/loss", 1, "min"]]
    with pytest.raises(UserError, match="or never a finite number"):
        train(
            train_context(
                recipe, bad_model(recipe), nan_policy="allow", best_model_criterion=criteria
            )
        )


def test_a_lost_training_stops(recipe):
    model = bad_model(recipe, "        loss = loss / 0 if self.training else loss\n")
    with pytest.raises(UserError, match="100 batches in a row were skipped"):
        train(train_context(recipe, model, trainer={"max_epochs": 30}))


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


def test_max_steps(recipe):
    outputs = train(train_context(recipe, trainer={"max_steps": 8, "max_epochs": -1}))
    assert load(outputs["last_checkpoint"])["global_step"] == 8


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
