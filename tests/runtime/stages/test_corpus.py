"""A corpus with names that file systems hardly take, and columns of its own, run as a user does."""

import json

import pytest

from tests.recipes.recipe_runs import run

LONG = "x" * 300
IDS = ["utt2", ".hidden", "..", f"{LONG}b", f"{LONG}a", "ä" * 120, "utt10"]
FILE = "n" * 251 + ".txt"

DATASET = f'''
"""Each item says a number; neither they nor the ids are in order."""
import numpy as np

IDS = {IDS!r}
NUMBERS = [3 * index % 7 for index in range(7)]
FILE = {FILE!r}


class Dataset:
    def __len__(self):
        return len(IDS)

    def __getitem__(self, index):
        speech = np.full(160 * (1 + index % 3), NUMBERS[index], np.float32)
        return {{"utt_id": IDS[index], "speech": speech, "text": "it says a number"}}

    def column(self, name):
        """Give what no sample has."""
        if name == "rank":
            return (np.int64(number) for number in NUMBERS)
        return {{"answer": [f"number {{number}}" for number in NUMBERS], "short": ["one"]}}[name]


class DatasetBuilder:
    def __init__(self, data_dir):
        self.data_dir = data_dir

    def is_source_prepared(self):
        return True

    def prepare_source(self):
        pass

    def is_built(self):
        return (self.data_dir / FILE).exists()

    def build(self):
        (self.data_dir / ".cache").mkdir()
        for name in (".hidden", ".cache/inner", FILE):
            (self.data_dir / name).write_text("12345")
'''
SOURCE = '''
import numpy as np


class Runner:
    def __call__(self, model, speech, speech_lengths):
        return [{"text": f"number {row[0]:.0f}", "vector": row[:1].numpy()} for row in speech]


def aligned(vector, rank):
    """Count the files that hold the number of their item."""
    return float(sum(np.load(path)[0] == int(number) for path, number in zip(vector, rank)))
'''
MANIFEST = """
version: 1
recipe: tiny/asr
system: asr
configs:
  training:
    dataset: {train: [{}], valid: [{}]}
  inference:
    dataset: {test: [{name: test}]}
    model: {_target_: torch.nn.Identity}
    runner: {_target_: src.work.Runner}
    input_key: speech
    device: cpu
    batch_size: 3
    output_artifacts: {vector: {type: npy}}
  metrics:
    metrics:
      - {metric: {_target_: espnet3_runtime.metrics.accuracy.Accuracy},
         inputs: {ref: "dataset:answer", hyp: text}}
      - {name: files, metric: {_target_: src.work.aligned, _partial_: true},
         inputs: {vector: vector, rank: "dataset:rank"}}
stages: [create_dataset, infer, measure]
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """The recipe after all of its stages."""
    place = tmp_path_factory.mktemp("corpus")
    texts = {"dataset/__init__.py": DATASET, "src/__init__.py": "", "src/work.py": SOURCE}
    for name, text in {**texts, "recipe.yaml": MANIFEST}.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=place)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_columns_of_the_data_set_meet_the_outputs_of_their_items(recipe):
    scores = json.loads((recipe / "exp/recipe/measure/metrics.json").read_text())["metrics"]
    assert scores == {
        "accuracy": {"test": {"accuracy": 100.0, "correct": 7, "total": 7}},
        "files": {"test": {"files": 7.0}},
    }


@pytest.mark.parametrize("column", ["short", "nothing"])
def test_a_column_that_does_not_fit_is_none(recipe, column):
    key = f'metrics.metrics[0].inputs.ref="dataset:{column}"'
    done = run("build/run.py", "--stages", "measure", "--set", key, folder=recipe)
    assert done.returncode == 1
    told = f'there is no column of the data set called "{column}" that is text or a number'
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_outputs_are_named_after_ids_of_any_form(recipe):
    results = recipe / "exp/recipe/infer/test"
    lines = [line.split(maxsplit=1) for line in (results / "vector.scp").read_text().splitlines()]
    assert [utt_id for utt_id, _ in lines] == IDS
    names = sorted(path.name for path in (results / "vector").iterdir())
    assert len(names) == len(IDS)
    assert [name for name in names if name.startswith("%2E")] == ["%2E..npy", "%2Ehidden.npy"]
    assert max(len(name.encode()) for name in names) < 255
    assert [(recipe / path).name in names for _, path in lines] == [True] * 7


def plan(recipe):
    """Return what a stage would do, and why."""
    done = run("build/run.py", "--dry_run", folder=recipe)
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()[1:] if line]
    return {name: (state, why.partition(" since ")[0]) for name, state, why in rows}


def test_hidden_files_of_the_data_count_for_nothing_and_long_names_do(recipe):
    summary = json.loads((recipe / "exp/recipe/create_dataset/summary.json").read_text())
    assert (summary["data"]["files"], summary["data"]["bytes"]) == (1, 5)
    (recipe / "data/.hidden").write_text("another one")
    before = plan(recipe)
    assert before["create_dataset"] == before["infer"] == ("skipped", "up to date")
    (recipe / "data" / FILE).write_text("other")
    (recipe / "exp/recipe/infer/test/vector/%2Ehidden.npy").write_bytes(b"")
    planned = plan(recipe)
    assert planned["create_dataset"] == ("runs", "output data_dir was altered")
    assert planned["infer"] == ("runs", "output inference_dir was altered")
