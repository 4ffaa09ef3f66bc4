"""Two runs side by side by what metrics say of single items, where none aligned."""

import json
from pathlib import Path

import pytest

from espnet3_runtime.compare.find_experiments import NamedExperiment
from espnet3_runtime.compare.read_runs import read_runs
from espnet3_runtime.compare.side_by_side import compare_pair
from espnet3_runtime.compare.utterances import (
    ERRORS,
    Utterance,
    UtteranceFile,
    compare_utterances,
)
from espnet3_runtime.metrics.accuracy import Accuracy
from espnet3_runtime.metrics.item_scores import ITEM_SCORES, ItemScores
from tests.recipes.recipe_runs import run
from tests.runtime.browser import CHROMIUM, Browser
from tests.runtime.compare.test_compare import same_as_golden
from tests.runtime.compare_kit import write_scores, write_training

MANIFEST = """\
version: 1
recipe: mini/clock
exp_tag: TAG
system: base
configs:
  inference:
    dataset: {test: [{name: dev}]}
    model: {_target_: src.clock.Clock, late: LATE}
    input_key: hour
    contract:
      inputs: {hour: {kind: number}}
      outputs: {told: {kind: text}}
  metrics:
    metrics:
      - name: letters
        metric: {_target_: src.clock.letters, _partial_: true}
        inputs: {told: told}
      - {name: off, metric: {_target_: src.clock.Off}, inputs: {ref: "dataset:text", hyp: told}}
stages: [infer, measure]
"""
DATASET = '''
"""Four hours."""


class Dataset:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"utt_id": f"utt{index}", "hour": index, "text": f"it is {index} <b>"}
'''
CLOCK = '''
"""A clock that is late, and how late it is."""


class Clock:
    def __init__(self, late):
        self.late = late

    def __call__(self, hour):
        return {"told": f"it is {hour - self.late[hour]} <b>"}


def letters(told):
    """Count letters, of which neither more nor fewer are better."""
    return [len(one) for one in told]


class Off:
    """How late the clock is."""

    unit = "h"
    higher_is_better = False

    def __call__(self, ref, hyp):
        return [int(a.split()[2]) - int(b.split()[2]) for a, b in zip(ref, hyp, strict=True)]
'''


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """A recipe after two experiments."""
    folder = tmp_path_factory.mktemp("clock")
    texts = {"dataset/__init__.py": DATASET, "src/__init__.py": "", "src/clock.py": CLOCK}
    for tag, late in (("old", "[0, 1, 2, 3]"), ("new", "[0, 1, 0, 4]")):
        texts["recipe.yaml"] = MANIFEST.replace("TAG", tag).replace("LATE", late)
        for name, text in texts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        for command in (("-m", "espnet3_compiler", "recipe.yaml"), ("build/run.py",)):
            done = run(*command, folder=folder)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


def compare(recipe: Path, *arguments: str) -> str:
    done = run("-m", "espnet3_runtime.compare", *arguments, folder=recipe)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_by_the_metric_of_a_user(recipe):
    two = ("exp/old", "exp/new", "--no_page")
    _, _, text = compare(recipe, *two).partition("\n\nscore ")
    same_as_golden("items.txt", f"score {text}")
    found = json.loads(compare(recipe, *two, "--format", "json"))["pair"]["utterances"]
    assert found["dev"][0] == {
        "utt_id": "utt2",
        "reference": "it is 2 <b>",
        "metric": "off",
        "score": "off",
        "unit": "h",
        "higher_is_better": False,
        "values": [2.0, 0.0],
        "hypotheses": ["it is 0 <b>", "it is 2 <b>"],
    }


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_in_a_browser(recipe, tmp_path):
    page = tmp_path / "index.html"
    compare(recipe, "exp", "--output", str(page))
    with Browser(tmp_path / "profile") as browser:
        browser.open(page.as_uri())
        browser.wait("document.readyState === 'complete' && !!document.querySelector('#sides')")
        for name, tag in (("first", "old"), ("second", "new")):
            browser.evaluate(
                f"[...document.querySelectorAll('input[name={name}]')]"
                f".find((one) => one.ariaLabel.endsWith(' is {tag}/measure')).click()"
            )
        shown = "[...document.querySelectorAll('#sides > h3, #sides h3, #sides dl')]"
        found = browser.evaluate(
            f"{shown}.map((one) => one.innerText.replace(/\\s+/g, ' ').trim())"
        )
        assert found[-6:] == [
            "1 utterances of dev got better in B",
            *("utt2 off 2 → 0 h", "ref it is 2 <b> A it is 0 <b> B it is 2 <b>"),
            "1 utterances of dev got worse in B",
            *("utt3 off 3 → 4 h", "ref it is 3 <b> A it is 0 <b> B it is -1 <b>"),
        ]
        marked = "[...document.querySelectorAll('#pair ins')].map((one) => one.textContent).join()"
        assert browser.evaluate(marked) == "0,0,-1"


