"""What metrics say of single items: which values they give, and what comes of odd ones."""

import json
import logging
import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.errors import UserError
from espnet3_runtime.metrics.accuracy import Accuracy
from espnet3_runtime.metrics.bleu import BLEU
from espnet3_runtime.metrics.eer import EER
from espnet3_runtime.metrics.inputs import columns as test_columns
from espnet3_runtime.metrics.item_scores import ITEM_SCORES, ItemScores
from espnet3_runtime.metrics.items.examples import write_examples
from espnet3_runtime.metrics.score import Metric, score_test_set
from espnet3_runtime.report.artifact_schemas import matches_schema
from espnet3_runtime.report.item_tables import item_table

IDS = ["a", "b", "c"]


def scored(folder, function, **columns):
    """Return the numbers of a metric, and what it wrote of the items."""
    metric = Metric("own", "src.own", {}, function, "metrics[0]")
    numbers = score_test_set(metric, IDS, columns, folder / "own", texts=columns)
    file = folder / "own" / ITEM_SCORES
    return numbers, json.loads(file.read_text()) if file.is_file() else None


@pytest.mark.parametrize(
    "values",
    [
        *([1, 2, 6], (1, 2, 6), np.array([1, 2, 6.0]), torch.tensor([1, 2, 6])),
        [1, np.float32(2), torch.tensor(6)],
    ],
)
def test_the_mean_of_a_list_is_the_number(tmp_path, values):
    for result in (values, {"own": values}):
        numbers, items = scored(tmp_path / str(type(result)), lambda ref, r=result: r, ref=IDS)
        assert numbers == {"own": 3}
        assert items["scores"][0]["values"] == [1, 2, 6]
        assert items["texts"] == {"ref": IDS}
        assert matches_schema(items, "item_scores")


def test_items_without_a_value(tmp_path):
    numbers, items = scored(tmp_path, lambda ref: {"x": [None, math.nan, 4], "y": 1}, ref=IDS)
    assert numbers == {"x": 4, "y": 1}
    assert items["scores"][0]["values"] == [None, None, 4]
    assert (tmp_path / "own/values.scp").read_text() == "c 4\n"
    assert scored(tmp_path / "n", lambda ref: 1.5, ref=IDS) == ({"own": 1.5}, None)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1, 2], '"own" has 2 values for 3 items'),
        ({"x": []}, '"x" has 0 values for 3 items'),
        (["1", "2", "3"], "\"own\" has '1', and no number"),
        ([{}, {}, {}], '"own" has {}, and no number'),
        ([None] * 3, '"own" of the metric "own" is nan'),
    ],
)
def test_lists_that_are_no_scores(tmp_path, result, message):
    with pytest.raises(UserError) as caught:
        scored(tmp_path, lambda ref: result, ref=IDS)
    assert message in str(caught.value)


def test_what_a_metric_adds_and_shows(tmp_path):
    class Own:
        unit, higher_is_better = "s", False

        def __call__(self, ref, item_scores):
            item_scores.add("late", [1, 2, 3])
            item_scores.add("good", [1, 0, 1], higher_is_better=True, unit="%")
            item_scores.show(ref=["A", "B", "C"], more=range(3))
            with pytest.raises(ValueError, match='"more" has 1 values for 3 items'):
                item_scores.show(more=["x"])
            return 7

    numbers, items = scored(tmp_path, Own(), ref=IDS)
    assert numbers == {"own": 7}
    assert [(one["higher_is_better"], one["unit"]) for one in items["scores"]] == [
        *((False, "s"), (True, "%")),
    ]
    assert items["texts"] == {"ref": ["A", "B", "C"], "more": ["0", "1", "2"]}


def test_texts_that_are_right_count_as_the_same():
    items = ItemScores(IDS)
    Accuracy(["lower"])(["A", "2", "x"], ["a", "2.0", "y"], item_scores=items)
    assert items.scores[0].values == [100, 100, 0]
    assert items.texts == {"ref": ["a", "2", "x"], "hyp": ["a", "2", "y"]}


