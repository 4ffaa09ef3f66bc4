"""The stage prepare_labels: the list of labels, and labels that are one or none."""

import json
from itertools import count
from pathlib import Path

import pytest

from espnet3_runtime.data.preprocess import LabelToIndex
from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.prepare_labels import prepare_labels
from tests.runtime.training_kit import recipe_in, stage_context

NUMBERS = count()


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


def run(recipe, values, **labels):
    column = f"    def column(self, name): return {values!r}\n"
    code = f"import dataset\nclass Dataset(dataset.Dataset):\n{column}"
    name = f"labelled{next(NUMBERS)}"  # modules stay imported
    Path(f"{name}.py").write_text(code)
    entry = {"data_src": name, "data_src_args": {"size": len(values)}}
    training = {"labels": labels, "dataset": {"train": [entry]}}
    return prepare_labels(stage_context(recipe, "prepare_labels", training))


def test_blanks_do_not_make_another_label(recipe):
    made = run(recipe, ["no", " yes", "yes\n", "not  sure"])
    assert made["labels"].read_text() == "no\nnot sure\nyes\n"
    assert json.loads(made["counts"].read_text()) == {"no": 1, "not sure": 1, "yes": 2}
    made = run(recipe, ["no", "not sure"], names=["not  sure ", "no"])
    assert made["labels"].read_text() == "not sure\nno\n"
    assert LabelToIndex(made["labels"])({"label": " not sure"}) == {"label": 0}


@pytest.mark.parametrize(
    ("values", "labels", "message", "key"),
    [
        (["a", "b"], {"names": ["a", "b", "a"]}, '"a" is there twice', "names"),
        (
            ["a", "b"],
            {"names": ["a b", "a  b"]},
            "'a b' and 'a  b' differ in blanks only, and so are one label",
            "names",
        ),
        (["a", "b"], {"names": ["a", " "]}, "' ' is no label: it is blank", "names"),
        (["a", "", " "], {}, "2 of 3 items have an empty label", "field"),
        (["a", "c"], {"names": ["a", "b"]}, 'names does not list: "c" \\(1\\)', "names"),
        (["a", "b", "b"], {"least": 2}, 'occur less than 2 times: "a" \\(1\\)', "least"),
    ],
)
def test_labels_that_are_one_or_none_are_told(recipe, values, labels, message, key):
    with pytest.raises(UserError, match=message) as error:
        run(recipe, values, **labels)
    assert error.value.where == f"training.labels.{key}"
