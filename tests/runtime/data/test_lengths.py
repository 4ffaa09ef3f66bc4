"""Plans of batches, the shares of ranks and lengths, as exact numbers."""

import random
import re

import numpy as np
import pytest
import torch

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batching import BATCH_SIZE, BatchPlan, Lengths, make_plan
from espnet3_runtime.data.custom_loader import Counted, CustomLoader, SpreadBatches, samplers_of
from espnet3_runtime.data.dataset_entries import DatasetEntry
from espnet3_runtime.data.item_lengths import Shapes, find_lengths, read_shapes, write_shapes
from espnet3_runtime.data.sampler import Clock, EpochBatches, SeedItem, seed_generators
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.errors import UserError

DEFAULTS = {
    "type": "unsorted",
    "batch_size": None,
    "batch_bins": None,
    "min_batch_size": 1,
    "drop_last": False,
}


def batches(count, steps=None, width=1, **given):
    lengths = None if steps is None else Lengths(np.array(steps), width)
    plan = make_plan(ConfigView({**DEFAULTS, **given}, "w.batches"), count, lengths)
    assert plan.order.dtype == plan.ends.dtype == np.int64
    return [plan.batch(index) for index in range(len(plan))], plan.by_item


STEPS = [3, 1, 2, 5, 4]


@pytest.mark.parametrize(
    ("given", "expected", "by_item"),
    [
        ({"batch_size": 2}, [[0, 1], [2, 3], [4]], True),
        ({"batch_size": 2, "drop_last": True}, [[0, 1], [2, 3]], True),
        ({"batch_size": 5, "drop_last": True}, [[0, 1, 2, 3, 4]], True),
        ({"batch_size": 9}, [[0, 1, 2, 3, 4]], True),
        ({}, [[0, 1, 2, 3, 4]], True),
        ({"type": "sorted", "batch_size": 2}, [[1, 2], [0, 4], [3]], False),
        ({"type": "length", "batch_bins": 6}, [[1, 2], [0], [4], [3]], False),
        ({"type": "length", "batch_bins": 4}, [[1, 2], [0], [4], [3]], False),
        ({"type": "length", "batch_bins": 3}, [[1], [2], [0], [4], [3]], False),
        ({"type": "length", "batch_bins": 1}, [[1], [2], [0], [4], [3]], False),
        ({"type": "length", "batch_bins": 9}, [[1, 2, 0], [4], [3]], False),
        ({"type": "length", "batch_bins": 10}, [[1, 2, 0], [4, 3]], False),
        ({"type": "length", "batch_bins": 25}, [[1, 2, 0, 4, 3]], False),
        ({"type": "length", "batch_bins": 25, "batch_size": 2}, [[1, 2], [0, 4], [3]], False),
        ({"type": "length", "batch_bins": 1, "min_batch_size": 2}, [[1, 2], [0, 4], [3]], False),
        (
            {"type": "length", "batch_bins": 1, "min_batch_size": 2, "drop_last": True},
            [[1, 2], [0, 4]],
            False,
        ),
        ({"type": "length", "batch_bins": 1, "drop_last": True}, [[1], [2], [0], [4], [3]], False),
        (
            {"type": "length", "batch_bins": 25, "batch_size": 2, "min_batch_size": 2},
            [[1, 2], [0, 4], [3]],
            False,
        ),
        ({"type": "numel", "batch_bins": 18}, [[1, 2, 0], [4], [3]], False),
        ({"type": "numel", "batch_bins": 17}, [[1, 2], [0, 4], [3]], False),
        ({"type": "numel", "batch_bins": 15}, [[1, 2], [0], [4], [3]], False),
    ],
)
def test_a_plan(given, expected, by_item):
    assert batches(5, STEPS, width=2, **given) == (expected, by_item)


def test_a_plan_without_lengths_and_the_usual_size():
    assert batches(3, type="sorted", batch_size=2) == ([[0, 1], [2]], True)
    assert [len(one) for one in batches(17)[0]] == [BATCH_SIZE, BATCH_SIZE, 1] == [8, 8, 1]
    stable = batches(4, [2, 1, 2, 1], type="sorted", batch_size=4)[0]
    assert stable == [[1, 3, 0, 2]]
    assert batches(4, [2, 1, 2, 1], type="length", batch_bins=8)[0] == stable


