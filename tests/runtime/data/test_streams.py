"""Data that come one after another, of tar shards here: order, sharing, workers and resuming."""

import io
import json
import logging
import tarfile
from collections import Counter

import numpy as np
import pytest
import torch

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.loader import DataParallelRank
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import load_parts, load_split
from espnet3_runtime.data.streams.stream_loader import make_stream_loader
from espnet3_runtime.data.streams.stream_order import deal_rounds, shuffle_stream
from espnet3_runtime.data.streams.stream_split import StreamSplit
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from tests.runtime.composed_kit import composed_build
from tests.runtime.rank_kit import run_ranks
from tests.runtime.training_kit import (
    POLLS_PER_EPOCH,
    cut,
    recipe_in,
    reference,
    same,
    state,
    train_context,
)

LOG = logging.getLogger("test")
SHARDS = '''
"""Samples in tar files, as webdataset writes them: KEY.npy and KEY.json make one."""
import io
import json
import random
import tarfile

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info


class Dataset(IterableDataset):
    def __init__(self, data_dir, split="train", fail_at=-1):
        self.shards, self.fail_at = sorted(data_dir.glob(f"{split}-*.tar")), fail_at

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        shards = list(self.shards)
        random.shuffle(shards)  # with the global generator, as people do
        shards = shards[self.epoch % 2 :] + shards[: self.epoch % 2]
        info = get_worker_info()  # and with their own sharing among workers
        shards = shards if info is None else shards[info.id :: info.num_workers]
        for shard in shards:
            with tarfile.open(shard) as tar:
                for member in tar:
                    content = tar.extractfile(member).read()
                    if member.name.endswith(".npy"):
                        speech = np.load(io.BytesIO(content))
                    else:
                        yield self.sample(speech, **json.loads(content))

    def sample(self, speech, utt_id, label):
        if int(utt_id[-2:]) == self.fail_at:
            return None
        return {"utt_id": utt_id, "speech": speech, "label": np.int64(label)}
'''
NOISE = """

class Loud(Noise):
    def __call__(self, utt_id, sample):
        return super().__call__(utt_id, {**sample, "text": "nothing"})


class Quiet(Noise):
    def __call__(self, utt_id, sample):
        sample = super().__call__(utt_id, {**sample, "text": "nothing"})
        return {k: v for k, v in sample.items() if k != "text"}
"""
TRAIN = {"train": [{"data_src": "shards"}]}
QUIET = {"_target_": "src.features.Quiet"}


