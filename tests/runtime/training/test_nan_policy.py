"""Losses, gradients and weights that are not finite."""

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
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