def written(folder: Path, metric: str, values: list, higher: bool | None = True, **texts) -> Path:
    """Write ``item_scores.json`` as ``measure`` does."""
    scores = ItemScores(list("abcd")[: len(values)], unit="dB", texts=texts)
    scores.add("letters", [1] * len(values))
    scores.add("snr", values, higher_is_better=higher)
    scores.write(folder / metric)
    return folder / metric / ITEM_SCORES


def changes(*files: Path):
    found = compare_utterances(*((UtteranceFile(file),) for file in files))
    return found and tuple([one.utt_id for one in side] for side in (found.better, found.worse))


def test_the_score_whose_direction_is_known(tmp_path):
    first = written(tmp_path / "1", "own", [1, 5, 3, 0.1 + 0.2])
    second = written(tmp_path / "2", "own", [2.5, 1, None, 0.3])
    assert changes(first, second) == (["a"], ["b"])
    lower = [written(tmp_path / str(n), "own", [n], higher=False) for n in (3, 4)]
    assert changes(*lower) == ([], ["a"])
    for metric, higher in (("other", True), ("own", None)):
        assert changes(first, written(tmp_path / "5", metric, [2], higher)) is None
    odd = (
        '{"utt_ids": ["a", "b", "c"], "texts": {"ref": [1, null]},'
        ' "scores": [{"name": "snr", "values": [9, true, 9], "higher_is_better": true}]}'
    )
    unusable = ("{", "[]", '{"utt_ids": ["a"], "texts": {}, "scores": []}')
    for number, text in enumerate((odd, *unusable)):
        other = written(tmp_path / f"odd{number}", "own", [2])
        other.write_text(text)
        assert changes(first, other) == ((["a"], []) if text == odd else None)


def test_labels_and_guesses_where_there_is_no_alignment(tmp_path):
    """The accuracy comes first in the metrics, and still an alignment is what is shown."""
    runs = []
    for tag, guesses in (("a", ["cat", "dog"]), ("b", ["dog", "dog"])):
        exp = tmp_path / "exp" / tag
        write_scores(exp, "measure", write_training(exp, "train", {}), {"u3": "sex"})
        scores = ItemScores(["u1", "u2"], higher_is_better=True, unit="%")
        Accuracy()(["dog", "dog"], guesses, item_scores=scores)
        scores.write(exp / "measure/test/accuracy")
        report = json.loads((exp / "measure/metrics.json").read_text())
        for part in ("metrics", "about"):
            report[part] = {"accuracy": report[part]["wer"], **report[part]}
        (exp / "measure/metrics.json").write_text(json.dumps(report))
        runs += read_runs(NamedExperiment(exp))[0]
    assert compare_pair(*runs)["utterances"] == {"test": []}
    assert compare_utterances(*(run.utterances["test"] for run in runs)).score == ERRORS
    accuracies = [run.utterances["test"][1:] for run in runs]
    (one,) = compare_utterances(*accuracies).better
    assert (one.first, one.second) == (Utterance(0, "dog", "cat"), Utterance(100, "dog", "dog"))
