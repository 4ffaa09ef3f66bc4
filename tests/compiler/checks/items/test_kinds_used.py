"""Texts, numbers and arrays where models, runners, contracts and metrics want another kind."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

DATA = """
import csv
import numpy as np

class Dataset:
    def __init__(self, split, more=False):
        self.more = more
        self.rows = list(csv.DictReader(open(split)))
    def __len__(self): return len(self.rows)
    def __getitem__(self, index):
        row = self.rows[index]
        more = {"more": np.zeros(3)} if self.more else {}
        return {"utt_id": row["utt_id"], "speech": np.zeros(9), "text": row["text"], **more}
"""
MODEL = """
import torch
class Net(torch.nn.Module):
    def __init__(self, size, stats=None):
        super().__init__()
    def forward(self, ARGUMENTS):
        return torch.zeros(1)
"""
TRAIN = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: t}}]
      valid: [{data_src_args: {split: v}}]
stages: [train]
"""
PREPARED = """
class Prepare:
    def __call__(self, sample): return {**sample, "text": [len(sample["text"])]}
"""


@pytest.mark.parametrize(
    ("arguments", "old", "new", "places"),
    [
        ("speech, **_", "", "", []),
        ("speech, speech_lengths", "", "", []),
        ("speech, text, **_", "", "", ['row["text"]']),
        ("speech, text_lengths, **_", "", "", ['row["text"]']),
        ("speech, text=None, **_", "", "", []),
        ("text, **_", "dataset:", "dataset:\n      preprocessor: {_target_: src.p.Prepare}", []),
        ("speech, speech_lengths=None", "split: v", "split: v, more: true", ["data_src_args"]),
        ("speech, **_", "split: v", "split: v, more: true", []),
        ("speech, more, **_", "split: t", "split: t, more: true", []),
        ("speech", "split: v", "split: v, more: '${x}'", []),
        ("speech=None, **batch", "split: v", "split: v, more: true", []),
    ],
)
def test_what_forward_is_called_with(check, arguments, old, new, places):
    text = HEAD + TRAIN.replace(old, new, 1) if old else HEAD + TRAIN
    files = {
        "dataset/__init__.py": DATA,
        "src/model.py": MODEL.replace("ARGUMENTS", arguments),
        "src/p.py": PREPARED,
    }
    assert [place for code, place in check(text, files) if code == "R431"] == places


INFER = """\
configs:
  training: {dataset: {train: [{data_src_args: {split: t}}]}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src_args: {split: d}}]}
    runner: {_target_: src.decode.Decode}
    input_key: speech
    output_keys: [word]
    contract: {inputs: {}, outputs: {word: {kind: text}}}
  metrics: {metrics: [{name: own, metric: {_target_: src.own.Own}, inputs: {hyp: word}}]}
stages: [train, infer, measure]
"""
DECODE = """
class Decode:
    def __call__(self, model, speech, **_):
        best = model(speech).argmax(-1)
        BODY
"""
APPENDED = """given = []
        for one in best.tolist():
            given.append({"word": one})
        return given"""
TWICE = """if best is None:
            return [{"word": ""}]
        return [{"word": one} for one in best.tolist()]"""
OWN = """
class Own:
    def __call__(self, hyp):
        BODY
"""


def findings(check, text=INFER, result='[{"word": "a"}]', score="1.0"):
    files = {
        "dataset/__init__.py": DATA,
        "src/model.py": MODEL.replace("ARGUMENTS", "speech, **_"),
        "src/decode.py": DECODE.replace(
            "BODY", result if "return" in result else f"return {result}"
        ),
        "src/own.py": OWN.replace("BODY", score if "return" in score else f"return {score}"),
    }
    return check(HEAD + text, files)


@pytest.mark.parametrize(
    ("result", "kind", "found"),
    [
        ('[{"word": one} for one in best.tolist()]', "text", ["one"]),
        ('[{"word": int(one)} for one in best]', "text", ["int(one)"]),
        ('[{"word": one} for one in best.tolist()]', "number", []),
        ('[{"word": str(one)} for one in best.tolist()]', "text", []),
        ('[{"word": "abc"[one]} for one in best.tolist()]', "text", []),
        ('[{"word": self.words[one]} for one in best.tolist()]', "text", []),
        ('[{"word": f"{one}"} for one in best.tolist()]', "number", ['f"{one}"']),
        ('[{"word": one} for one in model(best).tolist()]', "text", []),
        (APPENDED, "text", ["one"]),
        (TWICE, "text", []),
    ],
)
def test_what_a_runner_gives(check, result, kind, found):
    text = INFER.replace("kind: text", f"kind: {kind}")
    assert findings(check, text, result) == [("R428", place) for place in found]


