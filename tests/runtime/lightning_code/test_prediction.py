"""A ``LightningModule`` without a runner: infer, measure and a bundle call its ``predict_step``."""

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import soundfile
import torch

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.infer import infer
from espnet3_runtime.stages.measure import measure
from tests.runtime.bundle_kit import pack, speech
from tests.runtime.inference_kit import in_recipe, make_context

CODE = '''
"""Reads words from audio, as ``src.decode.Reader`` does, in a step of Lightning's."""
import lightning.pytorch as pl
import torch
from src.words import WORDS


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.layer = None

    def configure_model(self):
        if self.layer is None:
            self.layer = torch.nn.Identity()

    def predict_step(self, batch, batch_idx):
        rows = self.layer(batch["speech"]) * self.scale
        found = [self.read(row[:n]) for row, n in zip(rows, batch["speech_lengths"].tolist())]
        return {"text": found, "batch": torch.full((len(found),), batch_idx)}

    def read(self, row):
        return " ".join(WORDS[i] for i in (row[::160] * 10).round().int().tolist())


class Rows(Net):
    def predict_step(self, batch):
        return [{"text": text} for text in super().predict_step(batch, 0)["text"]]


class Bare(Net):
    def predict_step(self, batch):
        return super().predict_step(batch, 0)["text"]


class Short(Net):
    def predict_step(self, batch):
        return {"text": super().predict_step(batch, 0)["text"], "more": [1, 2]}


class Scalar(Net):
    def predict_step(self, batch):
        return {"text": batch["speech"].mean()}
'''
INFERENCE = {
    "dataset": {"test": [{"name": "a", "data_src_args": {"size": 5}}]},
    "checkpoint": "best.ckpt",
    "input_key": "speech",
    "output_keys": ["text"],
    "contract": {
        "inputs": {"speech": {"kind": "audio", "sample_rate": 16000}},
        "outputs": {"text": {"kind": "text"}},
    },
    "device": "cpu",
    "batch_size": 2,
}
WER = {
    "metric": {"_target_": "espnet3_runtime.metrics.wer.WER"},
    "inputs": {"ref": "dataset:text", "hyp": "text"},
}


@pytest.fixture
def recipe(tmp_path):
    with in_recipe(tmp_path / "recipe") as directory:
        (directory / "src" / "own.py").write_text(CODE)
        torch.save({"state_dict": {"scale": torch.ones(1)}}, "best.ckpt")
        yield directory


def predict(recipe, kind="Net", **changes):
    model = {"_target_": f"src.own.{kind}"}
    configs = {"inference": {**INFERENCE, **changes}}
    outputs = infer(make_context(recipe, "infer", configs=configs, model=model))
    return {
        path.stem: [line.split(maxsplit=1)[1] for line in path.read_text().splitlines()]
        for path in (outputs["inference_dir"] / "a").glob("*.scp")
    }


def test_predictions_are_written_and_measured(recipe):
    outputs = {"text": {"kind": "text"}, "batch": {"kind": "number"}}
    contract = {**INFERENCE["contract"], "outputs": outputs}
    found = predict(recipe, output_keys=["text", "batch"], contract=contract)
    assert found["text"] == ["zero", "one two", "two three four", "three", "four zero"]
    assert sorted(found["batch"]) == ["0", "0", "1", "1", "2"]  # read by length
    metrics = {"metrics": {"metrics": [WER]}, "inference": INFERENCE}
    folder = recipe / "exp/tiny/infer"
    upstream = {"upstream": {"infer.inference_dir": folder}, "upstream_kinds": {"infer": "infer"}}
    outputs = measure(make_context(recipe, "measure", configs=metrics, **upstream))
    assert json.loads(outputs["metrics"].read_text())["metrics"]["wer"]["a"]["wer"] == 0.0


@pytest.mark.parametrize("kind", ["Rows", "Bare"])
def test_other_forms_of_results(recipe, kind):
    assert predict(recipe, kind)["text"][1] == "one two"


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("Bare", {"output_keys": None}, "predict_step gave list, which has no name"),
        ("Short", {"batch_size": 3}, "predict_step gave 3 of text, 2 of more"),
        ("Scalar", {}, 'predict_step gave Tensor for "text"'),
    ],
)
def test_results_that_are_refused(recipe, kind, changes, message):
    with pytest.raises(UserError, match=message):
        predict(recipe, kind, **changes)


def test_a_bundle_calls_it(recipe, tmp_path, monkeypatch):
    bundle = Path(pack(recipe, inference=INFERENCE, model={"_target_": "src.own.Net"}))
    (tmp_path / "user/path/of/this").mkdir(parents=True)
    bundle.rename(tmp_path / "user/path/of/this/directory")
    monkeypatch.chdir(tmp_path / "user")
    soundfile.write("audio.wav", speech("two", "zero"), 16000)
    readme = Path("path/of/this/directory/README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    assert "'text': 'two zero'" in printed.getvalue()
