"""Batches that are balanced over the values of a field."""

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.batches.categories import find_categories, plan_categories
from espnet3_runtime.data.batching import Lengths
from espnet3_runtime.data.sampler import Clock, EpochBatches
from espnet3_runtime.errors import UserError
from tests.runtime.composed_kit import composed_build

LOG = logging.getLogger("test")
NAMES = np.array(["many"] * 80 + ["some"] * 16 + ["few"] * 4)
ONE_SET = np.array([100])


def block(**changes):
    training = composed_build("train", {"training": {}}).config("training")
    ours = {"type": "category", "category_key": "label", **changes}
    values = {**training["dataloader"]["train"]["batches"], **ours}
    return ConfigView(values, "training.dataloader.train.batches")


def passes(plan, count):
    for number in range(count):
        batches, order = plan.draw([1, number])
        yield [batches.batch(int(index)) for index in order]


@pytest.mark.parametrize(
    ("power", "shares"),
    [
        (0.0, {"many": 1 / 3, "some": 1 / 3, "few": 1 / 3}),
        (0.5, {"many": 0.5985, "some": 0.2677, "few": 0.1338}),  # roots of 80, 16 and 4
        (1.0, {"many": 0.8, "some": 0.16, "few": 0.04}),
    ],
)
def test_every_batch_has_the_shares_of_the_categories(power, shares):
    plan = plan_categories(block(batch_size=10, category_power=power), NAMES, ONE_SET)
    counts: Counter[str] = Counter()
    for batches in passes(plan, 100):
        assert [len(batch) for batch in batches] == [10] * 10
        for batch in batches:
            found = Counter(NAMES[batch])
            counts += found
            assert all(abs(found[name] - 10 * share) < 1 for name, share in shares.items())
    for name, share in shares.items():
        assert counts[name] / counts.total() == pytest.approx(share, abs=0.01)


def test_an_item_comes_again_when_all_of_its_category_have_come():
    plan = plan_categories(block(batch_size=9), NAMES, ONE_SET)
    (batches,) = passes(plan, 1)
    found = Counter(item for batch in batches for item in batch)
    assert max(found[item] for item in range(80)) == 1
    few = [found[item] for item in range(96, 100)]
    assert max(few) - min(few) <= 1 < min(few)


def test_many_rare_categories_and_one_large_one():
    names = np.array(["many"] * 1_000_000 + [f"rare{number}" for number in range(5)])
    plan = plan_categories(block(batch_size=600_000, drop_last=True), names, np.array([len(names)]))
    (batches,) = passes(plan, 1)
    counts = Counter(names[batches[0]])
    assert len(counts) == 6
    assert set(counts.values()) == {100_000}


def test_as_they_are_every_item_comes_once():
    plan = plan_categories(block(batch_size=100, category_power=1.0), NAMES, ONE_SET)
    (batches,) = passes(plan, 1)
    assert sorted(batches[0]) == list(range(100))


def test_passes_differ_and_can_be_resumed():
    plan = plan_categories(block(batch_size=8, drop_last=True), NAMES, ONE_SET)
    one, two = passes(plan, 2)
    assert len(one) == 12
    assert one != two
    options = {"shuffle": True, "keep_all": False, "rank": 0, "world": 1}
    assert list(EpochBatches(plan, Clock(1, epoch=1, skip=5), **options)) == two[5:]
    fixed = {**options, "shuffle": False}
    first = list(EpochBatches(plan, Clock(1), **fixed))
    assert first == list(EpochBatches(plan, Clock(1, epoch=1), **fixed))
    ranks = [list(EpochBatches(plan, Clock(1), **{**options, "world": 5, "rank": 4}))]
    assert ranks == [[one[4], one[9]]]


def test_bins_fill_batches_and_lengths_make_the_shares():
    """As ESPnet2's catpow: a share is the sum of the lengths of a category, to a power."""
    steps = np.where(NAMES == "few", 40, 10)
    ours = block(batch_bins=120, category_power=0.5, epoch_factor=3.0, batch_size=9)
    plan = plan_categories(ours, NAMES, ONE_SET, Lengths(steps))
    weights = np.sqrt([800, 160, 160])
    counts: Counter[str] = Counter()
    lengths = []
    for batches in passes(plan, 60):
        assert len(batches) == len(plan)
        lengths.append(sum(map(len, batches)))
        for batch in batches:
            assert 0 < len(batch) <= 9
            assert steps[batch].sum() <= 120  # padding does not count
        counts += Counter(NAMES[item] for batch in batches for item in batch)
    assert abs(np.mean(lengths) - 300) < 30
    for name, share in zip(("many", "some", "few"), weights / weights.sum(), strict=True):
        assert counts[name] / counts.total() == pytest.approx(share, abs=0.02)
    one, two = passes(plan, 2)
    assert one != two
    options = {"shuffle": True, "keep_all": False, "rank": 1, "world": 2}
    assert list(EpochBatches(plan, Clock(1, epoch=1, skip=3), **options)) == two[7::2]


