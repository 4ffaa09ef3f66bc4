"""Batches of fewer items the longer they are."""

import numpy as np
import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batches.folded import plan_folded
from espnet3_runtime.data.batching import Lengths
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.errors import UserError
from tests.runtime.composed_kit import composed_build

SPEECH = np.array([35, 5, 12, 8, 21, 19, 10, 30, 9, 11])
TEXT = np.array([2, 9, 1, 1, 1, 1, 1, 1, 1, 1])


def block(**changes):
    training = composed_build("train", {"training": {}}).config("training")
    ours = {"type": "folded", "batch_size": 6, "fold_lengths": [10], **changes}
    values = {**training["dataloader"]["train"]["batches"], **ours}
    return ConfigView(values, "training.dataloader.train.batches")


def batches_of(lengths=SPEECH, names=None, others=(), **changes):
    plan = plan_folded(block(**changes), Lengths(lengths, others=others), names)
    return [plan.batch(index) for index in range(len(plan))]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [[1, 3, 8, 6, 9, 2], [5, 4, 7], [0]]),  # 6, 6 // 2, 6 // 4
        ({"drop_last": True, "fold_lengths": [20]}, [[1, 3, 8, 6, 9, 2]]),
        ({"min_batch_size": 3}, [[1, 3, 8, 6, 9, 2], [5, 4, 7, 0]]),
        ({"batch_size": 100}, [[1, 3, 8, 6, 9, 2, 5, 4, 7, 0]]),
    ],
)
def test_the_shortest_item_says_how_many_fit(changes, expected):
    assert batches_of(**changes) == expected


def test_the_field_that_fits_least_counts():
    others = (Lengths(TEXT),)
    found = batches_of(others=others, fold_lengths=[10, 4])
    assert found == [[1, 3], [8, 6, 9, 2, 5, 4], [7], [0]]
    with pytest.raises(UserError, match="there are 1 fold_lengths for 2 fields") as error:
        batches_of(others=others)
    assert error.value.where == "training.dataloader.train.batches.fold_lengths"


def test_a_batch_has_items_of_one_category():
    names = np.array(["b", "a"] * 5)
    assert batches_of(names=names) == [[1, 3, 9, 5, 7], [8, 6, 2, 4, 0]]
    with pytest.raises(UserError, match='type "folded" needs the length of every item'):
        plan_folded(block(), None, names)


def test_passes_differ_and_are_the_same_again(recipe, split_of, loader_of):
    (recipe / "sets.py").write_text("from dataset import Measured as Dataset\n")
    split = split_of(recipe, "sets")
    ours = {"type": "folded", "batch_size": 6, "fold_lengths": [5], "category_key": "label"}
    first, again, other = (
        [batch["label"].tolist() for _, batch in loader_of(split, clock, train={"batches": ours})]
        for clock in (Clock(1), Clock(1), Clock(1, epoch=1))
    )
    assert first == again != other
    assert sorted(first) == sorted(other)
    assert all(len(set(labels)) == 1 for labels in first)
