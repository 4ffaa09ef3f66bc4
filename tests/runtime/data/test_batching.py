"""Batch plans, the batches of each rank, and the loaders."""

import itertools
import logging

import numpy as np
import pytest
import torch

from espnet3_runtime.data.batching import Lengths, make_plan
from espnet3_runtime.data.dataset_entries import DatasetDirectories, read_entries
from espnet3_runtime.data.item_lengths import Shapes, find_lengths, read_shapes, write_shapes
from espnet3_runtime.data.loader import DataParallelRank, make_loader
from espnet3_runtime.data.sampler import (
    Clock,
    EpochBatches,
    read_generators,
    restore_generators,
    seed_generators,
)
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.errors import UserError
from tests.runtime.inference_kit import with_defaults
from tests.runtime.training_kit import recipe_in

LOG = logging.getLogger("test")
RNG = np.random.default_rng(0)
STEPS = RNG.integers(1, 100, size=200)


def block(**changes):
    defaults = with_defaults("training", {})["dataloader"]["train"]["batches"]
    return {**defaults, **changes}


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


def test_drop_last_drops_the_rest():
    plan = make_plan(block(type="sorted", batch_size=7, drop_last=True), 200, Lengths(STEPS))
    assert {len(batch) for batch in batches_of(plan)} == {7}


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


@pytest.mark.parametrize("world", [2, 3, 7])
@pytest.mark.parametrize("keep_all", [True, False])
def test_every_rank_gets_equally_many_batches(world, keep_all):
    plan = make_plan(block(type="sorted", batch_size=8), 200, Lengths(STEPS))  # 25 batches
    ranks = [sampler(plan, Clock(1), rank, world, keep_all=keep_all) for rank in range(world)]
    lists = [list(rank) for rank in ranks]
    assert {len(items) for items in lists} == {len(ranks[0])}
    items = flat(flat(lists))
    if keep_all:
        assert set(items) == set(range(200))
        counted = [
            b for rank, found in zip(ranks, lists, strict=True) for b in found[: rank.distinct]
        ]
        assert sorted(flat(counted)) == list(range(200))
    else:
        assert len(set(items)) == len(items)
        assert 25 - len(flat(lists)) < world


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


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def split_of(recipe, module=None, **changes):
    dataset = {"train": [{"data_src": module, "data_src_args": {"size": 30}}], **changes}
    return load_split(dataset, "train", DatasetDirectories(recipe, recipe / "data"))


def loader_of(split, clock, rank=None, shapes=None, **changes):
    config = with_defaults("training", {"dataloader": changes})["dataloader"]
    return make_loader(
        split, "train", config, shapes=shapes, clock=clock, rank=rank or DataParallelRank(), log=LOG
    )


def test_loader_without_lengths_says_why_it_is_unsorted(recipe, caplog):
    caplog.set_level("INFO")
    loader = loader_of(split_of(recipe), Clock(1))
    utt_ids, batch = next(iter(loader))
    assert len(utt_ids) == 8
    assert batch["speech"].shape[0] == 8
    assert "no collect_stats stage" in caplog.text


def test_the_lengths_of_the_dataset_are_used(recipe, caplog):
    caplog.set_level("INFO")
    (recipe / "sets.py").write_text("from dataset import Measured as Dataset\n")
    loader = loader_of(split_of(recipe, "sets"), Clock(1))
    assert not caplog.records
    spans = [
        int(batch["speech_lengths"].max() - batch["speech_lengths"].min()) for _, batch in loader
    ]
    assert max(spans) <= 4  # of 3 to 13 frames


def test_workers_give_the_same_items_whatever_their_number(recipe):
    split = split_of(recipe, preprocessor={"_target_": "src.features.Noise"})

    def speech(workers, clock):
        return [batch["speech"] for _, batch in loader_of(split, clock, num_workers=workers)]

    one, two = speech(1, Clock(1)), speech(2, Clock(1))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    later = speech(2, Clock(1, skip=2))
    assert all(torch.equal(a, b) for a, b in zip(one[2:], later, strict=True))
    other = speech(2, Clock(1, epoch=1))
    assert not torch.equal(one[0], other[0])


def test_reading_does_not_touch_the_global_generator(recipe):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for workers in (0, 1):
        list(loader_of(split_of(recipe), Clock(1), num_workers=workers))
    assert torch.equal(before, torch.get_rng_state())


