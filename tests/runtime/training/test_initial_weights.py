"""Where a training starts from, and what of it stays."""

import pytest
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from espnet3_runtime.training.parameter_groups import freeze_parameters, matches_selector
from tests.runtime.training_kit import (
    SGD,
    initial,
    same,
    spec,
    train_context,
    weights,
)

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


def test_one_part_goes_into_another(recipe, caplog):
    """As ``init_param`` of ESPnet: ``FILE:SOURCE:TARGET``; the rest of the model starts afresh."""
    state = initial(recipe, 5)
    asr = {f"asr.{name}": value for name, value in state.items()}
    torch.save({"state_dict": {**asr, "lm.weight": torch.zeros(1)}}, recipe / "big.ckpt")
    torch.save({"weight": torch.ones(4, 8), "bias": torch.ones(4)}, recipe / "head.pth")
    caplog.set_level("INFO")
    still, own = {**SGD, "lr": 0.0}, initial(recipe)
    cases = {
        "big.ckpt:asr.encoder:encoder": ({"encoder"}, 2),
        "big.ckpt:asr:": ({"encoder", "head", "norm"}, 9),
        "head.pth::head": (set(), 2),
    }
    for text, (copied, count) in cases.items():
        found = weights(train(train_context(recipe, optimizer=still, spec=spec(text))))
        assert f"{count} of 9 weights from {text}" in caplog.text
        for part in ("encoder", "head"):
            expected = (state if part in copied else own)[f"{part}.weight"]
            if text.endswith(f"::{part}"):
                expected = torch.ones(4, 8)
            assert same(found[f"{part}.weight"], expected), (text, part)
    first = recipe / "first.ckpt"
    torch.save({"state_dict": state}, first)
    easy = {"upstream": {"easy.best_checkpoint": first}}
    found = weights(train(train_context(recipe, optimizer=still, spec=spec("easy:head"), **easy)))
    assert same(found["head.weight"], state["head.weight"])
    assert same(found["encoder.weight"], own["encoder.weight"])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("big.ckpt:asr.encodr:encoder", '"big.ckpt" has no weights below "asr.encodr"', ""),
        ("big.ckpt:encodr:encoder", 'no weights below "encodr"', 'did you mean "encoder"?'),
        ("big.ckpt:encoder:encodr", 'the model has no weights below "encodr"', "did you mean"),
        (
            "big.ckpt:encoder:head",
            r"of another shape: .*head.weight \(8, 2\) for \(4, 8\)",
            "reinit",
        ),
    ],
)
def test_parts_that_do_not_fit(recipe, text, message, hint):
    torch.save({"state_dict": initial(recipe)}, recipe / "big.ckpt")
    with pytest.raises(UserError, match=message) as error:
        train(train_context(recipe, spec=spec(text)))
    assert hint in error.value.hint


def test_init_from_something_else_is_an_error(recipe):
    torch.save({"state_dict": {"a": torch.zeros(1)}}, recipe / "other.ckpt")
    with pytest.raises(UserError, match="do not fit Classifier"):
        train(train_context(recipe, spec=spec("other.ckpt")))
    with pytest.raises(UserError, match="there is no checkpoint"):
        train(train_context(recipe, spec=spec("none.ckpt")))
