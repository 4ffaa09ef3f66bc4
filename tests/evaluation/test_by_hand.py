"""Mistakes by hand: every one can be planted, and what is said of it is judged as it should be."""

import pytest

from evaluation.by_hand.model import MARKS, HandMistake, plant, read_mistakes
from evaluation.by_hand.report import summaries
from evaluation.by_hand.trial import judge

MISTAKES = read_mistakes()
FILE = "conf/training.yaml"
OPTIMIZER = "optimizer: {_target_: torch.optim.AdamW, lr: 3e-3, weight_decay: 0.01}"


def test_every_mistake_can_be_planted() -> None:
    assert len(MISTAKES) > 150
    for mistake in MISTAKES:
        planted = plant(mistake)
        assert not any(mark in text for text in planted.texts.values() for mark in MARKS)
        assert bool(planted.places) is not mistake.good, mistake.what


def test_none_is_written_twice() -> None:
    keys = [(item.recipe, item.edits) for item in MISTAKES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("new", "exact", "fix"),
    [
        ("optimizer: {_target_: torch.optim.⟦AdamV⟧, lr: 3e-3}", True, True),
        ("optimizer: {_target_: ⟦torch⟧.optim.AdamV, lr: 3e-3}", False, True),
        ("optimizer: {_target_: torch.optim.⟦AdamV⟧, lr: 3e-3}   # x", True, True),
    ],
)
def test_a_report_is_judged_by_place_and_fix(new: str, exact: bool, fix: bool) -> None:
    verdict = judge(HandMistake("digits/asr", "a class", ((FILE, OPTIMIZER, new),), fix="AdamW"))
    assert (verdict.by, verdict.exact, verdict.fix) == ("check", exact, fix)
    assert summaries([verdict]).startswith("1 by hand  said 100.0%  by check 100.0%")


def test_a_change_that_is_right_is_silent() -> None:
    new = OPTIMIZER.replace("AdamW", "Adam")
    verdict = judge(HandMistake("digits/asr", "", ((FILE, OPTIMIZER, new),), good=True))
    assert (verdict.by, verdict.findings) == ("", ())
    assert summaries([verdict]).splitlines()[0].endswith("false alarms 0 of 1")