@pytest.mark.parametrize(
    ("score", "found"),
    [
        ('{"a": f"{len(hyp)} %"}', ['f"{len(hyp)} %"']),
        ('{"a": "%.1f" % len(hyp)}', ['"%.1f" % len(hyp)']),
        ('{"a": "{:.1f}".format(len(hyp))}', ['"{:.1f}".format(len(hyp))']),
        ("str(len(hyp))", ["str(len(hyp))"]),
        ('found = {"a": 1.0}\n        found["b"] = str(2)\n        return found', ["str(2)"]),
        ('{"a": 100 * len(hyp), "b": round(1.2, 1)}', []),
        ('{"a": [len(one) for one in hyp]}', []),
        ('found = {"a": str(2)}\n        found["a"] = 2\n        return found', []),
        ("make(hyp)", []),
    ],
)
def test_what_a_metric_gives(check, score, found):
    assert findings(check, score=score) == [("R428", place) for place in found]


SYMBOLS = "preprocessor: {_target_: espnet3_runtime.data.preprocess.TextToSymbols, token_list: a"


@pytest.mark.parametrize(
    ("key", "preprocessor", "found"),
    [
        ("text", "", ["text"]),
        ("speech", "", []),
        ("text", f"{SYMBOLS}, field: text}}", []),
        ("phones", f"{SYMBOLS}, field: text, to: phones}}", []),
        ("text", "preprocessor: {_target_: src.p.Prepare}", []),
    ],
)
def test_texts_that_a_model_is_called_with(check, key, preprocessor, found):
    dataset = "    dataset: {test: [{name: dev, data_src_args: {split: d}}]"
    text = INFER.replace(dataset, f"{dataset}, {preprocessor}").replace(": speech", f": {key}")
    files = {"src/p.py": PREPARED}
    check(HEAD + text, files)  # which writes the module
    told = [one for one in findings(check, text) if one[0] == "R422"]
    assert told == [("R422", place) for place in found]


STATS = TRAIN.replace("training:", "training:\n    collect_stats: {features: {_target_: src.f.F}}")
STATS = STATS.replace("[train]", "[collect_stats, train]")
FEATURES = """
import torch
class F(torch.nn.Module):
    def forward(self, speech, speech_lengths): return speech, speech_lengths
"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('np.load(stats)["sums"]', ['"sums"']),
        ('np.load(str(stats))["sum"]', []),
        ('read(stats)["sums"]', []),
        ('read(path=stats, key="x")', ['"total"']),
        ('np.load(other)["sums"]', []),
        ("self.read(stats)", ['"mean"']),
    ],
)
def test_arrays_of_statistics(check, body, found):
    model = f"""
import numpy as np
import torch
def read(path, key="sum"):
    with np.load(path) as file:
        return file["total"] if key else file["count"]
class Net(torch.nn.Module):
    def __init__(self, size, stats, other="a"):
        super().__init__()
        self.scale = {body}
    def read(self, path):
        file = np.load(path)
        return file["mean"]
    def forward(self, speech, **_):
        return torch.zeros(1)
"""
    if found != ['"total"']:
        model = model.replace('"total"', '"sum"')
    text = HEAD.replace("size: 8", 'size: 8, stats: "${stages.collect_stats.feats_stats}"') + STATS
    files = {"dataset/__init__.py": DATA, "src/model.py": model, "src/f.py": FEATURES}
    assert [place for code, place in check(text, files) if code == "R422"] == found


def test_a_forward_that_reads_some_of_all_fields(check):
    model = MODEL.replace("ARGUMENTS", "**batch").replace("torch.zeros(1)", "batch['speech'].sum()")
    text = HEAD + TRAIN.replace("split: t", "split: t, more: true")
    assert check(text, {"dataset/__init__.py": DATA, "src/model.py": model}) == []
