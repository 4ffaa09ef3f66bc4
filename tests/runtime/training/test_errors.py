"""What training says when something of the recipe does not fit."""

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.forward_inputs import split_batch
from espnet3_runtime.training.forward_outputs import read_forward_output
from espnet3_runtime.training.measurements import WeightedMeans
from tests.runtime.training_kit import SETS, train_context


def model_returning(recipe, value, arguments="speech, speech_lengths, label"):
    (recipe / "src" / "wrong.py").write_text(
        "import torch\n"
        "class Wrong(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.ones(2))\n"
        f"    def forward(self, {arguments}):\n"
        "        loss = (speech * self.scale).mean()\n"
        f"        return {value}\n"
    )
    return {"_target_": "src.wrong.Wrong"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("None", '"src.wrong.Wrong.forward" returned None'),
        ("speech * self.scale", r"returned a tensor of shape \(8, \d+, 2\), not a loss"),
        ("{'los': loss}", "returned a mapping with los"),
        ("(loss, loss)", "returned a tuple of Tensor, Tensor"),
        ("loss.item()", "returned float"),
        ("{'loss': 3.0}", "the loss of .* is float 3.0, not a tensor"),
        ("(loss, {'wer': 'high'}, 1)", "\"wer\" of .* is str 'high', not one number"),
        ("loss.detach()", "depends on no trainable parameter"),
    ],
)
def test_what_forward_returns(recipe, value, message):
    with pytest.raises(UserError, match=message) as error:
        train(train_context(recipe, model_returning(recipe, value)))
    assert error.value.hint or "not one number" in message


def test_fields_that_forward_does_not_take(recipe):
    sets = {**SETS, "preprocessor": None}
    sets["preprocessor"] = {"_target_": "src.features.Drop", "keys": []}
    model = model_returning(recipe, "loss", "speech, speech_lengths")
    with pytest.raises(UserError, match='the batch has "label", which forward does not') as error:
        train(train_context(recipe, model, dataset=sets))
    assert "forward takes speech, speech_lengths" in error.value.hint


def test_arguments_that_the_batch_lacks(recipe):
    model = model_returning(recipe, "loss", "speech, labels, note=None")
    with pytest.raises(UserError, match='forward needs "labels", which the batch lacks') as error:
        train(train_context(recipe, model))
    assert 'did you mean "labels"?' in error.value.hint


def test_models_that_take_everything_get_everything(recipe):
    model = model_returning(recipe, "loss", "speech, **rest")
    train(train_context(recipe, model, trainer={"max_epochs": 1}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_model_criterion": [["valid/los", 1, "min"]]}, '"valid/los" is not measured'),
        ({"best_model_criterion": [["train/los", 1, "min"]]}, '"train/los" is not measured'),
        ({"dataset": {**SETS, "train": []}}, "there is no training set"),
        (
            {"dataset": {**SETS, "valid": []}, "early_stopping": {"monitor": "valid/loss"}},
            "there is no validation",
        ),
        ({"optimizer": None}, 'training needs an "optimizer"'),
        ({"trainer": {"accelerator": "abacus"}}, "Lightning refuses the trainer"),
        ({"trainer": {"devices": 3, "accelerator": "gpu"}}, "Lightning refuses the trainer"),
        ({"early_stopping": {"monitor": "valid/x"}}, "valid/x"),
        ({"trainer": {"val_check_interval": 50}}, "Lightning refuses: `val_check_interval`"),
        ({"trainer": {"enable_checkpointing": False}}, "always writes checkpoints"),
        ({"trainer": {"limit_train_batches": 0}}, "nothing to train: limit_train_batches is 0"),
        ({"trainer": {"max_epochs": 0}}, "nothing to train: max_epochs is 0"),
        ({"trainer": {"max_steps": 0}}, "nothing to train: max_steps is 0"),
        (
            {"trainer": {"limit_val_batches": 0}, "early_stopping": {"monitor": "valid/loss"}},
            "there is no validation",
        ),
    ],
)
def test_configs_that_cannot_work(recipe, changes, message):
    with pytest.raises(UserError, match=message):
        train(train_context(recipe, **changes))


def test_misspelt_monitors_are_found_before_the_first_epoch(recipe, capsys):
    with pytest.raises(UserError) as error:
        train(train_context(recipe, best_model_criterion=[["valid/acuracy", 1, "max"]]))
    assert error.value.hint == 'did you mean "valid/accuracy"?'
    assert "epoch" not in capsys.readouterr().err


@pytest.mark.parametrize("ema", [None, {"decay": 0.9}])
def test_a_model_without_parameters(recipe, ema):
    with pytest.raises(UserError, match="the model has no trainable parameter"):
        train(train_context(recipe, {"_target_": "torch.nn.Identity"}, ema=ema))