def test_trials_on_the_wrong_side_of_the_threshold():
    items = ItemScores(list("abcd"), higher_is_better=False, unit="%")
    numbers = EER()(["1", "1", "0", "0"], ["0.9", "0.3", "0.4", "0.1"], item_scores=items)
    (score,) = items.scores
    assert (score.name, score.unit, score.higher_is_better) == ("wrong_by", "", False)
    threshold = numbers["threshold"]
    expected = [threshold - 0.9, threshold - 0.3, 0.4 - threshold, 0.1 - threshold]
    assert score.values == pytest.approx(expected)


@pytest.mark.skipif(find_spec("sacrebleu") is None, reason="sacrebleu is not installed")
def test_bleu_of_sentences():
    items = ItemScores(IDS)
    BLEU()(["a b c d", "a b", "x y z w"], ["a b c d", "a b", "a b c d"], item_scores=items)
    assert items.scores[0].values == pytest.approx([100, 100, 0], abs=1e-6)


SCORED = {
    "utt_ids": [*IDS, "d"],
    "scores": [{"name": "x", "values": [2, None, 1, 2], "higher_is_better": True, "unit": "dB"}],
    "texts": {"ref": ["one", "two", "three", "four"]},
}


def test_the_worst_come_first_in_a_table():
    table = item_table(SCORED, {"utt_ids": ["b", "c"], "columns": {"age": [3, 4]}})
    assert table["ids"] == ["c", "a", "d", "b"]
    assert table["scores"] == [
        {"name": "x", "numbers": [1, 2, 2, None], "higher": True, "unit": "dB"}
    ]
    assert table["texts"] == [{"name": "ref", "values": ["three", "one", "four", "two"]}]
    assert table["columns"] == [{"name": "age", "numbers": [4, None, None, 3]}]
    assert table["pair"] is None
    few = item_table(SCORED, {}, most=1)
    assert (few["ids"], few["texts"][0]["values"]) == (["c"], ["three"])
    assert len(few["scores"][0]["numbers"]) == 4


@pytest.mark.parametrize(("higher", "ids"), [(False, "adcb"), (None, "abcd")])
def test_the_order_follows_what_is_better(higher, ids):
    score = {"name": "x", "values": [2, None, 1, 2], "higher_is_better": higher}
    assert item_table({**SCORED, "scores": [score]}, {})["ids"] == list(ids)


def test_a_table_of_values_that_do_not_fit():
    scores = [{"name": "x", "values": ["?", 1e999, 3]}, {"name": "y", "values": [True] * 9}]
    columns = {"utt_ids": list("ab"), "columns": {}, "texts": {"said": ["one", None]}}
    table = item_table({"utt_ids": list("abcd"), "scores": scores, "texts": {}}, columns)
    assert [one["numbers"] for one in table["scores"]] == [[None, None, 3, None], [None] * 4]
    assert table["texts"] == [{"name": "said", "values": ["one", "", "", ""]}]


@pytest.mark.parametrize(
    ("higher", "worst", "best"), [(True, "000", "079"), (False, "079", "000"), (None, "000", "079")]
)
def test_examples_by_score(tmp_path, higher, worst, best):
    ids = [f"{number:03}" for number in range(80)]
    items = ItemScores(ids, higher_is_better=higher)
    items.add("x", range(80))
    items.write(tmp_path / "own")
    (tmp_path / "results.jsonl").write_text("".join(f'{{"utt_id": "{one}"}}\n' for one in ids))
    places = DatasetDirectories(tmp_path, tmp_path)
    results = test_columns.TestResults("t", tmp_path, tmp_path, None, {}, places, {})
    for recordings, count in ((0, 60), (3, 20)):
        paths = {str(number): {} for number in range(recordings)}
        write_examples(results, ["none", "own"], None, paths, logging.getLogger())
        found = json.loads((tmp_path / "examples.json").read_text())
        assert [one["rank"] for one in found] == ["worst"] * count + ["best"] * 6
        assert (found[0]["utt_id"], found[count]["utt_id"]) == (worst, best)
        assert (found[0]["metric"], found[0]["score"]) == ("own", float(worst))