@pytest.mark.parametrize(
    ("given", "steps", "message", "hint"),
    [
        (
            {"batch_size": 4, "drop_last": True},
            [1, 2],
            "drop_last leaves no batch of 2 items",
            "set drop_last to false or make batch_size smaller",
        ),
        (
            {"type": "length", "batch_bins": 9, "min_batch_size": 3, "drop_last": True},
            [1, 2],
            "drop_last leaves no batch of 2 items",
            "set drop_last to false or make batch_size smaller",
        ),
        ({"type": "length"}, [1, 2], 'type "length" needs "batch_bins"', ""),
        (
            {"type": "numel", "batch_bins": 3},
            None,
            'type "numel" needs the length of every item',
            "add a collect_stats stage with this config, or a method lengths() to the Dataset",
        ),
        (
            {"type": "length", "batch_bins": 3, "batch_size": 1, "min_batch_size": 2},
            [1, 2],
            "a batch cannot have 2 items at least and 1 at most",
            "make min_batch_size smaller or batch_size larger",
        ),
    ],
)
def test_plans_that_there_are_not(given, steps, message, hint):
    with pytest.raises(UserError, match=f"^{re.escape(message)}") as caught:
        batches(2, steps, **given)
    assert (caught.value.message, caught.value.where) == (message, "w.batches")
    assert caught.value.hint == hint


# Ranks and epochs.


def plan_of(count, *, by_item=False):
    return BatchPlan(np.arange(count), np.arange(1, count + 1), by_item)


@pytest.mark.parametrize(
    ("count", "world", "keep_all", "shares", "distinct"),
    [
        (5, 1, True, [[0, 1, 2, 3, 4]], [5]),
        (5, 2, True, [[0, 2, 4], [1, 3, 0]], [3, 2]),
        (5, 2, False, [[0, 2], [1, 3]], [2, 2]),
        (4, 2, True, [[0, 2], [1, 3]], [2, 2]),
        (1, 3, False, [[0], [0], [0]], [1, 0, 0]),
        (1, 3, True, [[0], [0], [0]], [1, 0, 0]),
        (2, 3, False, [[0], [1], [0]], [1, 1, 0]),
    ],
)
def test_the_share_of_a_rank(count, world, keep_all, shares, distinct):
    for kind in (EpochBatches, SpreadBatches):
        found = []
        for rank in range(world):
            given = {"keep_all": keep_all, "rank": rank, "world": world}
            if kind is EpochBatches:
                one = EpochBatches(plan_of(count), Clock(3), shuffle=False, **given)
            else:
                one = SpreadBatches([[n] for n in range(count)], "Own", Clock(3), **given)
            assert len(one) == len(shares[rank])
            found.append([batch for (batch,) in one])
            assert one.distinct == distinct[rank]
        assert found == shares


@pytest.mark.parametrize("by_item", [True, False])
def test_the_order_of_an_epoch(by_item):
    def order(seed, epoch, **more):
        plan = plan_of(50, by_item=by_item)
        one = EpochBatches(
            plan, Clock(seed, epoch, **more), shuffle=True, keep_all=True, rank=0, world=1
        )
        return [batch for (batch,) in one]

    expected = np.random.default_rng([3, 4]).permutation(np.arange(50)).tolist()
    assert order(3, 4) == expected
    assert order(3, 4, skip=7) == expected[7:]
    assert order(3, 5) != expected != order(4, 4)
    assert order(3, 4, overfits=True) == order(3, 0)


def test_what_is_done_is_skipped_once():
    clock = Clock(3, skip=3)
    one = EpochBatches(plan_of(5), clock, shuffle=False, keep_all=True, rank=0, world=1)
    assert [[*one], clock.skip, [*one]] == [[[3], [4]], 0, [[0], [1], [2], [3], [4]]]


def test_numbers_of_an_item_depend_on_seed_epoch_and_item():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    found = {}
    for seed, epoch, item in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3)):
        SeedItem(seed, epoch)(item)
        found[seed, epoch, item] = draw()
    for place in range(3):
        assert len({numbers[place] for numbers in found.values()}) == 4
    SeedItem(1, 2)(3)
    assert draw() == found[1, 2, 3]
    for parts in ((1, 2), (2, 1)):
        seed_generators(*parts)
        found[parts] = draw()
    assert all(a != b for a, b in zip(found[1, 2], found[2, 1], strict=True))
    seed_generators(1, 2)
    assert draw() == found[1, 2]


# Loaders of a recipe.


class Told:
    """Says a length, and gives another number of items."""

    def __init__(self, says, gives):
        self.says, self.gives = says, gives
        self.epochs = []

    def __len__(self):
        return self.says

    def __iter__(self):
        return iter(range(self.gives))

    def set_epoch(self, epoch):
        self.epochs.append(epoch)


@pytest.mark.parametrize(
    ("says", "gives", "found", "problem"),
    [
        (3, 3, [0, 1, 2], None),
        (0, 0, [], None),
        (3, 2, [0, 1], "2"),
        (3, 4, [0, 1], "more than 3"),
        (1, 2, [], "more than 1"),
        (1, 0, [], "0"),
    ],
)
def test_a_length_is_what_it_says(says, gives, found, problem):
    counted, items = Counted(Told(says, gives), "batches"), []
    assert len(counted) == says
    if problem is None:
        assert [*counted] == found
        return
    message = f"Told gave {problem} batches, and its __len__ says {says}"
    with pytest.raises(UserError, match=f"^{message}") as caught:
        items.extend(one for one in counted if items.append(one) is None and False)
    assert items == found
    assert (caught.value.message, caught.value.where) == (message, "training.dataloader")
    assert caught.value.hint == "let __len__ return how many it gives in an epoch"


