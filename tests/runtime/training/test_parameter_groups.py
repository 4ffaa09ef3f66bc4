"""Parameters chosen by name, and the statistics of norms that are frozen with their weights."""

import pytest
import torch
from torch import nn

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.parameter_groups import (
    abbreviate_names,
    assign_parameters,
    count_parameters,
    freeze_parameters,
    freeze_statistics,
    matches_selector,
)


@pytest.mark.parametrize(
    ("affine", "trained", "selectors", "frozen"),
    [
        (True, True, ["head"], []),
        (True, False, ["head"], ["norm"]),
        (False, True, ["head"], []),  # no weights say whether it is trained
        (False, True, ["norm"], ["norm"]),
        (True, True, ["norm"], ["norm"]),
    ],
)
def test_statistics_of_a_norm(
    affine: bool, trained: bool, selectors: list[str], frozen: list[str]
) -> None:
    norm = torch.nn.BatchNorm1d(4, affine=affine)
    model = torch.nn.Sequential()
    model.add_module("norm", norm)
    model.add_module("head", torch.nn.Linear(4, 4))
    for parameter in norm.parameters():
        parameter.requires_grad_(trained)
    assert freeze_statistics(model, selectors) == frozen
    assert norm.training is not bool(frozen)


@pytest.mark.parametrize(
    ("name", "selector", "expected"),
    [
        ("a.b.c", "b", True),
        ("a.b.c", "b.c", True),
        ("a.b.c", "a.c", False),
        ("a.bb.c", "b", False),
        ("a.b.c", "a.?.c", True),
        ("a.b.c", "?.c", False),
        ("a.b.c", "*c", True),
        ("A.b", "a*", False),
    ],
)
def test_selectors(name, selector, expected):
    assert matches_selector(name, selector) is expected


PARTS = "enc, enc.bias, enc.weight, head, head.bias, head.weight, norm, norm.bias, norm.weight"


def model():
    return nn.ModuleDict(
        {"enc": nn.Linear(2, 3), "norm": nn.BatchNorm1d(3), "head": nn.Linear(3, 1)}
    )


def test_frozen_parameters_are_counted():
    net = model()
    assert count_parameters(net) == (19, 0)
    assert freeze_parameters(net, ["head", "enc.bias"], "w") == [
        "enc.bias",
        "head.weight",
        "head.bias",
    ]
    assert count_parameters(net) == (19, 7)
    assert freeze_parameters(net, [], "w") == []
    with pytest.raises(UserError, match="every parameter of the model is frozen") as error:
        freeze_parameters(net, ["*"], "w")
    assert error.value.where == "w"


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("hed", 'did you mean "head"?'),
        ("qqq", f"its parts are {PARTS}"),
    ],
)
def test_a_selector_of_nothing(selector, hint):
    with pytest.raises(UserError, match="matches no trainable parameter") as error:
        freeze_parameters(model(), ["enc", selector], "w")
    assert error.value.message == f'"{selector}" matches no trainable parameter of the model'
    assert (error.value.where, error.value.hint) == ("w", hint)


@pytest.mark.parametrize(
    ("parameters", "selectors", "frozen"),
    [
        ([], [], []),
        (["norm"], [], ["norm"]),
        (["norm.weight"], [], []),
        ([], ["norm"], ["norm"]),
        ([], ["enc"], []),
        ([], ["running_mean"], ["norm"]),
    ],
)
def test_statistics_of_frozen_norms(parameters, selectors, frozen):
    net = model().train()
    freeze_parameters(net, parameters, "w")
    assert freeze_statistics(net, selectors) == frozen
    assert net["norm"].training is not bool(frozen)
    assert net["enc"].training
    alone = nn.BatchNorm1d(2, affine=False)
    assert freeze_statistics(alone, []) == []
    assert freeze_statistics(alone, ["running_mean"]) == [""]
    assert freeze_statistics(nn.BatchNorm1d(2, track_running_stats=False), ["*"]) == []


def test_every_parameter_has_one_optimizer():
    net = model()
    freeze_parameters(net, ["norm.bias"], "w")
    found = assign_parameters(net, {"one": "enc", "two": "head", "three": "norm"}, "w")
    assert list(found) == ["one", "two", "three"]
    expected = [[net["enc"].weight, net["enc"].bias], [net["head"].weight, net["head"].bias]]
    assert [[id(p) for p in found[name]] for name in ("one", "two")] == [
        [id(p) for p in group] for group in expected
    ]
    assert [id(p) for p in found["three"]] == [id(net["norm"].weight)]
    for selectors, message, where in (
        (
            {"one": "enc"},
            "no optimizer has the parameters head.bias, head.weight, norm.weight",
            "w",
        ),
        (
            {"one": "enc", "two": "*"},
            "several optimizers have the parameters enc.bias, enc.weight",
            "w",
        ),
        (
            {"one": "*", "two": "none"},
            '"none" matches no trainable parameter of the model',
            "w.two.params",
        ),
    ):
        with pytest.raises(UserError, match="parameter") as error:
            assign_parameters(net, selectors, "w")
        assert (error.value.message, error.value.where) == (message, where)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (8, "n0, n1, n2, n3, n4, n5, n6, n7"),
        (9, "n0, n1, n2, n3, n4, n5, n6, n7 and 1 more"),
    ],
)
def test_eight_names_are_listed(count, text):
    assert abbreviate_names(f"n{number}" for number in reversed(range(count))) == text