def write_shards(folder, counts, split="train"):
    folder.mkdir(exist_ok=True)
    rng, number = np.random.default_rng(1), 0
    for shard, count in enumerate(counts):
        with tarfile.open(folder / f"{split}-{shard:03}.tar", "w") as tar:
            for _ in range(count):
                label, wave = number % 4, io.BytesIO()
                noise = rng.normal(scale=0.5, size=(3 + number % 9, 2))
                np.save(wave, (label + noise).astype(np.float32))
                told = json.dumps({"utt_id": f"{split}{number:02}", "label": label}).encode()
                for suffix, content in (("npy", wave.getvalue()), ("json", told)):
                    member = tarfile.TarInfo(f"{number:02}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
                number += 1


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        (directory / "shards.py").write_text(SHARDS)
        with (directory / "src" / "features.py").open("a") as file:
            file.write(NOISE)
        write_shards(directory / "data", [7, 1, 9, 6])
        yield directory


def loader_of(recipe, clock=None, rank=0, world=1, dataset=None, **changes):
    batches = {"batch_size": 4, "buffer_size": 5, **changes.pop("batches", {})}
    block = {"train": {"batches": batches, **changes.pop("train", {})}, **changes}
    training = composed_build("train", {"training": {"dataloader": block}}).config("training")
    folders = DatasetDirectories(recipe, recipe / "data")
    split = StreamSplit(load_parts(dataset or {**TRAIN, "preprocessor": QUIET}, "train", folders))
    place = DataParallelRank(rank, world)
    options = {"clock": clock or Clock(1), "rank": place, "log": LOG}
    return make_stream_loader(split, "train", training["dataloader"], **options)


def read(*arguments, **changes):
    return [(ids, batch["speech"]) for ids, batch in loader_of(*arguments, **changes)]


@pytest.mark.parametrize("count", [3, 11, 12, 13, 14, 23, 24, 25])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_sample_is_dealt_once_and_every_rank_has_as_many_batches(count, world):
    rounds = list(deal_rounds(range(count), 4, world, drop_last=False))
    assert Counter(x for one in rounds for batch in one for x in batch) == Counter(range(count))
    assert all(len(one) == world and all(one) for one in rounds)
    assert {len(batch) for one in rounds[:-1] for batch in one} <= {4}
    assert max(map(len, rounds[-1])) - min(map(len, rounds[-1])) <= 1
    full = list(deal_rounds(range(count), 4, world, drop_last=True))
    assert [x for one in full for batch in one for x in batch] == list(range(len(full) * 4 * world))
    assert all(len(batch) == 4 for one in full for batch in one)
    assert len(full) == count // (4 * world)


def test_too_few_samples_for_the_ranks_are_refused(recipe):
    with pytest.raises(ValueError, match="2 samples for 3 ranks"):
        list(deal_rounds(range(2), 4, 3, drop_last=False))
    with pytest.raises(UserError, match="too few data: 23 samples for 24 ranks") as error:
        read(recipe, world=24)
    assert error.value.where == "dataset.train[0]"


def test_a_shuffled_stream_has_the_same_samples():
    order = list(shuffle_stream(range(50), 8, (1, 0)))
    assert sorted(order) == list(range(50))
    assert order != list(range(50))
    assert max(place - x for place, x in enumerate(order)) < 50
    assert all(order.index(x) >= x - 8 for x in range(50))  # held for no longer than the buffer
    assert list(shuffle_stream(range(50), 8, (1, 1))) != order


def test_ranks_and_workers_share_the_shards(recipe):
    alone = read(recipe)
    assert Counter(i for ids, _ in alone for i in ids) == {f"train{n:02}": 1 for n in range(23)}
    for world in (1, 2):
        for workers in (0, 1, 3):
            parts = [read(recipe, rank=r, world=world, num_workers=workers) for r in range(world)]
            assert len({len(part) for part in parts}) == 1
            found = [batch for round_ in zip(*parts, strict=True) for batch in round_]
            for (ids, speech), (other_ids, other) in list(zip(alone, found, strict=True))[:-2]:
                assert ids == other_ids
                assert torch.equal(speech, other)  # noise and all, whoever read it
            assert sorted(i for ids, _ in found for i in ids) == sorted(
                i for ids, _ in alone for i in ids
            )


def test_the_order_is_that_of_seed_and_epoch(recipe):
    def ids(clock, **changes):
        return [one for one, _ in read(recipe, clock, **changes)]

    first = ids(Clock(1))
    assert ids(Clock(1)) == first
    assert ids(Clock(1, epoch=1)) != first
    assert ids(Clock(2)) != first
    assert ids(Clock(1, epoch=1, overfits=True)) == first
    assert ids(Clock(1, skip=2), num_workers=2) == first[2:]
    unshuffled = [name for one in ids(Clock(1), batches={"shuffle": False}) for name in one]
    assert unshuffled != sorted(unshuffled)  # the data set shuffles its shards
    assert [name for name in unshuffled if name < "train07"] == [f"train{n:02}" for n in range(7)]


def test_reading_leaves_the_generators_of_the_model_alone(recipe):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    list(loader_of(recipe))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_wrong_with_the_data_is_said_with_its_place(recipe, workers):
    bad = {"train": [{"data_src": "shards", "data_src_args": {"fail_at": 9}}]}
    found = "a sample is a mapping from field to value; the Dataset gave NoneType"
    if not workers:
        with pytest.raises(UserError, match=found):
            list(loader_of(recipe, dataset=bad))
        return
    *_, last = loader_of(recipe, dataset=bad, num_workers=workers)
    assert isinstance(last, UserError)
    assert (last.message, last.where) == (found, "dataset.train[0]")


def test_what_needs_lengths_or_numbers_is_refused(recipe):
    with pytest.raises(UserError, match='type "numel" needs the length of every item'):
        loader_of(recipe, batches={"type": "numel", "batch_bins": 9})
    sampler = {"_target_": "torch.utils.data.RandomSampler"}
    with pytest.raises(UserError, match="a sampler reads items by their number"):
        loader_of(recipe, train={"sampler": sampler})
    folders = DatasetDirectories(recipe, recipe / "data")
    with pytest.raises(UserError, match="here they are read by their number") as error:
        load_split({"test": [{"data_src": "shards"}]}, "test", folders)
    assert error.value.where == "dataset.test[0]"
    with pytest.raises(UserError, match="drop_last leaves no batch of 24 samples for every rank"):
        read(recipe, batches={"batch_size": 24, "drop_last": True})
    (recipe / "once.py").write_text("def Dataset():\n    yield {}\n")
    with pytest.raises(UserError, match="a generator gives its samples once") as error:
        load_parts({"train": [{"data_src": "once"}]}, "train", folders)
    assert error.value.where == "dataset.train[0]"
    write_shards(recipe / "data", [0], "none")
    none = {"train": [{"data_src": "shards", "data_src_args": {"split": "none"}}]}
    with pytest.raises(UserError, match="the data set gives no samples"):
        read(recipe, dataset=none)


STREAM = {"train": [{"data_src": "shards"}], "preprocessor": QUIET}


@pytest.mark.parametrize(
    ("workers", "polls"), [(0, 3), (0, POLLS_PER_EPOCH), (0, 10), (0, 13), (2, 10)]
)
def test_a_training_goes_on_in_the_middle_of_a_stream(recipe, workers, polls):
    loaders = {"num_workers": workers, "train": {"batches": {"batch_size": 4, "buffer_size": 5}}}
    changes = {"dataset": STREAM, "dataloader": loaders}
    expected = reference(recipe, **changes)
    cut(recipe, polls, **changes)
    outputs = train(train_context(recipe, resume=True, **changes))
    found = state(outputs["best_checkpoint"].parent)
    for file, content in expected["files"].items():
        for key in content.keys() - {"loops"}:
            assert same(content[key], found["files"][file][key]), (file, key)
    assert expected["rows"] == found["rows"]


def test_two_ranks_train_on_one_stream(recipe):
    changes = {"dataset": STREAM, "dataloader": {"train": {"batches": {"batch_size": 4}}}}
    said = run_ranks(recipe, {"max_epochs": 1}, **changes)
    assert "train/loss" in said