def test_what_is_no_module(recipe):
    with pytest.raises(UserError, match=r'"builtins\.dict" is dict, and a model is'):
        train(train_context(recipe, {"_target_": "builtins.dict"}))


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_the_data_are_one_message(recipe, workers):
    sets = {**SETS, "preprocessor": {"_target_": "src.bad.Bad"}}
    (recipe / "src" / "bad.py").write_text(
        "import numpy as np\n"
        "class Bad:\n"
        "    def __call__(self, sample):\n"
        "        return {'speech': sample['speech'], 'x': np.zeros((2, len(sample['speech'])))}\n"
    )
    with pytest.raises(UserError, match="only the first axis may differ") as error:
        train(train_context(recipe, dataset=sets, dataloader={"num_workers": workers}))
    assert "Traceback" not in str(error.value)


def test_a_crash_in_the_model_keeps_its_own_exception(recipe):
    model = model_returning(recipe, "1 / 0")
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        train(train_context(recipe, model))


def test_batches_without_ids_are_fine():
    assert split_batch({"x": 1}) == ([], {"x": 1})
    assert split_batch((("a",), {"x": 1})) == (["a"], {"x": 1})
    with pytest.raises(UserError, match="the collate function returned list"):
        split_batch([torch.zeros(2)])


def test_outcomes_detach_what_is_logged():
    loss = torch.ones((), requires_grad=True) * 2
    outcome = read_forward_output((loss, {"accuracy": loss, "n": 3}, 4), "m")
    assert outcome.losses is loss
    assert not outcome.stats["accuracy"].requires_grad
    assert outcome.stats == {"accuracy": loss.detach(), "n": 3.0, "loss": loss.detach()}
    assert outcome.weight == 4.0


def test_means_are_weighted_and_wide():
    means = WeightedMeans()
    means.add({"loss": torch.tensor(1.0), "only": 5.0}, torch.tensor(3))
    means.add({"loss": torch.tensor(2.0)}, 1)
    assert means.compute() == {"loss": 1.25, "only": 5.0}
    again = WeightedMeans()
    again.load(means.state())
    assert again.compute() == means.compute()
    for _ in range(100):
        means.add({"tiny": torch.tensor(0.1)}, 1)
    assert means.compute()["tiny"] == pytest.approx(0.1, rel=1e-7)


EMPTY = """
import lightning.pytorch as pl
import torch
from src.model import Classifier
from espnet3_runtime.data.collate import CommonCollateFn

def transform(sample):
    return next(iter(()))

class Preprocessor:
    def __call__(self, utt_id, sample):
        if utt_id.endswith("9"):
            next(iter(()))
        return {key: value for key, value in sample.items() if key != "text"}

class Collate(CommonCollateFn):
    def __call__(self, items):
        if any(utt_id.endswith("9") for utt_id, _ in items):
            next(iter(()))
        return super().__call__(items)

class Model(Classifier):
    def __init__(self, training=True):
        super().__init__()
        self.where = training
    def forward(self, speech, speech_lengths, label):
        if self.training == self.where:
            next(iter(()))
        return super().forward(speech, speech_lengths, label)

class Callback(pl.Callback):
    def __init__(self, hook):
        setattr(self, hook, self.stop)
    def stop(self, trainer, *_):
        if not trainer.sanity_checking:
            raise StopIteration
"""


@pytest.mark.parametrize(
    ("part", "message", "workers"),
    [
        ("transform", r"the transform or preprocessor of train\d+ raised StopIteration", 0),
        ("Preprocessor", r"the transform or preprocessor of train\d*9 raised StopIteration", 1),
        ("Collate", r"collate function of the batch from train.* raised StopIteration", 0),
    ],
)
def test_data_that_raise_stop_iteration_end_no_epoch(recipe, part, message, workers):
    (recipe / "src" / "empty.py").write_text(EMPTY)
    node = {"_target_": f"src.empty.{part}"}
    sets = {**SETS, "train": [{"data_src_args": {"size": 42}}]}
    loader = {"num_workers": workers}
    if part == "Collate":
        loader["collate_fn"] = node
    elif part == "Preprocessor":
        sets["preprocessor"] = node
    else:
        sets["train"] = [{**sets["train"][0], "transform": {**node, "_partial_": True}}]
    with pytest.raises(UserError, match=message):
        train(train_context(recipe, dataset=sets, dataloader=loader))


@pytest.mark.parametrize("training", [True, False])
def test_a_model_that_raises_stop_iteration(recipe, training):
    (recipe / "src" / "empty.py").write_text(EMPTY)
    model = {"_target_": "src.empty.Model", "training": training}
    with pytest.raises(UserError, match=r"Model, on .* raised StopIteration"):
        train(train_context(recipe, model))


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("on_train_batch_start", "the epoch ended after 0 of 6 batches"),
        ("on_train_batch_end", "the epoch ended after 0 of 6 batches"),
        ("on_validation_batch_end", "the validation ended after 0 of 2 batches"),
        ("on_train_epoch_start", "the training ended in epoch 1, before its last"),
    ],
)
def test_a_callback_that_raises_stop_iteration(recipe, hook, message):
    (recipe / "src" / "empty.py").write_text(EMPTY)
    callbacks = [{"_target_": "src.empty.Callback", "hook": hook}]
    with pytest.raises(UserError, match=message):
        train(train_context(recipe, trainer={"callbacks": callbacks}))
