"""The stage measure: inputs, names, provenance and what a metric may be."""

import hashlib
import importlib
import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.infer import infer
from espnet3_runtime.stages.measure import measure
from tests.runtime.inference_kit import in_recipe, make_context

WER = {
    "metric": {"_target_": "espnet3_runtime.metrics.wer.WER"},
    "inputs": {"ref": "dataset:text", "hyp": "text"},
}
INFERENCE = {
    "dataset": {
        "test": [
            {"name": "a", "data_src_args": {"size": 6}},
            {"name": "b", "data_src_args": {"size": 3, "prefix": "other"}},
        ]
    },
    "checkpoint": "best.ckpt",
    "runner": {"_target_": "src.decode.Reader"},
    "contract": {
        "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
        "outputs": {"text": {"kind": "text"}},
    },
    "device": "cpu",
}


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """A recipe after infer, with a wrong first word in every utterance that starts with "two"."""
    directory = tmp_path_factory.mktemp("measure") / "recipe"
    with in_recipe(directory):
        torch.save({"scale": torch.ones(1)}, directory / "best.ckpt")
        context = make_context(
            directory,
            "infer",
            configs={"inference": INFERENCE},
            model={"_target_": "src.model.Scale"},
        )
        infer(context)
        for name in ("a", "b"):
            scp = context.directory / name / "text.scp"
            scp.write_text(scp.read_text().replace(" two", " too"))
        yield directory


@pytest.fixture
def recipe(decoded, monkeypatch):
    monkeypatch.chdir(decoded)
    return decoded


def run(recipe, metrics, *, with_inference=True, **config):
    shown = {}
    configs = {"metrics": {"metrics": metrics, **config}}
    if with_inference:
        configs["inference"] = INFERENCE
    context = make_context(
        recipe,
        "measure",
        configs=configs,
        upstream={"infer.inference_dir": recipe / "exp/tiny/infer"},
        upstream_kinds={"infer": "infer"},
        result=shown.__setitem__,
    )
    outputs = measure(context)
    return json.loads(outputs["metrics"].read_text()), context, shown


def test_scores_by_name_and_test_set_with_the_checkpoint(recipe):
    scores, context, shown = run(recipe, [WER])
    # words of a: 0 | 1 2 | 2 3 4 | 3 | 4 0 | 0 1 2; every "two" was made "too"
    assert scores["metrics"]["wer"]["a"]["words"] == 12
    assert scores["metrics"]["wer"]["a"]["wer"] == 25.0
    assert scores["metrics"]["wer"]["b"]["wer"] == pytest.approx(100 * 2 / 6, abs=1e-3)
    sha256 = hashlib.sha256(Path("best.ckpt").read_bytes()).hexdigest()
    assert scores["checkpoint"] == {"path": "best.ckpt", "sha256": sha256}
    assert scores["about"]["wer"]["target"] == "espnet3_runtime.metrics.wer.WER"
    assert scores["about"]["wer"]["headline"] == "wer"
    assert shown == {"wer a": "25.00 %", "wer b": "33.33 %"}
    assert context.progress.done == {"measure": 2}
    alignment = (context.directory / "a/wer/alignment.txt").read_text()
    assert "errors=1 length=2" in alignment
    assert "too" in alignment


def test_the_console_has_a_table(recipe, capsys):
    run(recipe, [WER, {**WER, "name": "strict"}])
    head, _, first, second = capsys.readouterr().err.splitlines()[-4:]
    assert head.split() == ["test", "set", "wer", "strict"]
    assert [first.split(), second.split()] == [
        ["a", "25.00", "%", "25.00", "%"],
        ["b", "33.33", "%", "33.33", "%"],
    ]


def test_two_metrics_of_one_class_do_not_overwrite_each_other(recipe):
    """In ESPnet3 the second would take the place of the first in metrics.json."""
    strict = {**WER, "name": "strict"}
    loose = {
        "name": "loose",
        "metric": {"_target_": "espnet3_runtime.metrics.wer.WER", "normalize": ["upper"]},
        "inputs": {"ref": "text", "hyp": "text"},
    }
    scores, context, _ = run(recipe, [strict, loose])
    assert scores["metrics"]["strict"]["a"]["wer"] == 25.0
    assert scores["metrics"]["loose"]["a"]["wer"] == 0.0
    assert (context.directory / "a/loose/alignment.txt").is_file()


def test_one_name_for_two_metrics(recipe):
    with pytest.raises(UserError, match='two metrics are called "wer"'):
        run(recipe, [WER, WER])


