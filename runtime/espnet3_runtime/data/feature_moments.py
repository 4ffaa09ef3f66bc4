"""Count, sum and sum of squares of features, summed batch by batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """The sums for mean and variance, in float64, so that those of long corpora stay exact.

    Attributes:
        count: Number of frames.
        sum: ``(D,)`` sum over the frames.
        sum_square: ``(D,)`` sum of the squares.
    """

    count: int
    sum: Floats
    sum_square: Floats

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count, self.sum + other.sum, self.sum_square + other.sum_square
        )

    def to_arrays(self) -> dict[str, Floats | NDArray[np.int64]]:
        """Return the arrays of an ``.npz``: ``count`` ``(1,)``, the sums ``(D,)``."""
        count = np.array([self.count], dtype=np.int64)
        return {"count": count, "sum": self.sum, "sum_square": self.sum_square}


def compute_moments(feats: torch.Tensor, lengths: torch.Tensor) -> Moments:
    """Return the moments of a padded batch; padding does not count.

    Args:
        feats: ``(B, T, D)``, or ``(B, T)`` for D = 1.
        lengths: ``(B,)`` frames of each item.

    Raises:
        UserError: The shapes do not fit each other, or a feature is not finite.
    """
    if feats.dim() == 2:  # noqa: PLR2004 - (B, T)
        feats = feats[:, :, None]
    if feats.dim() != 3 or lengths.shape != feats.shape[:1]:  # noqa: PLR2004 - (B, T, D)
        raise UserError(
            f"features have shape (batch, time, size) and lengths (batch,); "
            f"found {tuple(feats.shape)} and {tuple(lengths.shape)}"
        )
    lengths = lengths.to(feats.device)
    if int(lengths.max()) > feats.shape[1]:
        problem = f"a feature length is {int(lengths.max())} and there are {feats.shape[1]} frames"
        raise UserError(problem)
    inside = torch.arange(feats.shape[1], device=feats.device) < lengths[:, None]
    frames = feats[inside].double()
    sums = frames.sum(0).cpu().numpy(), frames.square().sum(0).cpu().numpy()
    moments = Moments(len(frames), *sums)
    if not np.isfinite(moments.sum_square).all():
        raise UserError("the features are not finite")
    return moments


def write_moments(path: Path, moments: Moments) -> None:
    """Write ``count``, ``sum`` and ``sum_square`` as ``.npz``."""
    with atomic_file(path, "wb") as file:
        np.savez(file, allow_pickle=False, **moments.to_arrays())


def moments_from_arrays(arrays: Mapping[str, NDArray[np.float64]], prefix: str = "") -> Moments:
    """Return the moments from the result of :meth:`Moments.to_arrays`."""
    count = int(arrays[f"{prefix}count"][0])
    return Moments(count, arrays[f"{prefix}sum"], arrays[f"{prefix}sum_square"])
