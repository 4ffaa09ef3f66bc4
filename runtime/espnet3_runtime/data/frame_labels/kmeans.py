"""K-means of frames in torch (Lloyd 1982), begun as k-means++ (Arthur & Vassilvitskii 2007)."""

import math
from dataclasses import dataclass

import torch

_ROWS = 8192  # frames compared at once with all centres; bounds the memory
_LEAST_GAIN = 1e-4  # of the distance; less is not worth another pass


@dataclass(frozen=True)
class Clusters:
    """The result of k-means.

    Attributes:
        centroids: ``(clusters, width)`` the centres, float32.
        distance: Mean squared distance of the frames from their centres.
        passes: How often all frames were looked at.
    """

    centroids: torch.Tensor
    distance: float
    passes: int


def fit_clusters(frames: torch.Tensor, count: int, *, passes: int, seed: int) -> Clusters:
    """Find clusters of frames; the same ones for the same frames and seed.

    Args:
        frames: ``(frames, width)`` float32, at least ``count`` of them.
        count: The number of clusters.
        passes: Most passes over the frames; it ends sooner when they gain nothing.
        seed: Of the first centres.
    """
    generator = torch.Generator().manual_seed(seed)
    centroids = _draw_centroids(frames, count, generator)
    before, done = float("inf"), 0
    for done in range(1, passes + 1):  # noqa: B007 - its last value
        labels, distances = assign_clusters(frames, centroids)
        mean = float(distances.mean())
        if before - mean <= _LEAST_GAIN * mean:
            break
        before = mean
        centroids = _move_centroids(frames, labels, centroids)
    return Clusters(centroids, mean, done)


def assign_clusters(
    frames: torch.Tensor, centroids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nearest centre of each frame, and the squared distance from it.

    Args:
        frames: ``(frames, width)``.
        centroids: ``(clusters, width)``.

    Returns:
        Both of shape ``(frames,)``, int64 and float32.
    """
    found = [_squared_distances(rows, centroids).min(1) for rows in torch.split(frames, _ROWS)]
    return torch.cat([one.indices for one in found]), torch.cat([one.values for one in found])


def _squared_distances(frames: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """Return the squared distance of each frame from each centre, (frames, clusters)."""
    own, others = frames.square().sum(1)[:, None], centroids.square().sum(1)
    return (own + others - 2 * frames @ centroids.T).clamp_min(0)


def _draw_centroids(frames: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw frames as centres, each the likelier the farther it is from those before (k-means++).

    Of a few that are drawn, the one that leaves the least distance is taken, as scikit-learn does.
    """
    chosen = [int(torch.randint(len(frames), (1,), generator=generator))]
    nearest = _squared_distances(frames, frames[chosen])[:, 0]
    for _ in range(count - 1):
        drawn = _draw_indices(nearest, 2 + int(math.log(count)), generator)
        left = torch.minimum(nearest[:, None], _squared_distances(frames, frames[drawn]))
        best = int(left.sum(0).argmin())
        chosen.append(drawn[best])
        nearest = left[:, best]
    return frames[chosen].clone()


def _draw_indices(weights: torch.Tensor, count: int, generator: torch.Generator) -> list[int]:
    """Draw indices by weights; torch.multinomial takes no more than 2 ** 24 of them."""
    sums = weights.double().cumsum(0).cpu()
    at = torch.rand(count, generator=generator, dtype=torch.float64) * sums[-1]
    drawn: list[int] = torch.searchsorted(sums, at, right=True).clamp_max(len(sums) - 1).tolist()
    return drawn


def _move_centroids(
    frames: torch.Tensor, labels: torch.Tensor, centroids: torch.Tensor
) -> torch.Tensor:
    """Return the means of the clusters; one without frames stays where it is."""
    sums = torch.zeros_like(centroids).index_add_(0, labels, frames)
    sizes = torch.bincount(labels, minlength=len(centroids))[:, None]
    return torch.where(sizes > 0, sums / sizes.clamp_min(1), centroids)
