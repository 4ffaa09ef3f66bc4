"""Batch plans, the batches of each rank, and the loaders."""

import itertools
import logging

import numpy as np
import pytest
import torch

from espnet3_runtime.data.batching import Lengths, make_plan
from espnet3_runtime.data.sampler import (
    Clock,
    EpochBatches,
    read_generators,
    restore_generators,
    seed_generators,
)
from espnet3_runtime.errors import UserError
from tests.runtime.composed_kit import composed_build

LOG = logging.getLogger("test")


RNG = np.random.default_rng(0)


STEPS = RNG.integers(1, 100, size=200)


def block(**changes):
    training = composed_build("train", {"training": {}}).config("training")
    return {**training["dataloader"]["train"]["batches"], **changes}


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def batches_of(plan):
    return [plan.batch(index) for index in range(len(plan))]


@pytest.mark.parametrize("kind", ["unsorted", "sorted"])
def test_fixed_batches_hold_every_item_once(kind):
    plan = make_plan(block(type=kind, batch_size=7), 200, Lengths(STEPS))
    items = batches_of(plan)
    assert sorted(flat(items)) == list(range(200))
    assert [len(batch) for batch in items] == [7] * 28 + [4]
    if kind == "sorted":
        lengths = STEPS[flat(items)]
        assert (np.diff(lengths) >= 0).all()


@pytest.mark.parametrize("kind", ["unsorted", "sorted"])
@pytest.mark.parametrize(("size", "full"), [(7, 28), (8, 25), (1, 200), (199, 1), (200, 1)])
def test_drop_last_drops_the_rest_and_no_full_batch(kind, size, full):
    changes = {"type": kind, "batch_size": size}
    kept, dropped = (
        batches_of(make_plan(block(**changes, drop_last=drop), 200, Lengths(STEPS)))
        for drop in (False, True)
    )
    assert [len(batch) for batch in dropped] == [size] * full
    assert dropped == kept[:full]


def test_drop_last_of_everything_is_an_error():
    with pytest.raises(UserError, match="leaves no batch of 3 items"):
        make_plan(block(batch_size=4, drop_last=True), 3, None)


@pytest.mark.parametrize(("kind", "width"), [("length", 1), ("numel", 5)])
def test_bins_are_full_and_not_exceeded(kind, width):
    bins = 150 * width
    plan = make_plan(block(type=kind, batch_bins=bins), 200, Lengths(STEPS, 5))
    items = batches_of(plan)
    assert sorted(flat(items)) == list(range(200))
    for batch, following in itertools.pairwise(items):
        cost = len(batch) * STEPS[batch].max() * width
        assert cost <= bins
        # one more item, the next longer one, would not have fitted
        assert (len(batch) + 1) * STEPS[following[0]] * width > bins


def test_an_item_longer_than_the_bins_is_a_batch_of_its_own():
    plan = make_plan(block(type="length", batch_bins=10), 3, Lengths(np.array([5, 50, 4])))
    assert batches_of(plan) == [[2, 0], [1]]


def test_min_batch_size_wins_over_bins():
    plan = make_plan(
        block(type="length", batch_bins=10, min_batch_size=3), 7, Lengths(np.full(7, 50))
    )
    assert [len(batch) for batch in batches_of(plan)] == [3, 3, 1]
    dropped = make_plan(
        block(type="length", batch_bins=10, min_batch_size=3, drop_last=True),
        7,
        Lengths(np.full(7, 50)),
    )
    assert [len(batch) for batch in batches_of(dropped)] == [3, 3]


@pytest.mark.parametrize(
    ("count", "bins", "least", "sizes"),
    [
        (6, 10, 3, [3, 3]),
        (3, 10, 3, [3]),
        (4, 100, 2, [2, 2]),  # as many as the bins hold, too
        (5, 100, 1, [2, 2, 1]),
        (5, 100, 2, [2, 2]),
        (7, 150, 2, [3, 3]),
        (8, 150, 2, [3, 3, 2]),
        (4, 150, 2, [3]),
    ],
)
def test_drop_last_keeps_what_has_the_least_size(count, bins, least, sizes):
    changes = {"type": "length", "batch_bins": bins, "min_batch_size": least, "drop_last": True}
    plan = make_plan(block(**changes), count, Lengths(np.full(count, 50)))
    assert [len(batch) for batch in batches_of(plan)] == sizes


