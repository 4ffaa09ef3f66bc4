"""Moments of features, batch by batch."""

import numpy as np
import pytest
import torch

from espnet3_runtime.data.feature_moments import (
    Moments,
    compute_moments,
    moments_from_arrays,
    write_moments,
)
from espnet3_runtime.errors import UserError


def test_moments_of_a_padded_batch(tmp_path):
    feats = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [99.0, 99.0]]])
    found = compute_moments(feats, torch.tensor([2, 1]))
    assert (found.count, found.sum.tolist(), found.sum_square.tolist()) == (
        3,
        [9.0, 12.0],
        [35.0, 56.0],
    )
    assert found.sum.dtype == np.float64
    one = compute_moments(feats[:, :, 0], torch.tensor([1, 0]))
    assert (one.count, one.sum.tolist(), one.sum_square.tolist()) == (1, [1.0], [1.0])
    both = found + found
    assert (both.count, both.sum.tolist(), both.sum_square.tolist()) == (
        6,
        [18.0, 24.0],
        [70.0, 112.0],
    )
    write_moments(tmp_path / "m.npz", both)
    with np.load(tmp_path / "m.npz") as arrays:
        assert [*arrays] == ["count", "sum", "sum_square"]
        assert arrays["count"].tolist() == [6]
        again = moments_from_arrays(arrays)
    assert (again.count, again.sum.tolist()) == (6, [18.0, 24.0])
    prefixed = {f"x/{name}": value for name, value in found.to_arrays().items()}
    assert moments_from_arrays(prefixed, "x/").count == 3


@pytest.mark.parametrize(
    ("shape", "lengths", "message"),
    [
        ((2, 3, 1, 1), [1, 1], r"found \(2, 3, 1, 1\) and \(2,\)$"),
        ((2,), [1, 1], r"found \(2,\) and \(2,\)$"),
        ((2, 3, 1), [1], r"found \(2, 3, 1\) and \(1,\)$"),
        ((2, 3, 1), [1, 4], "^a feature length is 4 and there are 3 frames$"),
    ],
)
def test_features_that_have_no_moments(shape, lengths, message):
    with pytest.raises(UserError, match=message):
        compute_moments(torch.ones(shape), torch.tensor(lengths))
    with pytest.raises(UserError, match=r"^the features are not finite$"):
        compute_moments(torch.tensor([[float("nan")]]), torch.tensor([1]))
    assert compute_moments(torch.ones(2, 3), torch.tensor([3, 3])) is not None
    assert isinstance(compute_moments(torch.ones(1, 1), torch.tensor([1])), Moments)
