"""What metrics say of single items, by which a report sorts, searches and groups them."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from espnet3_runtime.atomic import write_text
from espnet3_runtime.inference.scp import format_scp

ITEM_SCORES = "item_scores.json"


class ItemScore(NamedTuple):
    """A score of every item.

    Attributes:
        name: Its name.
        values: Its finite values in the order of the items; None where an item has none.
        higher_is_better: Which of two values is better, where that is known.
        unit: What follows a value, for example ``dB``.
    """

    name: str
    values: Sequence[float | None]
    higher_is_better: bool | None
    unit: str


class ItemScores:
    """What a metric says of the items of a test set; the score that comes first orders them.

    Args:
        utt_ids: Ids of the items; a score has a value for each, in this order.
        higher_is_better: Which of two values is better, of the score that comes first.
        unit: That of the score that comes first.
        texts: What is shown of each item, by name.
    """

    def __init__(
        self,
        utt_ids: Sequence[str],
        *,
        higher_is_better: bool | None = None,
        unit: str = "",
        texts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.utt_ids = list(utt_ids)
        self.scores: list[ItemScore] = []
        self.texts = dict(texts or {})
        self._first = {"higher_is_better": higher_is_better, "unit": unit}

    def add(
        self,
        name: str,
        values: Sequence[Any] | NDArray[Any],
        *,
        higher_is_better: bool | None = None,
        unit: str | None = None,
    ) -> None:
        """Add a score.

        Args:
            name: Its name.
            values: A number for each item; None, or one that is not finite, where it has none.
            higher_is_better: Which is better; None takes the metric's own for the first score.
            unit: What follows a value; None takes the metric's own for the first score.

        Raises:
            ValueError: There is not a number for each item.
        """
        self._check_length(name, values)
        first: Mapping[str, Any] = {} if self.scores else self._first
        better = first.get("higher_is_better") if higher_is_better is None else higher_is_better
        numbers = [_as_finite(name, value) for value in values]
        self.scores.append(
            ItemScore(name, numbers, better, first.get("unit", "") if unit is None else unit)
        )

    def show(self, **texts: Sequence[str]) -> None:
        """Show a text of each item, in place of an input of that name where there is one.

        Where there are ``ref`` and ``hyp``, items whose two texts differ count as wrong, and short
        ones as the labels of classes.

        Raises:
            ValueError: There is not a text for each item.
        """
        for name, values in texts.items():
            self._check_length(name, values)
            self.texts[name] = [str(value) for value in values]

    def _check_length(self, name: str, values: Sequence[Any] | NDArray[Any]) -> None:
        if len(values) != len(self.utt_ids):
            raise ValueError(f'"{name}" has {len(values)} values for {len(self.utt_ids)} items')

    def write(self, directory: Path) -> None:
        """Write what there is: ``item_scores.json``, and the score that comes first as SCP file.

        Args:
            directory: Created for the files.
        """
        if not self.scores:
            return
        directory.mkdir(parents=True, exist_ok=True)
        scores = [score._asdict() for score in self.scores]
        content = {"utt_ids": self.utt_ids, "scores": scores, "texts": self.texts}
        write_text(directory / ITEM_SCORES, json.dumps(content, ensure_ascii=False) + "\n")
        pairs = zip(self.utt_ids, self.scores[0].values, strict=True)
        known = ((utt_id, f"{value:.6g}") for utt_id, value in pairs if value is not None)
        write_text(directory / "values.scp", format_scp(known))


def _as_finite(name: str, value: Any) -> float | None:
    if isinstance(value, str | bytes | Mapping):
        raise TypeError(f'"{name}" has {value!r}, and no number')
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None
