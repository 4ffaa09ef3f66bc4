"""The loader of a split: its lengths, own samplers and own loaders, ranks and workers."""

import itertools
import logging

import numpy as np
import pytest
import torch

from espnet3_runtime.data.dataset_entries import DatasetDirectories, read_entries
from espnet3_runtime.data.item_lengths import Shapes, find_lengths, read_shapes, write_shapes
from espnet3_runtime.data.loader import DataParallelRank, make_loader
from espnet3_runtime.data.sampler import (
    Clock,
)
from espnet3_runtime.data.split_dataset import load_split
from espnet3_runtime.errors import UserError
from tests.runtime.composed_kit import composed_build
from tests.runtime.training_kit import recipe_in

LOG = logging.getLogger("test")


def block(**changes):
    training = composed_build("train", {"training": {}}).config("training")
    return {**training["dataloader"]["train"]["batches"], **changes}


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def split_of(recipe, module=None, **changes):
    dataset = {"train": [{"data_src": module, "data_src_args": {"size": 30}}], **changes}
    return load_split(dataset, "train", DatasetDirectories(recipe, recipe / "data"))


def loader_of(split, clock, rank=None, shapes=None, **changes):
    training = composed_build("train", {"training": {"dataloader": changes}}).config("training")
    rank = rank or DataParallelRank()
    options = {"shapes": shapes, "clock": clock, "rank": rank, "log": LOG}
    return make_loader(split, "train", training["dataloader"], **options)


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
