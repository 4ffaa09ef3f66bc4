"""Losses and layers of PyTorch that read a tensor as another one, and code that is right."""

import pytest

from espnet3_compiler.pipeline import compile_manifest

MODEL = """import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, size, vocab=30):
        super().__init__()
        self.head = nn.Linear(size, vocab)
        self.one = nn.Linear(size, 1)
        self.conv = nn.Conv1d(size, size, 3, padding=1)
        self.rnn = nn.GRU(size, size)
        self.first = nn.LSTM(size, size, batch_first=True)
        self.ctc = nn.CTCLoss(zero_infinity=True)
        self.bce = nn.BCELoss()
        self.soft = nn.Sequential(nn.Linear(size, vocab), nn.Softmax(-1))
        self.register_buffer("mean", torch.zeros(size))
        self.layer = nn.TransformerEncoderLayer(size, 4)

    def forward(self, feats, feats_lengths, text, text_lengths, label, mask=None):
        scores = self.head(feats - self.mean)
        logs = scores.log_softmax(-1)
        lengths = (feats_lengths + 1) // 2
        {body}

    def encode(self, feats, lengths):
        return self.head(feats[:, ::2]).log_softmax(-1), self.count(lengths)

    def count(self, lengths):
        return torch.div(lengths + 1, 2, rounding_mode="floor")
"""
RECIPE = """version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 16}
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}}
stages: [train]
"""
_CODES = ("R504", "R523", "R524", "R527", "R921")


@pytest.fixture
def said(check):
    """Return a function that gives what is said about the tensors of a model."""

    def run(*lines, recipe=RECIPE):
        check(recipe, {"src/model.py": MODEL.format(body="\n        ".join(lines))})
        found = compile_manifest(check.manifest).diagnostics
        return [(one.code, one.primary.span.text) for one in found if one.code in _CODES]

    return run


_CTC = "return F.ctc_loss({}, text, lengths, text_lengths)"


@pytest.mark.parametrize(
    ("lines", "code", "place"),
    [
        ([_CTC.format("logs")], "R524", "logs"),
        (["return self.ctc(logs, text, lengths, text_lengths)"], "R524", "logs"),
        ([_CTC.format("logs.permute(0, 2, 1)")], "R524", "logs.permute(0, 2, 1)"),
        (["logs, lengths = self.encode(feats, feats_lengths)",
          "return F.ctc_loss(logs.transpose(0, 1), text, text_lengths, lengths)"],
         "R504", "text_lengths"),
        (["logs = logs.transpose(0, 1)",
          "return F.ctc_loss(logs, lengths, text.clamp_min(0), text_lengths)"], "R504", "lengths"),
        ([_CTC.format("scores.softmax(-1).transpose(0, 1)")],
         "R527", "scores.softmax(-1).transpose(0, 1)"),
        ([_CTC.format("scores.transpose(0, 1)")], "R527", "scores.transpose(0, 1)"),
        (["return F.nll_loss(self.soft(feats), label)"], "R527", "self.soft(feats)"),
        (["return F.cross_entropy(torch.softmax(scores, -1), label)"],
         "R527", "torch.softmax(scores, -1)"),
        (["return F.cross_entropy(label, scores)"], "R504", "label"),
        (["return F.binary_cross_entropy_with_logits(scores.sigmoid(), label)"],
         "R527", "scores.sigmoid()"),
        (["return self.bce(scores, label)"], "R523", "scores"),
        (["return self.rnn(feats)[0].mean()"], "R527", "nn.GRU(size, size)"),
        (["hidden = self.conv(feats.transpose(1, 2)).transpose(1, 2)",
          "return self.rnn(hidden)[0].mean()"], "R527", "nn.GRU(size, size)"),
        (["return self.layer(self.first(feats.flatten(2))[0]).mean()"],
         "R527", "nn.TransformerEncoderLayer(size, 4)"),
        (["hidden = self.conv(feats.transpose(1, 2))",
          "scores = F.log_softmax(self.head(hidden.transpose(1, 2)), dim=1)",
          _CTC.format("scores.transpose(0, 1)")], "R527", "scores.transpose(0, 1)"),
    ],
)  # fmt: skip
def test_told(said, lines, code, place):
    assert said(*lines) == [(code, place)]