def test_own_samplers_get_the_data_set(recipe):
    sampler = {"_target_": "torch.utils.data.RandomSampler", "num_samples": 5}
    batches = {"batch_size": 2}
    loader = loader_of(split_of(recipe), Clock(1), train={"sampler": sampler, "batches": batches})
    assert [len(utt_ids) for utt_ids, _ in loader] == [2, 2, 1]


def test_own_batch_samplers(recipe):
    (recipe / "src" / "batches.py").write_text(
        "from torch.utils.data import BatchSampler\n"
        "class Pairs(BatchSampler):\n"
        "    def __init__(self, data): super().__init__(range(len(data)), 2, False)\n"
    )
    loader = loader_of(
        split_of(recipe), Clock(1), train={"sampler": {"_target_": "src.batches.Pairs"}}
    )
    assert len(loader) == 15


PLAIN = {"_target_": "torch.utils.data.DataLoader", "batch_size": 4, "shuffle": True}


def ids(loader):
    return [list(utt_ids) for utt_ids, _ in loader]


def test_a_plain_loader_is_given_what_it_takes(recipe):
    loader = loader_of(split_of(recipe), Clock(1), train={"loader": PLAIN})
    batches = list(loader)
    assert [len(utt_ids) for utt_ids, _ in batches] == [4] * 7 + [2]
    assert batches[0][1]["speech"].dim() == 3  # padded by the collate function of the config


@pytest.mark.parametrize(
    "train",
    [
        {"loader": PLAIN},
        {"sampler": {"_target_": "torch.utils.data.RandomSampler"}, "batches": {"batch_size": 4}},
    ],
)
def test_an_epoch_of_an_own_order_can_be_resumed(recipe, train):
    clock = Clock(1)
    loader = loader_of(split_of(recipe), clock, train=train)
    first = ids(loader)
    clock.epoch = 1
    second = ids(loader)
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*second))
    assert first != second
    resumed = loader_of(split_of(recipe), Clock(1, epoch=1, skip=3), train=train)
    assert ids(resumed) == second[3:]
    assert ids(resumed) == second  # what is done was left out once


def test_a_plain_loader_is_spread_over_ranks(recipe):
    clock = Clock(1)
    ranks = [
        loader_of(split_of(recipe), clock, DataParallelRank(rank, 4), train={"loader": PLAIN})
        for rank in range(4)
    ]
    found = [ids(loader) for loader in ranks]
    assert {len(batches) for batches in found} == {2}
    assert len({utt_id for batches in found for batch in batches for utt_id in batch}) == 30
    clock.epoch = 1
    assert ids(ranks[0]) != found[0]


def test_a_loader_function_learns_its_rank(recipe):
    (recipe / "src" / "batches.py").write_text(
        "def every(data, rank, world, collate_fn):\n"
        "    return [collate_fn([data[i]]) for i in range(rank, len(data), world)]\n"
        "def none(data):\n"
        "    return 3\n"
    )
    node = {"_target_": "src.batches.every"}
    loader = loader_of(split_of(recipe), Clock(1), DataParallelRank(1, 3), train={"loader": node})
    assert len(loader) == len(ids(loader)) == 10
    with pytest.raises(UserError, match="gives int, which is no loader"):
        loader_of(split_of(recipe), Clock(1), train={"loader": {"_target_": "src.batches.none"}})


def test_shapes_survive_the_disk_and_are_found_by_entry(recipe, tmp_path):
    split = split_of(recipe)
    key = split.entries[0].key
    shapes = Shapes(
        keys=("another", key),
        sizes=np.array([2, 30]),
        lengths={"speech": np.arange(32)},
        widths={"speech": 2},
    )
    write_shapes(tmp_path / "shapes.npz", shapes)
    read = read_shapes(tmp_path / "shapes.npz")
    found, _ = find_lengths(split, "speech", read)
    assert found is not None
    assert found.steps.tolist() == list(range(2, 32))
    assert found.width == 2
    assert find_lengths(split, "nothing", read)[1] == 'there is no field "nothing" (fields: speech)'
    other = Shapes(("else",), np.array([30]), {"speech": np.arange(30)}, {"speech": 1})
    assert "did not read dataset.train[0]" in find_lengths(split, "speech", other)[1]
    fewer = Shapes((key,), np.array([29]), {"speech": np.arange(29)}, {"speech": 1})
    assert "changed its number of items" in find_lengths(split, "speech", fewer)[1]


def test_damaged_shapes_are_one_clear_message(tmp_path):
    (tmp_path / "shapes.npz").write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot read the shapes"):
        read_shapes(tmp_path / "shapes.npz")


def test_entries_are_read_from_a_plain_mapping():
    assert read_entries({"train": None}, "train") == ()