def test_without_a_length_nothing_is_compared():
    assert [*Counted((n for n in range(3)), "batches")] == [0, 1, 2]


def test_an_epoch_of_a_loader():
    inner = Told(4, 4)
    inner.sampler = Told(1, 1)
    inner.sampler.batch_sampler = Told(1, 1)
    assert samplers_of(inner) == [inner.sampler, inner.sampler.batch_sampler]
    assert samplers_of(3) == []
    generator, clock = torch.Generator(), Clock(3, epoch=5, skip=2)
    loader = CustomLoader(inner, generator, clock)
    assert [len(loader), [*loader], clock.skip] == [4, [2, 3], 0]
    assert inner.sampler.epochs == inner.sampler.batch_sampler.epochs == [5]
    assert inner.epochs == []
    first = torch.rand(1, generator=generator).item()
    assert [*loader] == [0, 1, 2, 3]
    assert torch.rand(1, generator=generator).item() == first
    clock.epoch = 6
    assert [*loader] == [0, 1, 2, 3]
    assert torch.rand(1, generator=generator).item() != first


# Lengths.


def entry(number):
    return DatasetEntry(f"d.train[{number}]", f"m{number}", {}, None, None, {})


def split(*members):
    entries = [entry(number) for number in range(len(members))]
    return SplitDataset(entries, members, [None] * len(members))


class Member(list):
    lengths = None


def member(size, lengths=None):
    made = Member([{}] * size)
    made.lengths = lengths
    return made


def shapes_of(*sizes, fields=("speech",)):
    total = sum(sizes)
    keys = tuple(entry(number).key for number in range(len(sizes)))
    lengths = {name: np.arange(10, 10 + total) for name in fields}
    return Shapes(keys, np.array(sizes), lengths, dict.fromkeys(fields, 3))


def test_lengths_are_those_of_collect_stats_or_of_the_data_sets():
    found, reason = find_lengths(split(member(2), member(3)), "speech", shapes_of(2, 3))
    assert (found.steps.tolist(), found.width, reason) == ([10, 11, 12, 13, 14], 3, "")
    own = member(2, lambda: {"speech": [7, 8], "text": [1, 2]})
    found, reason = find_lengths(split(own, member(1, np.array([9]))), "speech", None)
    assert (found.steps.tolist(), found.width, reason) == ([7, 8, 9], 1, "")
    assert found.steps.dtype == np.int64
    mixed = split(member(2), member(1), member(2, [5, 6]))
    found, _ = find_lengths(mixed, "speech", shapes_of(2, 1))
    assert (found.steps.tolist(), found.width) == ([10, 11, 12, 5, 6], 3)


@pytest.mark.parametrize(
    ("shapes", "field", "reason"),
    [
        (None, "speech", "no collect_stats stage runs before, and the Dataset has no lengths()"),
        (
            shapes_of(2),
            "speech",
            "collect_stats did not read d.train[1], and its Dataset has no lengths()",
        ),
        (shapes_of(2, 4), "speech", "d.train[1] changed its number of items since collect_stats"),
        (
            shapes_of(2, 3, fields=("b", "a")),
            "speech",
            'there is no field "speech" (fields: a, b)',
        ),
    ],
)
def test_why_lengths_are_not_known(shapes, field, reason):
    last = member(3, lambda: {"text": [1, 2, 3]})
    first = member(2, [1, 2]) if shapes is None or field not in shapes.lengths else member(2)
    assert find_lengths(split(first, last), field, shapes) == (None, reason)


def test_as_many_lengths_as_items():
    with pytest.raises(UserError, match=r"has 2 items and lengths\(\) gives 3") as caught:
        find_lengths(split(member(2, [1, 2, 3])), "speech", None)
    assert caught.value.where == "d.train[0]"


def test_shapes_come_back(tmp_path):
    shapes = shapes_of(2, 3, fields=("speech", "text"))
    write_shapes(tmp_path / "shapes.npz", shapes)
    found = read_shapes(tmp_path / "shapes.npz")
    assert (found.keys, found.sizes.tolist(), found.widths) == (
        shapes.keys,
        [2, 3],
        {"speech": 3, "text": 3},
    )
    assert {name: value.tolist() for name, value in found.lengths.items()} == {
        "speech": [10, 11, 12, 13, 14],
        "text": [10, 11, 12, 13, 14],
    }
    with pytest.raises(UserError, match="cannot read the shapes") as caught:
        read_shapes(tmp_path / "none.npz")
    assert caught.value.hint == "run the stage collect_stats again with --force"