@pytest.mark.parametrize(
    "lines",
    [
        [_CTC.format("logs.transpose(0, 1)")],
        ["return self.ctc(logs.permute(1, 0, 2), text.clamp_min(0), lengths, text_lengths)"],
        ["logs = logs.transpose(0, 1)",
         "return F.ctc_loss(logs, text, target_lengths=text_lengths, input_lengths=lengths)"],
        [_CTC.format("scores.softmax(-1).clamp_min(1e-8).log().transpose(0, 1)")],
        ["logs = scores.transpose(0, 1).log_softmax(2)", _CTC.format("logs")],
        ["return F.cross_entropy(logs.transpose(1, 2), text)"],
        ["return F.cross_entropy(scores / 0.7, label)"],
        ["return F.nll_loss(logs.transpose(1, 2), text)"],
        ["return F.binary_cross_entropy(scores.sigmoid(), label)"],
        ["return F.binary_cross_entropy(torch.relu(scores), label)"],
        ["return F.binary_cross_entropy(scores.clamp(0, 1), label)"],
        ["return self.rnn(feats.transpose(0, 1))[0].mean()"],
        ["return self.first(feats)[0].mean()"],
        ["return self.layer(feats[:, None].mean(-1)).mean()"],
        ["packed = nn.utils.rnn.pack_padded_sequence(feats, feats_lengths.cpu(), batch_first=True)",
         "return self.rnn(packed)[0].data.mean()"],
        ["packed = nn.utils.rnn.pack_padded_sequence(feats, feats_lengths.cpu(), batch_first=True)",
         "hidden = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0])[0]",
         _CTC.format("self.head(hidden).log_softmax(-1)")],
        ["found = [F.ctc_loss(one[:n], text[0], n, n) for one, n in zip(logs, lengths)]",
         "return sum(found)"],
        ["return F.kl_div(logs, self.soft(feats))"],
        ["return F.mse_loss(self.one(feats), label)"],
        ["return self.rnn(feats.squeeze(0))[0].mean()"],  # a batch of one
        ["logs = logs.squeeze(0)", _CTC.format("logs")],
        ["return self.rnn(self.conv(feats[0].unfold(0, 10, 5)).mean(-1))[0].mean()"],
        ["logs = self.head(self.conv(feats).mean(-1)).log_softmax(-1)",  # windows of one item
         _CTC.format("logs.unsqueeze(1)")],
        ["logs = self.head(self.conv(feats).mean(-1)).log_softmax(-1)", _CTC.format("logs")],
        ["weights = self.one(feats.flatten(2)).softmax(1)",  # of an attention
         "found = self.head(weights * feats.flatten(2))",
         "logs = found - found.logsumexp(-1, keepdim=True)", _CTC.format("logs.transpose(0, 1)")],
        ["weights = self.one(feats.flatten(2)).softmax(1)",
         "logs = self.head(weights * feats.flatten(2)).log_softmax(self.axis)",
         _CTC.format("logs.transpose(0, 1)")],
        ["scores.clamp_(0, 1)", "return F.binary_cross_entropy(scores, label)"],
        ["F.relu_(scores)", "return F.binary_cross_entropy(scores, label)"],
        ["torch.sigmoid(scores, out=scores)", "return F.binary_cross_entropy(scores, label)"],
        ["F.hardtanh(scores, 0, 1, inplace=True)",
         "return F.binary_cross_entropy(scores, label)"],
        ["scores[...] = scores.sigmoid()", "return F.binary_cross_entropy(scores, label)"],
        ["return F.cross_entropy(label, scores.softmax(-1))"],  # scores of another model
        ["return F.binary_cross_entropy_with_logits(label, scores.sigmoid())"],
    ],
)  # fmt: skip
def test_silent(said, lines):
    assert said(*lines) == []


STEPS = """from lightning import LightningModule
from torch import nn


class Net(LightningModule):
    def __init__(self, size):
        super().__init__()
        self.rnn = nn.GRU(size, size)

    def forward(self, feats):
        return self.rnn(feats)[0]

    def training_step(self, batch, index):
        return self(batch["feats"].transpose(0, 1)).mean()
"""


def test_forward_that_a_step_calls(check):
    check(RECIPE, {"src/model.py": STEPS})
    found = compile_manifest(check.manifest).diagnostics
    assert [one.code for one in found if one.code in _CODES] == []


def test_no_batch_of_the_runtime(said):
    recipe = RECIPE.replace(
        "{dataset:", "{dataloader: {collate_fn: {_target_: src.model.Net}}, dataset:"
    )
    assert said(_CTC.format("logs"), recipe=recipe) == []
    assert said("return self.rnn(feats)[0].mean()", recipe=recipe) == []


RUNNER = """class Greedy:
    def __init__(self, tokens):
        self.tokens = tokens

    def __call__(self, model, feats, **_):
        paths = model.best(feats)
        return [{{"text": "".join(self.tokens[i] for i in path{drops})}} for path in paths]
"""
DECODED = RECIPE.replace("stages: [train]", """  inference:
    runner: {_target_: src.model.Greedy, tokens: abc}
    dataset: {test: [{name: test}]}
stages: [train_tokenizer, train, infer]
""").replace("data_src_args: {split: train}}]", """data_src_args: {split: train}}], preprocessor: {
    _target_: espnet3_runtime.data.preprocess.TextToTokens,
    tokenizer: "${stages.train_tokenizer.tokenizer_model}"}""").replace(
    "{dataset:", "{tokenizer: {vocab_size: 30}, dataset:"
)  # fmt: skip
_BLANK = "return F.ctc_loss(logs.transpose(0, 1), text, lengths, text_lengths, blank={})"


@pytest.mark.parametrize(
    ("blank", "drops", "told"),
    [
        ("logs.shape[-1] - 1", " if i != 0", True),
        ("29", " if i", True),
        ("logs.size(-1) - 1", " if i > 0", True),
        ("0", " if i != 0", False),
        ("logs.shape[-1] - 1", " if i != 29", False),
        ("self.blank", " if i != 0", False),
    ],
)
def test_blank(check, blank, drops, told):
    code = MODEL.format(body=_BLANK.format(blank)) + RUNNER.format(drops=drops)
    check(DECODED, {"src/model.py": code})
    found = compile_manifest(check.manifest).diagnostics
    places = [one.primary.span.text for one in found if one.code == "R527"]
    assert places == ([blank] if told else [])
