"""Pairs of recordings that metrics of audio compare, read from the files that ``infer`` wrote."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.data.audio import read_audio
from espnet3_runtime.errors import UserError
from espnet3_runtime.metrics.item_scores import ItemScores

Samples = NDArray[np.float64]
_TOLERANCE = 0.02
"""Share of the reference by which an output may be longer or shorter: frames round up or down."""


@dataclass(frozen=True)
class WavePair:
    """Recordings of one item.

    Attributes:
        ref: The reference, ``(channels, samples)`` in [-1, 1].
        other: What is compared with it, of the same shape where lengths are to be the same.
        sample_rate: In Hz; None where no file says it.
    """

    ref: Samples
    other: Samples
    sample_rate: int | None

    def rate(self, default: int | None) -> int:
        """Return the rate in Hz that a metric needs to know.

        Args:
            default: Where no file says it.

        Raises:
            ValueError: Nothing says it.
        """
        rate = self.sample_rate or default
        if rate is None:
            raise ValueError("no file says its sample rate; give the metric sample_rate")
        return rate


def read_pairs(
    ref: Sequence[str], other: Sequence[str], utt_ids: Sequence[str], *, same_length: bool = True
) -> Iterator[WavePair]:
    """Yield the recordings of the items.

    Args:
        ref: Paths of the references: audio, or ``.npy`` of shape ``(samples,)`` or
            ``(channels, samples)``.
        other: Paths of what is compared with them.
        utt_ids: Names of the items, for messages.
        same_length: Whether two of an item are of one length; a little that is over is cut.

    Raises:
        UserError: A file cannot be read, or two of an item differ in rate, channels or length.
    """
    for utt_id, *paths in zip(utt_ids, ref, other, strict=True):
        (one, rate), (two, other_rate) = (read_wave(Path(path)) for path in paths)
        if rate and other_rate and rate != other_rate:
            raise UserError(f"{utt_id} has {rate} Hz in {paths[0]} and {other_rate} in {paths[1]}")
        if len(one) != len(two):
            raise UserError(f"{utt_id} has {len(one)} channels in {paths[0]} and {len(two)} in "
                            f"{paths[1]}")  # fmt: skip
        if same_length and abs(one.shape[1] - two.shape[1]) > _TOLERANCE * one.shape[1]:
            raise UserError(
                f"{utt_id} has {one.shape[1]} samples in {paths[0]} and {two.shape[1]} in "
                f"{paths[1]}",
                hint="they are compared sample by sample, and so are of equal length",
            )
        length = min(one.shape[1], two.shape[1]) if same_length else None
        yield WavePair(one[:, :length], two[:, :length], rate or other_rate)


def read_wave(path: Path) -> tuple[Samples, int | None]:
    """Return audio of shape ``(channels, samples)`` and its rate in Hz, None of an array."""
    if path.suffix != ".npy":
        wave, rate = read_audio(path)
        return np.atleast_2d(wave).astype(np.float64), rate
    try:
        values = np.atleast_2d(np.load(path, allow_pickle=False)).astype(np.float64)
    except (OSError, ValueError) as error:
        raise UserError(f'"{path}" cannot be read as an array: {error}') from error
    if values.ndim != 2 or not values.size:  # noqa: PLR2004 - channels and samples
        raise UserError(f'"{path}" has shape {values.shape}; audio is (channels, samples)')
    if not np.isfinite(values).all():
        raise UserError(f'"{path}" has samples that are no finite numbers')
    return values, None


class PairMetric:
    """A metric that scores pairs of recordings; its headline is the mean over items.

    Args:
        name: Of the headline.
        score: Returns the number of one pair; raises ValueError where it cannot be compared.
        digits: To which the headline is rounded.
    """

    higher_is_better = True
    reads_audio = True

    def __init__(self, name: str, score: Callable[[WavePair], float], digits: int = 4) -> None:
        self.name, self.score, self.digits = name, score, digits

    def __call__(
        self,
        ref: Sequence[str],
        enhanced: Sequence[str],
        *,
        utt_ids: Sequence[str] | None = None,
        item_scores: ItemScores | None = None,
    ) -> dict[str, float]:
        """Compare enhanced recordings with clean ones.

        Args:
            ref: Files of the clean recordings.
            enhanced: Files of the enhanced ones, in the same order.
            utt_ids: Names of the items, for messages; None numbers them.
            item_scores: Gets the number of each item.

        Returns:
            The headline, and items.

        Raises:
            UserError: There are no items, or one cannot be read or compared.
        """
        values = score_pairs(self.score, (ref, enhanced), utt_ids)
        if item_scores is not None:
            item_scores.add(self.name, [round(value, self.digits) for value in values])
        return {self.name: round(float(np.mean(values)), self.digits), "items": len(values)}


def score_pairs(
    score: Callable[[WavePair], float],
    columns: Sequence[Sequence[str]],
    utt_ids: Sequence[str] | None,
    *,
    same_length: bool = True,
) -> list[float]:
    """Return a number for each pair.

    Args:
        score: Compares a pair.
        columns: Paths of references and of what is compared with them.
        utt_ids: Names of the items; None numbers them.
        same_length: Whether the two of a pair are of one length.

    Raises:
        UserError: There are no items, or one cannot be compared.
    """
    ref, other = columns
    names = [str(n) for n in range(len(ref))] if utt_ids is None else utt_ids
    if not names:
        raise UserError("there are no items to compare")
    values = []
    pairs = read_pairs(ref, other, names, same_length=same_length)
    for name, pair in zip(names, pairs, strict=True):
        try:
            values.append(score(pair))
        except ValueError as error:
            raise UserError(f"{name} cannot be compared: {error}") from error
    return values
