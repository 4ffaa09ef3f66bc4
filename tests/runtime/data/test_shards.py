"""Data sets of shards, of which every rank reads one in an epoch."""

import logging

import numpy as np
import pytest

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.loader import DataParallelRank
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import load_parts, load_split
from espnet3_runtime.data.streams.shard_loader import make_shard_loader
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.train import train
from tests.runtime.composed_kit import composed_build
from tests.runtime.rank_kit import run_ranks
from tests.runtime.training_kit import cut, recipe_in, reference, same, state, train_context

LOG = logging.getLogger("test")
SHARDS = '''
"""Three files, of which one is read when it is asked for."""
import numpy as np


class Dataset:
    total_shards = 3

    def __init__(self, data_dir, name="shard", total_shards=None):
        self.files = sorted(data_dir.glob(f"{name}*.npz"))
        self.total_shards = total_shards or type(self).total_shards

    def shard(self, number):
        return Shard(self.files[number])


class Shard:
    def __init__(self, file):
        with np.load(file) as content:
            self.labels, self.speech = content["labels"], content["speech"]
        self.name = file.stem

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        name = f"{self.name}-{index}"
        return {"utt_id": name, "speech": self.speech[index], "label": self.labels[index]}

    def lengths(self):
        return [len(one) for one in self.speech]
'''
DRAW = """
import os
import random


class Draw:
    def __call__(self, sample):
        with open(f"drawn-{os.environ.get('LOCAL_RANK', '0')}", "a") as file:
            file.write(f"{random.random()}\\n")
        return sample
"""
TRAIN = {"train": [{"data_src": "shards"}]}
COUNTS = (10, 14, 19)


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        (directory / "shards.py").write_text(SHARDS)
        (directory / "data").mkdir(exist_ok=True)
        rng = np.random.default_rng(1)
        for number, count in enumerate(COUNTS):
            labels = np.arange(count) % 4
            speech = labels[:, None, None] + rng.normal(scale=0.5, size=(count, 5, 2))
            content = {"labels": labels, "speech": speech.astype(np.float32)}
            np.savez(directory / "data" / f"shard{number}.npz", **content)
        yield directory


def loader_of(recipe, clock, rank=0, world=1, dataset=TRAIN, **block):
    block = {"batches": {"batch_size": 4}, **block}
    changes = {"dataloader": {"train": block}}
    training = composed_build("train", {"training": changes}).config("training")
    parts = load_parts(dataset, "train", DatasetDirectories(recipe, recipe / "data"))
    place = DataParallelRank(rank, world)
    return make_shard_loader(parts, training["dataloader"], clock=clock, rank=place, log=LOG)


def ids_of(*arguments, **changes):
    return [ids for ids, _ in loader_of(*arguments, **changes)]


def test_each_epoch_reads_one_shard(recipe):
    for epoch in range(5):
        found = ids_of(recipe, Clock(1, epoch=epoch))
        names = sorted(name for ids in found for name in ids)
        number = epoch % 3
        assert names == sorted(f"shard{number}-{n}" for n in range(COUNTS[number]))
        assert ids_of(recipe, Clock(1, epoch=epoch, skip=2)) == found[2:]
    assert ids_of(recipe, Clock(1)) != ids_of(recipe, Clock(1, epoch=3))  # shuffled anew


def test_ranks_read_different_shards_and_have_as_many_batches(recipe, monkeypatch):
    """Those of ESPnet3: (epoch * world + rank) % total_shards."""
    for epoch, expected in enumerate([(0, 1), (2, 0), (1, 2)]):
        shares = [-(-COUNTS[number] // 4) for number in expected]

        def gather(found, _, shares=shares):
            found[:] = shares

        monkeypatch.setattr("torch.distributed.all_gather_object", gather)
        for rank in (0, 1):
            found = ids_of(recipe, Clock(1, epoch=epoch), rank, 2)
            assert len(found) == min(shares)
            assert {name[:6] for ids in found for name in ids} == {f"shard{expected[rank]}"}
            clock = Clock(1, epoch=epoch, skip=1)
            assert ids_of(recipe, clock, rank, 2) == found[1:]
            assert ids_of(recipe, Clock(1, epoch=epoch, skip=min(shares)), rank, 2) == []


def test_other_types_of_batches_read_the_lengths_of_the_shard(recipe):
    folded = {"type": "folded", "batch_size": 6, "fold_lengths": [5]}
    assert sorted(len(ids) for ids in ids_of(recipe, Clock(1), batches=folded)) == [1, 3, 3, 3]


def test_data_that_cannot_be_read_so_are_refused(recipe):
    clock = Clock(1)
    with pytest.raises(UserError, match="gives each epoch a shard of its own"):
        loader_of(recipe, clock, num_iters_per_epoch=5)
    with pytest.raises(UserError, match="3 shards for 4 ranks"):
        loader_of(recipe, clock, world=4)
    other = {"train": [*TRAIN["train"], {"data_src_args": {"size": 5}}]}
    with pytest.raises(UserError, match="the data set has no shards") as error:
        loader_of(recipe, clock, dataset=other)
    assert error.value.where == "dataset.train[1]"
    for total, problem in ((2, "has 2 shards, and"), ("x", "total_shards is 'x'")):
        entry = {"data_src": "shards", "data_src_args": {"total_shards": total}}
        with pytest.raises(UserError, match=problem):
            loader_of(recipe, clock, dataset={"train": [*TRAIN["train"], entry]})
    with pytest.raises(UserError, match='Dataset has no "__len__"') as error:
        load_split(TRAIN, "train", DatasetDirectories(recipe, recipe / "data"))
    assert error.value.where == "dataset.train[0]"


CHANGES = {
    "dataset": TRAIN,
    "dataloader": {"num_workers": 1, "train": {"batches": {"batch_size": 4}}},
    "trainer": {"max_epochs": 2},
}


def test_a_training_goes_on_in_the_middle_of_the_second_shard(recipe):
    expected = reference(recipe, **CHANGES)
    assert expected["files"]["last.ckpt"]["global_step"] == 3 + 4
    cut(recipe, 6, **CHANGES)
    found = state(train(train_context(recipe, resume=True, **CHANGES))["best_checkpoint"].parent)
    for file, content in expected["files"].items():
        for key in content.keys() - {"loops"}:
            assert same(content[key], found["files"][file][key]), (file, key)
    assert expected["rows"] == found["rows"]


def test_two_ranks_train_on_shards_of_their_own_and_draw_other_numbers(recipe):
    (recipe / "src" / "draw.py").write_text(DRAW)
    drawing = {"train": [{**TRAIN["train"][0], "transform": {"_target_": "src.draw.Draw"}}]}
    changes = {"dataset": drawing, "dataloader": CHANGES["dataloader"]}
    said = run_ranks(recipe, {"max_epochs": 2}, **changes)
    assert "epoch 2/2" in said
    drawn = [(recipe / f"drawn-{rank}").read_text().split() for rank in (0, 1)]
    assert [len(one) >= sum(COUNTS[:2]) for one in drawn] == [True, True]
    assert len({*drawn[0], *drawn[1]}) == len(drawn[0]) + len(drawn[1])