def test_examples_have_audio(recipe):
    _, context, _ = run(recipe, [WER])
    examples = json.loads((context.directory / "a/examples.json").read_text())
    worst = [example for example in examples if example["rank"] == "worst"]
    assert {example["utt_id"] for example in worst} == {"utt1", "utt2", "utt5"}
    assert worst[0]["utt_id"] == "utt1"
    assert worst[0]["errors"] / worst[0]["length"] == 0.5
    assert ["substitute", "two", "too"] in worst[0]["steps"]
    best = [example for example in examples if example["rank"] == "best"]
    assert {example["utt_id"] for example in best} == {"utt0", "utt3", "utt4"}
    wave, rate = soundfile.read(context.directory / "a" / worst[0]["audio"])
    assert (len(wave), rate) == (320, 16000)


def test_the_columns_by_which_a_report_groups(recipe):
    """Those of the samples and those that a data set lists, where items have them in common."""
    infer_dir = recipe / "exp/tiny/infer/a"
    source = infer_dir / "results.jsonl"
    before = source.read_text()
    records = [json.loads(line) for line in before.splitlines()]
    for number, record in enumerate(records):
        record["columns"] |= {"age": number, "odd": bool(number % 2), "own": f"x{number}"}
    source.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    try:
        _, context, _ = run(recipe, [WER])
    finally:
        source.write_text(before)
    found = json.loads((context.directory / "a/columns.json").read_text())
    assert found["utt_ids"] == [f"utt{number}" for number in range(6)]
    assert found["columns"]["age"] == [0, 1, 2, 3, 4, 5]
    assert found["columns"]["odd"] == ["False", "True"] * 3
    assert found["columns"]["seconds"] == [0.01, 0.02, 0.03] * 2
    assert "own" not in found["columns"]


def test_columns_that_a_data_set_lists(recipe, monkeypatch):
    def column(self, name):
        return [f"{name} {index % 2}" for index in range(len(self))]

    monkeypatch.setattr(importlib.import_module("dataset").Dataset, "column", column, raising=False)
    monkeypatch.setattr(sys.modules["dataset"].Dataset, "columns", ("street",), raising=False)
    _, context, _ = run(recipe, [WER])
    found = json.loads((context.directory / "a/columns.json").read_text())
    assert found["columns"]["street"] == ["street 0", "street 1"] * 3


def test_without_an_inference_config_there_is_no_audio_but_a_score(recipe):
    scores, context, _ = run(recipe, [WER], with_inference=False)
    assert scores["metrics"]["wer"]["a"]["wer"] == 25.0
    examples = json.loads((context.directory / "a/examples.json").read_text())
    assert {example["audio"] for example in examples} == {None}
    unwritten = {**WER, "inputs": {"ref": "dataset:txt", "hyp": "text"}}
    with pytest.raises(UserError, match='no column of the data set called "txt"'):
        run(recipe, [unwritten], with_inference=False)


def test_some_of_the_test_sets(recipe):
    scores, _, _ = run(recipe, [WER], dataset={"test": [{"name": "b"}]})
    assert list(scores["metrics"]["wer"]) == ["b"]
    with pytest.raises(UserError, match='no results for the test set "bb"') as caught:
        run(recipe, [WER], dataset={"test": [{"name": "bb"}]})
    assert "choose from: a, b" in str(caught.value) or 'did you mean "b"' in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "message", "hint"),
    [
        ({"ref": "dataset:text", "hyp": "txt"}, 'no output of infer called "txt"', '"text"?'),
        ({"ref": "dataset:txt", "hyp": "text"}, 'no column of the data set called "txt"', '"text"'),
        ({"ref": "dataset:text", "hypo": "text"}, 'inputs of "wer" do not fit', '"hyp"?'),
        ({"ref": "dataset:text"}, "missing a required argument: 'hyp'", "it takes ref, hyp"),
    ],
)
def test_inputs_that_do_not_exist(recipe, inputs, message, hint):
    with pytest.raises(UserError) as caught:
        run(recipe, [{**WER, "inputs": inputs}])
    assert message in str(caught.value)
    assert hint in str(caught.value)
    assert "metrics.metrics[0].inputs" in str(caught.value)


@contextmanager
def altered(path, change):
    """Change the lines of a file while the block runs."""
    text = path.read_text()
    path.write_text("".join(change(text.splitlines(keepends=True))))
    try:
        yield
    finally:
        path.write_text(text)


@pytest.mark.parametrize("file", ["text.scp", "dataset/text.scp"])
@pytest.mark.parametrize("change", [reversed, lambda lines: [*lines[3:], *lines[:3]]])
def test_texts_are_paired_by_id_whatever_their_order(recipe, file, change):
    expected, context, _ = run(recipe, [WER])
    examples = json.loads((context.directory / "a/examples.json").read_text())
    with altered(recipe / "exp/tiny/infer/a" / file, change):
        found, _, _ = run(recipe, [WER])
    assert found == expected
    again = json.loads((context.directory / "a/examples.json").read_text())
    assert by_id(again) == by_id(examples)


