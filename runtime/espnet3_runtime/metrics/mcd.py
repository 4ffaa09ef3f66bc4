"""Mel-cepstral distortion of spoken texts, after alignment in time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.metrics.inputs.waves import Samples, WavePair, score_pairs
from espnet3_runtime.metrics.item_scores import ItemScores

Frames = NDArray[np.float64]
_BANDS, _WINDOW, _HOP = 40, 0.025, 0.01
_LEAST_POWER = 1e-10
_SCALE = 10 / np.log(10) * np.sqrt(2)


class MCD:
    """Mel-cepstral distortion in dB: how far spoken texts are from recordings of them.

    13 coefficients without the first one, which is the level, of 40 mel bands every 10 ms; dynamic
    time warping aligns the frames.  Numbers of other settings are other numbers.

    Args:
        order: Number of coefficients.
        sample_rate: In Hz, where the files do not say it: arrays in ``.npy``.
    """

    unit = "dB"
    higher_is_better = False
    reads_audio = True

    def __init__(self, *, order: int = 13, sample_rate: int | None = None) -> None:
        self.order = order
        self.sample_rate = sample_rate

    def __call__(
        self,
        ref: Sequence[str],
        spoken: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Compare spoken texts with recordings of the same texts.

        Args:
            ref: Files of the recordings.
            spoken: Files of what was spoken, in the same order; of any length.
            utt_ids: Names of the items, for messages; None numbers them.
            item_scores: Gets mcd and length_ratio of each item.

        Returns:
            mcd in dB, length_ratio (spoken to recorded), and items.

        Raises:
            UserError: A file cannot be read, or no rate is known.
        """
        ratios: list[float] = []

        def compare(pair: WavePair) -> float:
            ratios.append(pair.other.shape[1] / pair.ref.shape[1])
            return self._compare(pair)

        values = score_pairs(compare, (ref, spoken), utt_ids, same_length=False)
        if item_scores is not None:
            item_scores.add("mcd", np.round(values, 4))
            item_scores.add("length_ratio", np.round(ratios, 4))
        return {
            "mcd": round(float(np.mean(values)), 4),
            "length_ratio": round(float(np.mean(ratios)), 4),
            "items": len(values),
        }

    def _compare(self, pair: WavePair) -> float:
        rate = pair.rate(self.sample_rate)
        one, two = (_mel_cepstra(wave.mean(0), rate, self.order) for wave in (pair.ref, pair.other))
        squares = (one**2).sum(1)[:, None] + (two**2).sum(1) - 2 * one @ two.T
        distances = np.sqrt(squares.clip(0))
        return float(_SCALE * mean_along_path(distances))


def _mel_cepstra(wave: Samples, rate: int, order: int) -> Frames:
    """Return coefficients 1 to ``order`` of each frame, shape (frames, order)."""
    size, hop = round(rate * _WINDOW), round(rate * _HOP)
    padded = np.pad(wave, (size // 2, size))
    starts = np.arange(0, len(wave) + 1, hop)
    frames = padded[starts[:, None] + np.arange(size)] * np.hanning(size)
    n_fft = 1 << (size - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, n_fft)) ** 2
    bands = np.log((power @ _mel_filters(rate, n_fft)).clip(_LEAST_POWER)) / 2
    angles = np.pi * np.arange(1, order + 1)[:, None] * (np.arange(_BANDS) + 0.5) / _BANDS
    cepstra: Frames = bands @ np.cos(angles).T * (2 / _BANDS)
    return cepstra


def _mel_filters(rate: int, n_fft: int) -> Frames:
    """Return triangular filters on the HTK mel scale, shape (n_fft // 2 + 1, bands)."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, rate / 2, n_fft // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters: Frames = np.minimum(rising, falling).clip(0)
    return filters


def mean_along_path(distances: Frames) -> float:
    """Return the mean distance along the path of dynamic time warping.

    Steps go one frame ahead in either or both.  The path has the smallest sum.

    Args:
        distances: Shape (frames, other frames).
    """
    rows, columns = distances.shape
    # Cells of one antidiagonal do not depend on each other; [i] is row i of the last two.
    before, last = (np.full((rows + 1, 2), np.inf) for _ in range(2))  # sums, and steps of the path
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        # From above, from the left, and from both: row + 1 is this row, row is the one above.
        came = np.stack([last[row], last[row + 1], before[row]])
        best = came[came[:, :, 0].argmin(0), np.arange(len(row))]
        if diagonal == 0:
            best = np.zeros((1, 2))
        found = np.full((rows + 1, 2), np.inf)
        found[row + 1, 0] = best[:, 0] + distances[row, diagonal - row]
        found[row + 1, 1] = best[:, 1] + 1
        before, last = last, found
    total, steps = last[rows]
    return float(total / steps)
