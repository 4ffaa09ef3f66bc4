"""The utterances of two runs: which got better, which got worse."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Utterance:
    """How an utterance was recognised; texts are as the metric compared them.

    Attributes:
        errors: Edits between the two texts.
        reference: What was said.
        hypothesis: What the model heard.
    """

    errors: int
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class ChangedUtterance:
    """An utterance with another number of errors in the second run than in the first."""

    utt_id: str
    reference: str
    first: Utterance
    second: Utterance

    @property
    def change(self) -> int:
        """How many errors more the second run made."""
        return self.second.errors - self.first.errors


@dataclass(frozen=True)
class AlignmentFile:
    """``utterances.jsonl`` of a metric, and what stands between two of its tokens."""

    path: Path
    gap: str = " "


@lru_cache(maxsize=8)
def read_utterances(file: AlignmentFile) -> Mapping[str, Utterance]:
    """Read the aligned utterances of a metric by id; lines that cannot be read are left out."""
    return dict(_iter_utterances(file))


def _iter_utterances(file: AlignmentFile) -> Iterator[tuple[str, Utterance]]:
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


def changed_utterances(first: AlignmentFile, second: AlignmentFile) -> list[ChangedUtterance]:
    """Return what changed on a test set from one run to another, the most improved first."""
    one, other = read_utterances(first), read_utterances(second)
    changed = [
        ChangedUtterance(utt_id, one[utt_id].reference, one[utt_id], other[utt_id])
        for utt_id in one.keys() & other.keys()
        if one[utt_id].errors != other[utt_id].errors
    ]
    return sorted(changed, key=lambda each: (each.change, each.utt_id))