def test_the_worst_example_has_the_highest_rate_and_not_the_most_errors(recipe):
    def change(lines):  # one of one, and two of three
        return [*lines[:2], "utt2 two x x\n", "utt3 x\n", *lines[4:]]

    with altered(recipe / "exp/tiny/infer/a/text.scp", change):
        _, context, _ = run(recipe, [WER])
    examples = json.loads((context.directory / "a/examples.json").read_text())
    assert [(one["utt_id"], one["errors"]) for one in examples[:2]] == [("utt3", 1), ("utt2", 2)]


def by_id(examples):
    return sorted(json.dumps({**one, "audio": None}, sort_keys=True) for one in examples)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("text.scp", lambda lines: lines[:3] + lines[4:], '1 are only in "ref": utt3'),
        ("dataset/text.scp", lambda lines: lines[:3] + lines[4:], '1 are only in "hyp": utt3'),
        ("text.scp", lambda lines: [*lines, "utt9 nine\n"], '1 are only in "hyp": utt9'),
        (
            "text.scp",
            lambda lines: ["utt9 nine\n", *lines[1:]],
            '1 are only in "ref": utt0; 1 are only in "hyp": utt9',
        ),
    ],
)
def test_utterances_of_one_side_only(recipe, file, change, message):
    expected = f'"ref" and "hyp" in the test set "a" differ; {message}'
    folder = recipe / "exp/tiny/infer/a"
    wanted = pytest.raises(UserError, match=re.escape(expected) + "\n")
    with altered(folder / file, change), wanted:
        run(recipe, [WER])


OWN = """
from pathlib import Path

class Longest:
    unit = "letters"

    def __call__(self, hyp, utt_ids, directory: Path):
        best = max(range(len(hyp)), key=lambda i: len(hyp[i]))
        (directory / "longest.txt").write_text(utt_ids[best])
        return {"longest": len(hyp[best]), "count": len(hyp)}

def plain(text):
    return float(len(text))

def broken(text):
    return text[10_000]

def wrong(text):
    return {"a": "b"}

def infinite(text):
    return float("nan")
"""


def own(recipe, name, inputs, *, partial=True):
    (recipe / "src/own.py").write_text(OWN)
    node = {"_target_": f"src.own.{name}"} | ({"_partial_": True} if partial else {})
    return run(recipe, [{"name": name.lower(), "metric": node, "inputs": inputs}])


def test_metrics_of_the_recipe(recipe):
    scores, context, shown = own(recipe, "Longest", {"hyp": "text"}, partial=False)
    assert scores["metrics"]["longest"]["a"]["count"] == 6
    assert shown["longest a"] == "14 letters"
    assert (context.directory / "a/longest/longest.txt").read_text() == "utt2"
    scores, _, _ = own(recipe, "plain", {"text": "dataset:speaker"})
    assert scores["metrics"]["plain"]["b"] == {"plain": 3.0}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", 'the metric "broken" failed: IndexError'),
        ("wrong", '"a" of the metric "wrong" is str, not a number'),
        ("infinite", '"infinite" of the metric "infinite" is nan'),
    ],
)
def test_metrics_that_fail(recipe, name, message):
    with pytest.raises(UserError) as caught:
        own(recipe, name, {"text": "text"})
    assert message in str(caught.value)


def test_a_metric_without_a_signature_is_called_as_it_is(recipe):
    node = {"_target_": "builtins.dict", "_partial_": True}
    with pytest.raises(UserError, match="\"text\" has 'zero', and no number"):
        run(recipe, [{"metric": node, "inputs": {"text": "text"}}])


def test_a_column_of_arrays_becomes_files(recipe):
    (recipe / "src/files.py").write_text(
        "import soundfile\n"
        "def seconds(wave):\n"
        "    return sum(soundfile.info(path).duration for path in wave)\n"
    )
    node = {"_target_": "src.files.seconds", "_partial_": True}
    scores, context, _ = run(
        recipe,
        [{"name": "seconds", "metric": node, "inputs": {"wave": "dataset:speech"}}],
        dataset_artifacts={"speech": {"type": "wav", "sample_rate": 16000}},
    )
    assert scores["metrics"]["seconds"]["a"]["seconds"] == pytest.approx(12 * 160 / 16000)
    assert (context.directory / "a/dataset/speech/utt0.wav").is_file()


def test_measure_without_infer(recipe):
    context = make_context(recipe, "measure", configs={"metrics": {"metrics": [WER]}})
    with pytest.raises(UserError, match="there are no results to score"):
        measure(context)


def test_measure_needs_no_torch(recipe):
    import subprocess
    import sys

    code = "import sys, espnet3_runtime.stages.measure as m; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
