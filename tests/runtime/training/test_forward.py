"""What forward may take and return."""

from types import SimpleNamespace

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.forward_inputs import (
    batch_size,
    check_labels,
    is_ctc_of_transformers,
    split_batch,
    unused_lengths,
)
from espnet3_runtime.training.forward_outputs import read_forward_output

# What forward returns.

LOSS = torch.tensor([2.0], requires_grad=True)
FORMS = 'a loss tensor, a mapping with "loss", or (loss, stats, weight)'


def plain(value):
    return value.item() if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize(
    ("value", "losses", "stats", "weight"),
    [
        (LOSS, 2.0, {"loss": 2.0}, None),
        (
            {"loss": LOSS, "logits": torch.zeros(2), "acc": 0.5, "n": True, "text": "x"},
            2.0,
            {"acc": 0.5, "n": 1.0, "loss": 2.0},
            None,
        ),
        (
            {"loss": LOSS, "weight": 3, "stats": {"a": torch.tensor([4]), "b": None}, "b": 5},
            2.0,
            {"a": 4, "loss": 2.0},
            3.0,
        ),
        ({"loss": LOSS, "stats": None}, 2.0, {"loss": 2.0}, None),
        ((LOSS, {"acc": 1}), 2.0, {"acc": 1.0, "loss": 2.0}, None),
        ((LOSS, {"loss": 9.0}, torch.tensor([4.0])), 2.0, {"loss": 2.0}, 4.0),
        (
            {"loss": {"g": LOSS, 1: LOSS}},
            {"g": 2.0, "1": 2.0},
            {"g/loss": 2.0, "1/loss": 2.0},
            None,
        ),
        (
            {"loss": {"g": LOSS}, "acc": 1},
            {"g": 2.0},
            {"acc": 1.0, "g/loss": 2.0, "loss": 2.0},
            None,
        ),
        (
            {"loss": {"g": LOSS}, "stats": {"loss": 7}},
            {"g": 2.0},
            {"loss": 7.0, "g/loss": 2.0},
            None,
        ),
        (
            ([SimpleNamespace(name="g", loss=LOSS)], {}, 1),
            {"g": 2.0},
            {"g/loss": 2.0, "loss": 2.0},
            1.0,
        ),
    ],
)
def test_what_forward_may_return(value, losses, stats, weight):
    found = read_forward_output(value, "m.M")
    every = found.losses if isinstance(found.losses, dict) else {"": found.losses}
    assert {name: loss.item() for name, loss in every.items()} == (
        losses if isinstance(losses, dict) else {"": losses}
    )
    assert all(loss.dim() == 0 and loss.requires_grad for loss in every.values())
    assert {name: plain(one) for name, one in found.stats.items()} == stats
    assert not any(getattr(one, "requires_grad", False) for one in found.stats.values())
    assert plain(found.weight) == weight


def test_a_loss_that_is_one_number_keeps_its_identity():
    loss = torch.tensor(1.0)
    assert read_forward_output(loss, "m").losses is loss


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        (
            torch.zeros(2, 3),
            '"m.M.forward" returned a tensor of shape (2, 3), not a loss',
            f"in training forward(**batch) returns {FORMS}; a loss is one number",
        ),
        (None, '"m.M.forward" returned None', None),
        ({}, '"m.M.forward" returned a mapping with nothing', None),
        ({"los": 1, 2: 3}, '"m.M.forward" returned a mapping with los, 2', None),
        ((), '"m.M.forward" returned a tuple of nothing', None),
        ((LOSS,), '"m.M.forward" returned a tuple of Tensor', None),
        ((LOSS, {}, 1, 2), '"m.M.forward" returned a tuple of Tensor, dict, int, int', None),
        ((LOSS, {}, "x"), '"m.M.forward" returned a tuple of Tensor, dict, str', None),
        ((LOSS, 1), '"m.M.forward" returned a tuple of Tensor, int', None),
        ("x" * 99, f'"m.M.forward" returned str \'{"x" * 59}', None),
        (
            {"loss": 1.0},
            'the loss of "m.M" is float 1.0, not a tensor',
            f"forward(**batch) returns {FORMS}",
        ),
        (
            {"loss": []},
            'the loss of "m.M" is list [], not a tensor',
            f"forward(**batch) returns {FORMS}",
        ),
        (
            {"loss": torch.zeros(2)},
            'the loss of "m.M" has shape (2,)',
            "reduce it to one number, for example with .mean()",
        ),
        (
            {"loss": LOSS, "stats": {"a": torch.zeros(2)}},
            '"a" of "m.M" is a tensor of shape (2,), not one number',
            "",
        ),
        ({"loss": LOSS, "weight": "x"}, '"weight" of "m.M" is str \'x\', not one number', ""),
    ],
)
def test_what_forward_may_not_return(value, message, hint):
    with pytest.raises(UserError, match=r"m\.M") as error:
        read_forward_output(value, "m.M")
    assert error.value.message == message
    usual = f"in training forward(**batch) returns {FORMS}"
    assert error.value.hint == (usual if hint is None else hint)


