"""The utterances of two runs: which got better, which got worse, by errors or another score."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

from espnet3_runtime.metrics.alignment import UTTERANCES
from espnet3_runtime.report.artifact_schemas import matches_schema
from espnet3_runtime.report.utterances import is_finite


@dataclass(frozen=True)
class Utterance:
    """A value of an utterance, and its two texts as the metric compared them, if it did.

    Attributes:
        value: Edits between the two texts, or a score, to six digits.
        reference: What was said.
        hypothesis: What the model heard.
    """

    value: float
    reference: str | None
    hypothesis: str | None


@dataclass(frozen=True)
class UtteranceScore:
    """What the values of utterances are; runs with the same one are compared.

    Attributes:
        metric: The name of the metric; empty for errors, which alignments of any metric count.
        name: That of the score.
        unit: What follows a value.
        higher_is_better: Which of two values is better.
        said: What the reference is called.
        perfect: A value that only utterances have whose two texts are the same.
    """

    metric: str
    name: str
    unit: str
    higher_is_better: bool
    said: str = "ref"
    perfect: float | None = None


ERRORS = UtteranceScore("", "errors", "", higher_is_better=False, said="said", perfect=0)


@dataclass(frozen=True)
class ScoredUtterances:
    """The utterances of a test set by id, and what their values are."""

    score: UtteranceScore
    by_id: Mapping[str, Utterance]


@dataclass(frozen=True)
class ChangedUtterance:
    """An utterance with another value in the second run than in the first."""

    utt_id: str
    first: Utterance
    second: Utterance


@dataclass(frozen=True)
class Changes:
    """What changed on a test set from one run to another, the most of each first."""

    score: UtteranceScore
    better: Sequence[ChangedUtterance]
    worse: Sequence[ChangedUtterance]


@dataclass(frozen=True)
class UtteranceFile:
    """``utterances.jsonl`` or ``item_scores.json`` of a metric.

    Attributes:
        path: The file.
        gap: What stands between two tokens of an alignment.
    """

    path: Path
    gap: str = " "


@lru_cache(maxsize=8)
def read_utterances(files: tuple[UtteranceFile, ...]) -> ScoredUtterances | None:
    """Return the utterances of the first file that says which of two values is better.

    What cannot be read is left out; None where no file says it.
    """
    for file in files:
        if file.path.name == UTTERANCES:
            return ScoredUtterances(ERRORS, dict(_iter_aligned(file)))
        scored = _read_scored(file.path)
        if scored is not None:
            return scored
    return None


def _iter_aligned(file: UtteranceFile) -> Iterator[tuple[str, Utterance]]:
    try:
        lines = file.path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            record = json.loads(line)
            yield record["utt_id"], Utterance(int(record["errors"]), *_texts(record, file.gap))
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            continue


def _texts(record: Mapping[str, Any], gap: str) -> tuple[str, str]:
    reference, hypothesis = (
        gap.join(step[side] for step in record["steps"] if step[side]) for side in (1, 2)
    )
    return reference, hypothesis


def _read_scored(path: Path) -> ScoredUtterances | None:
    """Return the first score of which the metric said which of two values is better."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not matches_schema(content, "item_scores"):
        return None
    for score in content["scores"]:
        higher = score.get("higher_is_better")
        if higher is not None:
            about = UtteranceScore(path.parent.name, score["name"], score.get("unit", ""), higher)
            return ScoredUtterances(about, dict(_iter_scored(content, score["values"])))
    return None


def _iter_scored(
    content: Mapping[str, Any], values: Sequence[Any]
) -> Iterator[tuple[str, Utterance]]:
    texts = (content["texts"].get(name) or repeat(None) for name in ("ref", "hyp"))
    for utt_id, value, *pair in zip(content["utt_ids"], values, *texts, strict=False):
        if is_finite(value):
            ref, hyp = (text if isinstance(text, str) else None for text in pair)
            yield str(utt_id), Utterance(float(f"{value:.6g}"), ref, hyp)


def compare_utterances(
    first: tuple[UtteranceFile, ...], second: tuple[UtteranceFile, ...]
) -> Changes | None:
    """Return what changed on a test set; None where two runs have not the same score of it."""
    before, after = read_utterances(first), read_utterances(second)
    if before is None or after is None or before.score != after.score:
        return None
    one, other = before.by_id, after.by_id
    sign = -1 if before.score.higher_is_better else 1
    changed = sorted(
        (sign * (other[utt_id].value - one[utt_id].value), utt_id)
        for utt_id in one.keys() & other.keys()
        if one[utt_id].value != other[utt_id].value
    )
    found = [
        (change, ChangedUtterance(utt_id, one[utt_id], other[utt_id])) for change, utt_id in changed
    ]
    better = [each for change, each in found if change < 0]
    worse = [each for change, each in reversed(found) if change > 0]
    return Changes(before.score, better, worse)
