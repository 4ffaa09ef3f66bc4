"""Losses that ``forward`` returns, and metrics that code reads by name."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TRAIN = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
MODEL = """
from torch import nn
from torch.nn import functional as F
from torch.nn.functional import mse_loss
from src.losses import MaskedLoss, functional

def half(x):
    return x / 2

def apart(x):
    return F.l1_loss(x, 1, reduction="none")

class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.criterion = nn.MSELoss(reduction="none")
        self.masked = MaskedLoss(reduction="none")
        self.plain = nn.MSELoss()
    def kept(self, speech):
        loss = self.criterion(speech, 1)
        return 2 * loss
    def mean(self, speech):
        loss = self.criterion(speech, 1)
        return loss.mean()
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
        ('loss = F.mse_loss(speech, 1, reduction="none")\n        return loss / 2', ["loss / 2"]),
        ('loss = F.mse_loss(speech, 1, reduction="none")\n        return loss.sum()', []),
        ('loss = F.mse_loss(speech, 1, reduction="none")\n        return loss.sum(-1)', []),
        ('loss = F.mse_loss(speech, 1, reduction="none")\n        return loss[0]', []),
        (
            'x = F.mse_loss(speech, 1, reduction="none")\n        x = -x.clamp(1); return x',
            ["-x.clamp(1)"],
        ),
        ("return self.kept(speech), {}, 1", ["2 * loss"]),
        ("return self.mean(speech), {}, 1", []),
        ("return apart(speech)", ['"none"']),
        ("return self.criterion(speech, 1)", ["self.criterion(speech, 1)"]),
        ("return self.plain(speech, 1)", []),
        ("return self.masked(speech, 1)", []),
        ('return MaskedLoss(reduction="none")(speech, 1)', []),
        ('return functional.mse_loss(speech, 1, reduction="none")', []),
        ('return mse_loss(speech, 1, reduction="none")', ['"none"']),
        ("return speech.mean() / speech", ["speech.mean() / speech"]),
        ("return ((speech - 1) ** 2).abs()", ["((speech - 1) ** 2).abs()"]),
        ("return ((speech - 1) ** 2).mean(-1)", []),
        ("return speech.mean() / speech.sum()", []),
        ("return speech.sum() / len(speech)", []),
        ("speech = speech.mean()\n        return 2 * speech", []),
        ("return half(speech)", ["x / 2"]),
        ("return half(speech.mean())", []),
    ],
)
def test_losses_that_cannot_be_trained(check, body, found):
    pytest.importorskip("torch")
    places = check(TRAIN, {"src/model.py": f"{MODEL}        {body}\n"})
    assert [place for code, place in places if code == "R428"] == found


@pytest.mark.parametrize(("train", "valid", "found"), [(1, 1, 0), (1, 2, 1), (2, 2, 1)])
def test_the_loss_of_a_single_item_is_one_number(check, train, valid, found):
    pytest.importorskip("torch")
    sizes = [f"{{batches: {{batch_size: {size}}}}}" for size in (train, valid)]
    loader = f"{{dataloader: {{train: {sizes[0]}, valid: {sizes[1]}}}, "
    text = TRAIN.replace("training: {", f"training: {loader}", 1)
    places = check(text, {"src/model.py": f"{MODEL}        return apart(speech)\n"})
    assert len([one for one in places if one[0] == "R428"]) == found


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