def test_bins_need_bins_and_lengths():
    with pytest.raises(UserError, match='needs "batch_bins"'):
        make_plan(block(type="numel"), 3, Lengths(np.ones(3, dtype=int)))
    with pytest.raises(UserError, match="needs the length of every item") as error:
        make_plan(block(type="length", batch_bins=9), 3, None)
    assert "lengths()" in error.value.hint


def test_a_million_items_are_two_arrays():
    steps = RNG.integers(1, 3000, size=1_000_000)
    plan = make_plan(block(type="length", batch_bins=100_000), len(steps), Lengths(steps))
    assert plan.order.nbytes + plan.ends.nbytes < 9_000_000
    assert plan.order.dtype == plan.ends.dtype == np.int64
    assert len(plan.batch(5)) > 1


def sampler(plan, clock, rank=0, world=1, *, shuffle=True, keep_all=False):
    return EpochBatches(plan, clock, shuffle=shuffle, keep_all=keep_all, rank=rank, world=world)


@pytest.mark.parametrize("kind", ["unsorted", "sorted"])
def test_shuffling_depends_on_seed_and_epoch_only(kind):
    plan = make_plan(block(type=kind, batch_size=8), 200, Lengths(STEPS))
    first = list(sampler(plan, Clock(seed=1)))
    assert first == list(sampler(plan, Clock(seed=1)))
    assert first != list(sampler(plan, Clock(seed=2)))
    assert first != list(sampler(plan, Clock(seed=1, epoch=1)))
    assert sorted(flat(first)) == list(range(200))


@pytest.mark.parametrize("world", [2, 3, 5, 7, 24, 25])
@pytest.mark.parametrize("keep_all", [True, False])
def test_every_rank_gets_equally_many_batches(world, keep_all):
    plan = make_plan(block(type="sorted", batch_size=8), 200, Lengths(STEPS))  # 25 batches
    ranks = [sampler(plan, Clock(1), rank, world, keep_all=keep_all) for rank in range(world)]
    lists = [list(rank) for rank in ranks]
    most, least = -(-25 // world), 25 // world
    assert {len(items) for items in lists} == {len(ranks[0])} == {most if keep_all else least}
    items = flat(flat(lists))
    if keep_all:
        assert set(items) == set(range(200))
        counted = [
            b for rank, found in zip(ranks, lists, strict=True) for b in found[: rank.distinct]
        ]
        assert sorted(flat(counted)) == list(range(200))
    else:
        assert len(set(items)) == len(items)


def test_fewer_batches_than_ranks_are_repeated():
    plan = make_plan(block(batch_size=8), 8, None)
    assert [len(list(sampler(plan, Clock(1), rank, 4))) for rank in range(4)] == [1, 1, 1, 1]


def test_a_resumed_epoch_skips_what_is_done():
    plan = make_plan(block(batch_size=8), 200, None)
    whole = list(sampler(plan, Clock(1, epoch=3)))
    clock = Clock(1, epoch=3, skip=10)
    resumed = sampler(plan, clock)
    assert list(resumed) == whole[10:]
    assert len(resumed) == len(whole)
    clock.epoch = 4
    assert len(list(resumed)) == len(whole)


def test_generators_go_back_to_a_saved_state(tmp_path):
    import random

    def draw():
        return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002

    seed_generators(3, 1)
    draw()
    np.random.normal()  # noqa: NPY002 - leaves half a pair of normals behind
    torch.save(read_generators(), tmp_path / "state.pt")
    expected = draw(), np.random.normal()  # noqa: NPY002
    restore_generators(torch.load(tmp_path / "state.pt", weights_only=True))
    assert (draw(), np.random.normal()) == expected  # noqa: NPY002


def test_batch_size_is_an_upper_limit_beside_bins():
    steps = np.array([1] * 10 + [50])
    free = make_plan(block(type="length", batch_bins=60), 11, Lengths(steps))
    assert np.diff(free.ends, prepend=0).tolist() == [10, 1]
    most = make_plan(block(type="length", batch_bins=60, batch_size=4), 11, Lengths(steps))
    assert np.diff(most.ends, prepend=0).tolist() == [4, 4, 2, 1]
    both = block(type="numel", batch_bins=60, batch_size=2, min_batch_size=4)
    with pytest.raises(UserError, match="4 items at least and 2 at most"):
        make_plan(both, 11, Lengths(steps))
