"""Data that are not there and that no stage makes, and data that may come from elsewhere."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = "class Dataset:\n    def __init__(self, data_dir): ...\n\n\nclass DatasetBuilder: ...\n"
TRAIN = "configs:\n  training: {dataset: {train: [{}]}}\nstages: [train]\n"


def is_told(check, text: str, **files: str) -> bool:
    files = {"dataset/__init__.py": DATA, **{f"{key}.yaml": value for key, value in files.items()}}
    return any(code == "R708" for code, _ in check(HEAD + text, files))


def test_data_that_nothing_makes(check):
    assert is_told(check, TRAIN)


@pytest.mark.parametrize(
    "text",
    [
        TRAIN.replace("[train]", "[create_dataset, train]"),
        TRAIN.replace("[train]", "[{name: get, call: src.model.Net, with: {size: 3}}, train]"),
        TRAIN.replace("[{}]", "[{data_src_args: {data_dir: /data}}]"),
        TRAIN.replace("[{}]", "[{data_src: mini/other}]"),
        f"data_dir: src\n{TRAIN}",
        f"data_dir: ${{oc.env:NOT_SET_HERE}}\n{TRAIN}",
    ],
)
def test_data_that_may_be_there(check, text):
    assert not is_told(check, text)


def test_data_that_another_manifest_makes(check):
    assert not is_told(check, TRAIN, recipe_full="stages: [create_dataset, train]")


def test_a_data_set_that_makes_its_own_data(check, tmp_path):
    path = tmp_path / "dataset" / "__init__.py"
    assert is_told(check, TRAIN)
    path.write_text(DATA.replace("data_dir", "split=3"))
    assert not any(code == "R708" for code, _ in check(HEAD + TRAIN))