# What forward takes.


@pytest.mark.parametrize("batch", [(["a", "b"], {"x": 1}), [("a", "b"), {"x": 1}]])
def test_batches(batch):
    assert split_batch(batch) == (["a", "b"], {"x": 1})
    assert split_batch({"x": 1}) == ([], {"x": 1})
    for other in ((["a"], 1), (["a"], {}, 1), 3):
        with pytest.raises(UserError, match="the collate function returned") as error:
            split_batch(other)
        assert error.value.where == "dataloader.collate_fn"


def test_the_size_of_a_batch():
    assert batch_size(["a", "b"], {"x": torch.zeros(5)}) == 2
    assert batch_size([], {"n": 3, "s": torch.tensor(1), "x": torch.zeros(5, 2)}) == 5
    assert batch_size([], {"s": torch.tensor(1)}) == 1


def model_with(arguments):
    made = {}
    exec(f"def forward({arguments}): pass", made)
    return SimpleNamespace(forward=made["forward"])


@pytest.mark.parametrize(
    ("arguments", "fields", "dropped"),
    [
        ("x, x_lengths", "x x_lengths", set()),
        ("x", "x x_lengths", {"x_lengths"}),
        ("x, **rest", "x x_lengths y", set()),
        ("x, *rest", "x", set()),
        ("x, y=1", "x", set()),
        ("", "", set()),
    ],
)
def test_lengths_need_not_be_taken(arguments, fields, dropped):
    batch = dict.fromkeys(fields.split())
    assert unused_lengths(model_with(arguments), "m.M", batch) == dropped


NOT = ", which forward does not take"
LACKS = ", which the batch lacks"
TAIL = ". The preprocessor decides which fields a batch has"


@pytest.mark.parametrize(
    ("arguments", "fields", "problem", "hint"),
    [
        (
            "x",
            "x y_lengths",
            f'the batch has "y_lengths"{NOT}',
            "forward takes x; the batch has x, y_lengths",
        ),
        (
            "",
            "x y",
            f'the batch has "x"{NOT}; the batch has "y"{NOT}',
            "forward takes nothing; the batch has x, y",
        ),
        (
            "x, label",
            "x labels",
            f'the batch has "labels"{NOT}; forward needs "label"{LACKS}',
            'forward takes x, label; the batch has x, labels; did you mean "label"?',
        ),
        (
            "x, y, *, z",
            "x",
            f'forward needs "y"{LACKS}; forward needs "z"{LACKS}',
            "forward takes x, y, z; the batch has x",
        ),
    ],
)
def test_fields_and_arguments_that_differ(arguments, fields, problem, hint):
    with pytest.raises(UserError, match="does not fit") as error:
        unused_lengths(model_with(arguments), "m.M", dict.fromkeys(fields.split()))
    assert error.value.message == f'the batch does not fit "m.M.forward": {problem}'
    assert (error.value.hint, error.value.where) == (hint + TAIL, "dataset")


def test_labels_that_are_no_symbols_of_a_ctc_model_of_transformers():
    base = type("HubertForCTC", (torch.nn.Module,), {"__module__": "transformers.models.hubert"})
    assert is_ctc_of_transformers(type("Own", (base,), {})())
    assert not is_ctc_of_transformers(type("OwnForCTC", (torch.nn.Module,), {})())
    for fine in ([[3, 0], [2, -100]], [[0.5, -1.0]]):
        check_labels("m.M", [], {"labels": torch.tensor(fine)})
    check_labels("m.M", [], {})
    with pytest.raises(UserError) as error:
        check_labels("m.M", ["a", "b"], {"labels": torch.tensor([[3, 1], [2, -1]])})
    assert error.value.message == (
        '"m.M" takes the label -1 for a symbol, in the batch of a, b …; it leaves out -100 only'
    )
    assert error.value.where == "dataloader.collate_fn"
    assert "int_pad_value: -100" in (error.value.hint or "")
