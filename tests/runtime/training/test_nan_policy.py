"""Losses, gradients and weights that are not finite."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.nan_policy import NanPolicy, find_not_finite
from tests.runtime.training_kit import (
    ONE,
    SETS,
    SGD,
    bad_model,
    initial,
    rows,
    spec,
    train_context,
    weights,
)

FIRST_GOOD = """
        from pathlib import Path
        if self.training and not Path("good").exists():
            Path("good").touch()
        elif self.training:
"""


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


def outcome(value, several=False):
    loss = torch.tensor(value)
    losses = {"a": torch.tensor(1.0), "b": loss} if several else loss
    return SimpleNamespace(losses=losses, stats={"loss": loss, "acc": 1.0})


MODULE = SimpleNamespace(trainer=SimpleNamespace(world_size=1, global_step=7), current_epoch=2)


def test_bad_batches_are_skipped_and_counted(caplog):
    caplog.set_level("INFO")
    policy = NanPolicy("skip")
    good = [
        policy.check(outcome(v), MODULE, ["u"]) for v in (1.0, math.nan, math.inf, 2.0, -math.inf)
    ]
    assert good == [True, False, False, True, False]
    assert [record.getMessage() for record in caplog.records] == [
        f"not finite: loss {value} (epoch 3, step 7; u); it is skipped" for value in ("nan", "-inf")
    ]
    assert not policy.check(outcome(math.nan, several=True), MODULE, [])
    assert policy.end_epoch(whole=True) == 4
    assert policy.end_epoch(whole=True) == 0
    assert NanPolicy("allow").check(outcome(math.nan), MODULE, [])


@pytest.mark.parametrize(("count", "shown"), [(0, ""), (3, "u0, u1, u2"), (4, "u0, u1, u2 …")])
def test_three_items_of_a_bad_batch_are_named(count, shown):
    with pytest.raises(UserError, match="not finite") as error:
        NanPolicy("error").check(outcome(math.nan), MODULE, [f"u{i}" for i in range(count)])
    assert error.value.message == f"not finite: loss nan (epoch 3, step 7; {shown})"
    assert error.value.where == "training.nan_policy"


@pytest.mark.parametrize("gradients", [False, True])
def test_a_hundred_bad_batches_in_a_row_end_a_training(gradients):
    policy, parameter = NanPolicy("skip"), nn.Parameter(torch.zeros(1))

    def skip():
        if not gradients:
            assert not policy.check(outcome(math.nan), MODULE, [])
            return
        parameter.grad = torch.ones(1)
        assert policy.check(outcome(1.0), MODULE, [])
        policy.check_gradients(torch.tensor(math.inf), [parameter])
        assert parameter.grad is None

    for _ in range(2):
        for _ in range(99):
            skip()
        parameter.grad = torch.ones(1)
        policy.check(outcome(1.0), MODULE, [])
        policy.check_gradients(torch.tensor(1.0), [parameter])
        assert parameter.grad is not None
    for _ in range(99):
        skip()
    with pytest.raises(UserError, match=r"^100 batches in a row were skipped: "):
        skip()


@pytest.mark.parametrize(
    ("losses", "norms", "whole", "ends"),
    [
        ([math.nan], [], True, True),
        ([math.nan], [], False, False),
        ([math.nan, 1.0], [], True, False),
        ([1.0], [math.nan], True, True),
        ([1.0, 1.0], [math.nan, 1.0], True, False),
        ([], [], True, False),
    ],
)
def test_an_epoch_that_learned_nothing(losses, norms, whole, ends):
    policy, parameter = NanPolicy("skip"), nn.Parameter(torch.zeros(1))
    for loss in losses:
        policy.check(outcome(loss), MODULE, [])
    for norm in norms:
        parameter.grad = torch.ones(1)
        policy.check_gradients(torch.tensor(norm), [parameter])
    if ends:
        with pytest.raises(UserError, match="nothing was learned in an epoch, all batches were"):
            policy.end_epoch(whole=whole)
    else:
        policy.end_epoch(whole=whole)


@pytest.mark.parametrize(("kind", "kept"), [("skip", False), ("error", False), ("allow", True)])
def test_a_step_without_a_good_batch_changes_nothing(kind, kept):
    model, policy = nn.Linear(1, 1), NanPolicy(kind)
    model.weight.requires_grad_(False)
    for good in (True, False):
        model.bias.grad = torch.ones(1)
        if good:
            policy.check(outcome(1.0), MODULE, [])
        policy.before_step(model)
        assert (model.bias.grad is not None) is (good or kept)
    zero = policy.zero_loss(model)
    zero.backward()
    assert (zero.item(), zero.dim(), model.weight.grad) == (0.0, 0, None)


def test_what_is_not_finite_is_named():
    model = nn.BatchNorm1d(2)
    assert find_not_finite(model) == []
    with torch.no_grad():
        model.bias[1] = math.inf
        model.running_mean[0] = math.nan
        model.running_var[0] = math.inf
    assert find_not_finite(model) == ["bias", "running_mean"]
