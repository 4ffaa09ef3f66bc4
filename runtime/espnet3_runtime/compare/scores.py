"""Scores of runs: which is better, and how far the others are from the best."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from espnet3_runtime.metrics.table import format_value

_LOWER = ("WER", "CER", "TER", "ErrorRate")
_HIGHER = ("Accuracy",)
"""Of results that were measured before ``metrics.json`` said which is better."""
_BEST = re.compile(r"best (?P<name>\S+)(?: \((?P<mode>min|max), \d+\))?")
_NUMBER = re.compile(r"-?\d[\d.]*(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Score:
    """A score of a run.

    Attributes:
        value: The number.
        unit: For example ``%``.
        higher_is_better: None where nothing says so.
    """

    value: float
    unit: str = ""
    higher_is_better: bool | None = None

    @property
    def text(self) -> str:
        """The number as reports show it."""
        return format_value(self.value, self.unit)


def measured_scores(report: Mapping[str, Any]) -> Iterator[tuple[str, Score]]:
    """Yield ``<metric> <test set>`` and the headline score of a ``metrics.json``."""
    for metric, by_test in report["metrics"].items():
        about = report["about"][metric]
        better = about.get("higher_is_better", _known_direction(about["target"]))
        for test, numbers in by_test.items():
            value = float(numbers[about["headline"]])
            yield f"{metric} {test}", Score(value, about["unit"], better)


def _known_direction(target: str) -> bool | None:
    name = target.rpartition(".")[2]
    return False if name in _LOWER else True if name in _HIGHER else None


def training_scores(
    results: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[tuple[str, Score]]:
    """Yield the best values by which a training chose its checkpoints.

    Args:
        results: Of the receipt of the train stage, for example ``best valid/loss``.
        settings: Its settings, which say whether more is better.
    """
    modes = {
        settings[key]: settings.get(f"{key[:-3]}[2]")
        for key in settings
        if re.fullmatch(r"training\.best_model_criterion\[\d+\]\[0\]", key)
    }
    for key, text in results.items():
        named = _BEST.fullmatch(key)
        number = _NUMBER.match(str(text))
        if named and number:
            mode = named["mode"] or modes.get(named["name"])
            yield (
                named["name"],
                Score(float(number[0]), "", {"max": True, "min": False}.get(str(mode))),
            )


def best_scores(scores: Iterable[Mapping[str, Score]]) -> dict[str, float | None]:
    """Return the best value of each score; None where nothing says which is better."""
    found: dict[str, list[Score]] = {}
    for one in scores:
        for name, score in one.items():
            found.setdefault(name, []).append(score)
    return {name: _best_value(values) for name, values in found.items()}


def _best_value(scores: list[Score]) -> float | None:
    directions = {score.higher_is_better for score in scores}
    if len(directions) > 1 or None in directions:
        return None
    values = [score.value for score in scores if math.isfinite(score.value)]
    choose = max if directions == {True} else min
    return choose(values) if values else None


def format_difference(score: Score, best: float | None) -> str:
    """Return the distance of a score from the best, for example ``+0.42``; empty for the best."""
    if best is None or score.value == best:
        return ""
    distance = score.value - best
    text = f"{distance:+.2f}" if score.unit else f"{distance:+.3g}"
    return text if float(text) else f"{distance:+.2g}"
