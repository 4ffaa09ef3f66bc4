"""Losses that ``forward`` returns, and metrics that code reads by name."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TRAIN = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
MODEL = """
from torch import nn

class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
    def forward(self, speech, **_):
"""
METRICS = """\
  metrics:
    metrics:
      - name: wer
        metric: {_target_: espnet3_runtime.metrics.wer.WER}
        inputs: {ref: "dataset:text", hyp: text}
"""
MEASURE = (
    f"{HEAD}configs:\n{METRICS}stages:\n  - measure\n  - {{name: look, call: src.look.look}}\n"
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return speech.mean().item()", ["speech.mean().item()"]),
        ("return {'loss': speech.detach(), 'acc': 1}", ["speech.detach()"]),
        ("return {'acc': 1, 'loss': float(speech)}, 1", []),  # no mapping: a tuple of one
        ("return float(speech), {'loss': 1}, 1", ["float(speech)"]),
        ("loss = speech.tolist()\n        return loss", ["speech.tolist()"]),
        ("loss = speech.item()\n        loss = speech\n        return loss", []),
        ("return {'loss': speech, 'acc': speech.item()}", []),
        ("return speech, {'loss': speech.detach()}, 1", []),
        ("if self.training:\n            return speech\n        return speech.detach()", []),
        ("return {**speech, 'acc': 1}", []),
        ("return speech.detach(1)", []),
        ('return nn.functional.mse_loss(speech, speech, reduction="none"), {}, 1', ['"none"']),
        ('return nn.functional.mse_loss(speech, speech, reduction="none").mean()', []),
        ('return self.loss(speech, speech, reduction="none")', []),
    ],
)
def test_losses_that_cannot_be_trained(check, body, found):
    pytest.importorskip("torch")
    places = check(TRAIN, {"src/model.py": f"{MODEL}        {body}\n"})
    assert [place for code, place in places if code == "R428"] == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('return json.loads(text)["metrics"]["cer"]', ['"cer"']),
        ("return json.load(text)['metrics']['cer']", ["'cer'"]),
        ('found = json.loads(text)\n    return found["metrics"]["cer"]', ['"cer"']),
        ('return json.loads(text)["metrics"]["wer"]["cer"]', []),
        ('return json.loads(text)["about"]["cer"]', []),
        ('return text.configs["metrics"]["metrics"]', []),
        ('found = {"metrics": {}}\n    return found["metrics"]["cer"]', []),
        ('json.loads(text)["metrics"]["cer"] = 1', []),
        ('return json.loads(text)["metrics"][text]', []),
    ],
)
def test_metrics_that_are_read_by_name(check, body, found):
    code = f"import json\n\n\ndef look(text=''):\n    {body}\n"
    places = check(MEASURE, {"src/look.py": code})
    assert [place for code, place in places if code == "R436"] == found