def test_batches_of_bins_need_lengths():
    with pytest.raises(UserError, match='type "category" needs the length of every item'):
        plan_categories(block(batch_bins=120), NAMES, ONE_SET)


@pytest.mark.parametrize(
    ("powers", "shares"),
    [
        ((0.0, 0.0), [1 / 6, 1 / 6, 1 / 6, 1 / 2]),
        ((1.0, 0.0), [0.5 * 80 / 98, 0.5 * 16 / 98, 0.5 * 2 / 98, 0.5]),
        ((1.0, 1.0), [0.8, 0.16, 0.02, 0.02]),
        ((0.0, 1.0), [0.98 / 3, 0.98 / 3, 0.98 / 3, 0.02]),
    ],
)
def test_data_sets_are_balanced_and_the_categories_in_each(powers, shares):
    """The last data set has two items, both of a category that the first has too."""
    category, dataset = powers
    ours = block(batch_size=10, category_power=category, dataset_power=dataset)
    plan = plan_categories(ours, NAMES, np.array([98, 2]))
    kinds = np.array([0] * 80 + [1] * 16 + [2] * 2 + [3] * 2)
    counts = np.zeros(4)
    for batches in passes(plan, 100):
        counts += sum(np.bincount(kinds[batch], minlength=4) for batch in batches)
    assert counts / counts.sum() == pytest.approx(shares, abs=0.01)


def test_categories_are_read_of_items_or_given_by_the_data_set(recipe, split_of, caplog):
    caplog.set_level("INFO")
    split = split_of(recipe)
    assert find_categories(split, block(), LOG).tolist() == ["0", "1", "2", "3"] * 7 + ["0", "1"]
    assert 'the items of dataset.train[0] are read for their "label"' in caplog.text
    with pytest.raises(UserError, match='train0 has no field "lable"') as error:
        find_categories(split, block(category_key="lable"), LOG)
    assert error.value.hint == 'did you mean "label"?'
    assert error.value.where == "training.dataloader.train.batches.category_key"
    given = {
        "categories = ['a', 'b'] * 15": ["a", "b"] * 15,
        "def categories(self): return {'label': range(30)}": [str(n) for n in range(30)],
        "def column(self, name): return (name for _ in range(30))": ["label"] * 30,
        "categories = [' a  b', 'a b', 'a b\\n'] * 10": ["a b"] * 30,
    }
    for number, (text, expected) in enumerate(given.items()):
        header = f"import dataset\nclass Dataset(dataset.Dataset):\n    {text}\n"
        Path(f"sets{number}.py").write_text(header)
        found = find_categories(split_of(recipe, f"sets{number}"), block(), LOG)
        assert found.tolist() == expected
    for number, (value, shown) in enumerate(
        {"' '": "' '", "None": "None", "float('nan')": "float", "[1, 2]": "list"}.items()
    ):
        header = (
            f"import dataset\nclass Dataset(dataset.Dataset):\n    categories = [{value}] * 30\n"
        )
        Path(f"odd{number}.py").write_text(header)
        with pytest.raises(UserError, match=f'"label" is {shown}, and a category') as error:
            find_categories(split_of(recipe, f"odd{number}"), block(), LOG)
        assert error.value.where == "dataset.train[0], item 0"
    changed = split_of(recipe, "sets0")
    changed.sizes = np.array([29])
    with pytest.raises(UserError, match='has 29 items and 30 values of "label"'):
        find_categories(changed, block(), LOG)


def test_a_loader_balances_batches(recipe, split_of, loader_of):
    batches = {"type": "category", "category_key": "label", "batch_size": 8}
    loader = loader_of(split_of(recipe), Clock(1), train={"batches": batches})
    counts = [np.bincount(batch["label"]).tolist() for _, batch in loader]
    assert counts[:3] == [[2, 2, 2, 2]] * 3
    assert sum(counts[3]) == 6
