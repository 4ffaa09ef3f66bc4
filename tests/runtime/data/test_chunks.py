"""Batches of windows that are cut out of the items."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batches.chunks import ChunkDataset, make_chunk_dataset, plan_chunks
from espnet3_runtime.data.batching import Lengths
from espnet3_runtime.data.sampler import Clock, EpochBatches
from espnet3_runtime.errors import UserError
from tests.runtime.composed_kit import composed_build

STEPS = np.array([100, 40, 39, 250, 41])
SEED = [1, 0]


def block(**changes):
    training = composed_build("train", {"training": {}}).config("training")
    found = {**training["dataloader"]["train"]["batches"], "type": "chunk", **changes}
    return ConfigView(found, "training.dataloader.train.batches")


def windows(plan, seed):
    batches, order = plan.draw(seed)
    return [window for index in order for window in batches.batch(int(index))]


@pytest.mark.parametrize(
    ("ratio", "counts"), [(0.5, [4, 1, 0, 11, 1]), (1.0, [2, 1, 0, 6, 1]), (2.0, [1, 1, 0, 3, 1])]
)
def test_as_many_windows_as_espnet2_cuts(ratio, counts):
    plan = plan_chunks(block(chunk_length=40, chunk_shift_ratio=ratio), Lengths(STEPS))
    for seed in (None, SEED, [1, 1]):
        found = Counter(item for item, _ in windows(plan, seed))
        assert [found[item] for item in range(5)] == counts
        assert all(0 <= start <= STEPS[item] - 40 for item, start in windows(plan, seed))


def test_windows_start_at_random_and_keep_their_distance():
    plan = plan_chunks(block(chunk_length=40, batch_size=3), Lengths(STEPS))
    assert windows(plan, None)[:5] == [(0, 0), (0, 20), (0, 40), (0, 60), (1, 0)]
    starts = set()
    for epoch in range(150):
        found = sorted(start for item, start in windows(plan, [1, epoch]) if item == 3)
        assert set(np.diff(found)) == {20}
        starts.add(found[0])
    assert starts == set(range(11))  # 250 steps leave 10 beside eleven windows
    assert windows(plan, SEED) == windows(plan, SEED) != windows(plan, [1, 1])


def test_short_samples_are_dropped_or_padded():
    dropped = plan_chunks(block(chunk_length=41), Lengths(STEPS))
    assert {item for item, _ in windows(dropped, SEED)} == {0, 3, 4}
    padded = plan_chunks(block(chunk_length=41, chunk_short_samples="pad"), Lengths(STEPS))
    found = windows(padded, SEED)
    assert [window for window in sorted(found) if window[0] in (1, 2)] == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("changes", "lengths", "message"),
    [
        ({}, STEPS, 'needs "chunk_length"'),
        ({"chunk_length": 9}, None, "needs the length of every item"),
        ({"chunk_length": 251}, STEPS, "no item has the 251 steps of a chunk; the longest has 250"),
        ({"chunk_length": 240, "drop_last": True}, STEPS, "leaves no batch of 1 items"),
    ],
)
def test_chunks_that_cannot_be_made(changes, lengths, message):
    with pytest.raises(UserError, match=message):
        plan_chunks(block(**changes), None if lengths is None else Lengths(lengths))


def split(*samples):
    return [(f"u{index}", sample) for index, sample in enumerate(samples)]


def cutter(samples, **changes) -> ChunkDataset:
    return make_chunk_dataset(samples, block(chunk_length=4, **changes))


def test_fields_of_one_time_are_cut_at_one_place():
    sample = {
        "speech": np.arange(10.0),
        "clean": np.arange(20.0).reshape(10, 2),
        "speaker": np.zeros(3),
        "label": np.int64(1),
        "text": "ten steps!",
    }
    chunks = cutter(split(sample), chunk_excluded_keys=["speaker"])
    utt_id, cut = chunks[0, 3]
    assert utt_id == "u0"
    assert cut["speech"].tolist() == [3, 4, 5, 6]
    assert cut["clean"].tolist() == [[6, 7], [8, 9], [10, 11], [12, 13]]
    assert cut["speaker"] is sample["speaker"]
    assert (cut["label"], cut["text"]) == (1, "ten steps!")
    assert chunks[0, 9][1]["speech"].tolist() == [6, 7, 8, 9]  # shorter than it was measured
    listed = cutter(split(sample), length_key=["speech"], chunk_excluded_keys=["speaker"])
    assert listed[0, 3][1]["speech"].tolist() == [3, 4, 5, 6]
    with pytest.raises(UserError, match='"speaker" of u0 has 3 steps and "speech" has 10') as error:
        cutter(split(sample))[0, 0]
    assert "chunk_excluded_keys: [speaker]" in error.value.hint
    with pytest.raises(UserError, match='u0 has no field "speach" to cut') as error:
        cutter(split(sample), length_key="speach")[0, 0]
    assert 'did you mean "speech"?' in error.value.hint


def test_every_window_has_a_seed_of_its_own():
    seeds = []
    chunks = cutter(split({"speech": np.arange(10.0)}))
    chunks.before_item = seeds.append
    for window in ((0, 0), (0, 2)):
        assert len(chunks[window][1]["speech"]) == 4
    assert seeds == [(0, 0), (0, 2)]


def rank_batches(plan, clock, rank=0, world=1, **changes):
    options = {"shuffle": True, "keep_all": False, **changes}
    return EpochBatches(plan, clock, rank=rank, world=world, **options)


def test_ranks_share_the_windows_and_an_epoch_is_resumed():
    plan = plan_chunks(block(chunk_length=40, batch_size=2), Lengths(STEPS))  # 17 windows
    whole = list(rank_batches(plan, Clock(1, epoch=3)))
    assert [len(batch) for batch in whole] == [2] * 8 + [1]
    ranks = [list(rank_batches(plan, Clock(1, epoch=3), rank, 2)) for rank in (0, 1)]
    assert [len(batches) for batches in ranks] == [4, 4]
    assert [batch for pair in zip(*ranks, strict=True) for batch in pair] == whole[:8]
    assert list(rank_batches(plan, Clock(1, epoch=3, skip=4))) == whole[4:]


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("iterations", [2, 9, 23])
def test_an_epoch_of_so_many_batches_goes_on_where_the_last_one_ended(world, iterations):
    plan = plan_chunks(block(chunk_length=40, batch_size=2), Lengths(STEPS))
    passes = [batch for epoch in range(60) for batch in rank_batches(plan, Clock(1, epoch=epoch))]
    ranks = [
        [list(rank_batches(plan, Clock(1, epoch=epoch), rank, world, iterations=iterations))
         for epoch in range(4)]
        for rank in range(world)
    ]  # fmt: skip
    assert {len(batches) for epochs in ranks for batches in epochs} == {iterations}
    flat = [[batch for batches in epochs for batch in batches] for epochs in ranks]
    together = [batch for step in zip(*flat, strict=True) for batch in step]
    assert together == passes[: len(together)]
    clock = Clock(1, epoch=2, skip=1)
    resumed = rank_batches(plan, clock, world - 1, world, iterations=iterations)
    assert len(resumed) == iterations
    assert list(resumed) == ranks[world - 1][2][1:]


def test_a_loader_gives_chunks(recipe, loader_of, split_of):
    Path("sets.py").write_text("from dataset import Measured as Dataset\n")
    batches = {"type": "chunk", "chunk_length": 5, "chunk_shift_ratio": 1.0, "batch_size": 4}
    split = split_of(recipe, "sets", preprocessor={"_target_": "src.features.Noise"})

    def found(workers, clock):
        loader = loader_of(split, clock, num_workers=workers, train={"batches": batches})
        return [(ids, batch["speech"].shape, batch["speech"].sum().item()) for ids, batch in loader]

    one, two = found(1, Clock(1)), found(2, Clock(1))
    assert one == two
    assert {shape[1:] for _, shape, _ in one} == {(5, 2)}
    assert found(1, Clock(1, skip=2)) == one[2:]
    assert found(1, Clock(1, epoch=1)) != one


def test_sums_of_the_lengths_of_several_fields_fill_batches(recipe, loader_of, split_of):
    Path("sets.py").write_text(
        "import numpy as np\n"
        "import dataset\n"
        "class Dataset(dataset.Dataset):\n"
        "    def lengths(self):\n"
        "        frames = np.array([self.frames(i) for i in range(self.size)])\n"
        "        return {'speech': frames, 'text': 20 - frames}\n"
    )
    batches = {"type": "length", "batch_bins": 60, "length_key": ["speech", "text"]}
    loader = loader_of(split_of(recipe, "sets"), Clock(1), train={"batches": batches})
    lengths = split_of(recipe, "sets").members[0].lengths()
    plan, groups = loader.batch_sampler.plan, []
    for index in range(len(plan)):
        batch = plan.batch(index)
        cost = sum(values[batch].max() for values in lengths.values()) * len(batch)
        groups.append((len(batch), cost))
    assert sorted(item for index in range(len(plan)) for item in plan.batch(index)) == list(
        range(30)
    )
    assert all(cost <= 60 for _, cost in groups)
    assert max(size for size, _ in groups) == 3  # 20 steps for each, and two of equal length