def test_batch_size_is_an_upper_limit_beside_bins():
    steps = np.array([1] * 10 + [50])
    free = make_plan(block(type="length", batch_bins=60), 11, Lengths(steps))
    assert np.diff(free.ends, prepend=0).tolist() == [10, 1]
    most = make_plan(block(type="length", batch_bins=60, batch_size=4), 11, Lengths(steps))
    assert np.diff(most.ends, prepend=0).tolist() == [4, 4, 2, 1]
    both = block(type="numel", batch_bins=60, batch_size=2, min_batch_size=4)
    with pytest.raises(UserError, match="4 items at least and 2 at most"):
        make_plan(both, 11, Lengths(steps))


OWN = """
class Lists:
    def __init__(self, data, lie=0):
        self.count, self.lie = len(data), lie
    def __len__(self):
        return -(-self.count // 4) + self.lie
    def __iter__(self):
        for start in range(0, self.count, 4):
            yield list(range(start, min(start + 4, self.count)))

class Items(Lists):
    def __len__(self):
        return self.count + self.lie
    def __iter__(self):
        import numpy as np
        return iter(np.random.permutation(self.count))

class Whole:
    def __init__(self, data):
        self.data = data
    def __iter__(self):
        return iter(range(3))
"""


def own_loader(recipe, name, rank=None, split="train", **arguments):
    (recipe / "src" / "own.py").write_text(OWN)
    block = {"sampler": {"_target_": f"src.own.{name}", **arguments}, "batches": {"batch_size": 4}}
    return loader_of(split_of(recipe), Clock(1), rank or DataParallelRank(), train=block)


def test_any_iterable_of_lists_is_a_batch_sampler(recipe):
    loader = own_loader(recipe, "Lists")
    assert len(loader) == 8
    assert [len(batch) for batch in ids(loader)] == [4] * 7 + [2]


@pytest.mark.parametrize(("name", "what"), [("Lists", "batches"), ("Items", "items")])
@pytest.mark.parametrize(("lie", "found"), [(-2, "more than"), (2, r"\d+")])
def test_a_length_that_is_not_true(recipe, name, what, lie, found):
    with pytest.raises(UserError, match=f"{name} gave {found}.* {what}, and its __len__ says"):
        ids(own_loader(recipe, name, lie=lie))


def test_a_sampler_needs_a_length(recipe):
    with pytest.raises(UserError, match="Whole has no __len__"):
        own_loader(recipe, "Whole")


@pytest.mark.parametrize(
    "name", ["src.own.Lists", "src.own.Items", "torch.utils.data.RandomSampler"]
)
def test_own_samplers_are_spread_over_ranks(recipe, name):
    (recipe / "src" / "own.py").write_text(OWN)
    block = {"sampler": {"_target_": name}, "batches": {"batch_size": 4}}
    found = []
    for index in range(2):
        np.random.seed(index)  # noqa: NPY002 - ranks are seeded unlike each other
        rank = DataParallelRank(index, 2)
        found.append(ids(loader_of(split_of(recipe), Clock(1), rank, train=block)))
    assert [len(batches) for batches in found] == [4, 4]
    assert len({utt_id for batches in found for batch in batches for utt_id in batch}) == 30


def test_a_distributed_sampler_is_not_spread_again(recipe):
    block = {"sampler": {"_target_": "torch.utils.data.DistributedSampler"}}
    found = [
        ids(loader_of(split_of(recipe), Clock(1), DataParallelRank(rank, 2), train=block))
        for rank in range(2)
    ]
    assert len({utt_id for batches in found for batch in batches for utt_id in batch}) == 30


@pytest.mark.parametrize("name", ["Fixed", "Sampled"])
def test_a_loader_class_that_gives_every_rank_all_is_refused(recipe, name):
    (recipe / "src" / "own.py").write_text(
        "from torch.utils.data import DataLoader, RandomSampler\n"
        "class Fixed(DataLoader):\n"
        "    def __init__(self, data, collate_fn):\n"
        "        super().__init__(data, 4, shuffle=True, collate_fn=collate_fn)\n"
        "class Sampled(DataLoader):\n"
        "    def __init__(self, data, sampler=None):\n"
        "        super().__init__(data, 4, sampler=RandomSampler(data))\n"
    )
    block = {"loader": {"_target_": f"src.own.{name}"}}
    loader_of(split_of(recipe), Clock(1), train=block)
    with pytest.raises(UserError, match="does not ask which rank it is for: with 2 ranks"):
        loader_of(split_of(recipe), Clock(1), DataParallelRank(0, 2), train=block)
