"""What the keys of a training config do."""

import shutil

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stage import StageSpec
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.ema import MovingAverage
from espnet3_runtime.training.optimizers import limit_epochs
from espnet3_runtime.training.parameter_groups import freeze_parameters, matches_selector
from espnet3_runtime.weights import read_weights
from tests.runtime.training_kit import (
    ONE,
    SETS,
    SGD,
    initial,
    load,
    recipe_in,
    rows,
    same,
    train_context,
    weights,
)


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


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
    assert matches_selector(name, selector) is expected


@pytest.mark.parametrize("selectors", [["norm"], ["norm.*"], ["norm.weight", "norm.bias"]])
def test_a_frozen_batch_norm_keeps_its_statistics(recipe, capsys, selectors):
    found = weights(train(train_context(recipe, freeze=selectors)))
    assert torch.equal(found["norm.running_mean"], torch.zeros(8))
    assert torch.equal(found["norm.running_var"], torch.ones(8))
    assert "frozen with its running statistics: norm" in capsys.readouterr().err
    found = weights(train(train_context(recipe, freeze=["norm.weight"])))
    assert not torch.equal(found["norm.running_mean"], torch.zeros(8))


def test_freezing_reports_names():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    assert freeze_parameters(model, ["0"], "") == ["0.weight", "0.bias"]
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


BAD = """
        if self.training and (label == 0).sum() > 1:
            loss = loss * float("nan")
"""


FIRST_GOOD = """
        from pathlib import Path
        if self.training and not Path("good").exists():
            Path("good").touch()
        elif self.training:
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
    model = bad_model(recipe, FIRST_GOOD + "            loss = loss / 0\n")
    adam = {"_target_": "torch.optim.AdamW", "lr": 0.1, "weight_decay": 0.1}
    changes = {"optimizer": adam, "trainer": {**ONE, "limit_train_batches": 1}}
    expected = weights(train(train_context(recipe, model, **changes)))
    (recipe / "good").unlink()
    found = weights(train(train_context(recipe, model, **{**changes, "trainer": ONE})))
    for name in ("encoder.weight", "head.weight", "norm.weight"):
        assert torch.equal(found[name], expected[name])


def test_gradients_that_are_not_finite_are_skipped(recipe):
    code = "            loss = loss + 0 * torch.sqrt(logits[0, 0] - logits[0, 0])\n"  # 0 * inf
    model = bad_model(recipe, FIRST_GOOD + code)
    changes = {"trainer": {**ONE, "limit_train_batches": 1}}
    expected = weights(train(train_context(recipe, model, **changes)))["head.weight"]
    (recipe / "good").unlink()
    found = weights(train(train_context(recipe, model, trainer=ONE)))["head.weight"]
    assert torch.equal(found, expected)


NOT_LEARNED = [
    "loss = loss / 0 if self.training else loss",
    "loss = loss + 0 * torch.sqrt(logits[0, 0] - logits[0, 0])",
]


@pytest.mark.parametrize("line", NOT_LEARNED)
@pytest.mark.parametrize("accumulated", [1, 4])
def test_an_epoch_without_a_good_batch_ends_the_training(recipe, capsys, line, accumulated):
    model = bad_model(recipe, f"        {line}\n")
    with pytest.raises(UserError, match=r"all batches were skipped: .*not finite"):
        train(train_context(recipe, model, trainer={"accumulate_grad_batches": accumulated}))
    assert "epoch 1/3" not in capsys.readouterr().err


def test_weights_that_are_not_finite_never_end_well(recipe):
    accuracy = {"best_model_criterion": [["valid/accuracy", 1, "max"]]}
    state = initial(recipe)
    state["head.bias"][0] = torch.nan
    torch.save(state, recipe / "nan.ckpt")
    with pytest.raises(UserError, match=r"not finite at the start of the training: head.bias"):
        train(train_context(recipe, spec=spec("nan.ckpt"), **accuracy))
    changes = {"optimizer": {**SGD, "lr": 1e38}, "trainer": {"gradient_clip_val": None}}
    for policy in ("allow", "skip"):
        with pytest.raises(UserError, match=r"weights are not finite after epoch 1|all batches"):
            train(train_context(recipe, nan_policy=policy, **accuracy, **changes))


def test_a_batch_norm_that_met_nan_ends_the_training(recipe):
    (recipe / "src" / "spoil.py").write_text(
        "class Spoil:\n"
        "    def __call__(self, utt_id, sample):\n"
        "        speech = sample['speech'] * (float('nan') if utt_id == 'train3' else 1.0)\n"
        "        return {'speech': speech, 'label': sample['label']}\n"
    )
    sets = {**SETS, "preprocessor": {"train": {"_target_": "src.spoil.Spoil"}}}
    sets["preprocessor"]["valid"] = SETS["preprocessor"]
    best = {"best_model_criterion": [["valid/accuracy", 1, "max"]]}
    with pytest.raises(UserError, match=r"not finite after epoch 1: norm.running_mean, norm.run"):
        train(train_context(recipe, dataset=sets, **best))


def test_buffers_that_hold_nan_on_purpose_are_fine(recipe):
    text = (recipe / "src" / "model.py").read_text()
    mark = "        self.dropout ="
    buffer = "        self.register_buffer('unset', torch.full((1,), float('nan')))\n"
    (recipe / "src" / "model.py").write_text(text.replace(mark, buffer + mark))
    train(train_context(recipe, trainer=ONE))


def test_error_and_allow(recipe):
    with pytest.raises(UserError, match=r"not finite: loss nan \(epoch 1, step \d+; train"):
        train(train_context(recipe, bad_model(recipe), nan_policy="error"))
    with pytest.raises(UserError, match="weights are not finite after epoch 1"):
        train(train_context(recipe, bad_model(recipe), nan_policy="allow"))


def test_a_criterion_that_is_never_finite_ends_the_training(recipe):
    model = bad_model(recipe, "        loss = loss if self.training else loss / 0\n")
    with pytest.raises(UserError, match="or never a finite number"):
        train(train_context(recipe, model, trainer=ONE))


@pytest.mark.parametrize("line", NOT_LEARNED)
def test_a_lost_training_stops(recipe, line):
    model = bad_model(recipe, f"        {line}\n")
    sets = {**SETS, "train": [{"data_src_args": {"size": 1000}}]}
    with pytest.raises(UserError, match="100 batches in a row were skipped"):
        train(train_context(recipe, model, dataset=sets))


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
