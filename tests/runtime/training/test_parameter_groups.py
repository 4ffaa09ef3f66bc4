"""Statistics of norms that are frozen with their weights."""

import pytest
import torch

from espnet3_runtime.training.parameter_groups import freeze_statistics


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
