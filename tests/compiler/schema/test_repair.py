"""A misspelt key has no consequences."""

import pytest

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.schema.repair import repair_misspelt_keys
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import to_python
from espnet3_schemas import load

MANIFEST = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: torch.nn.Linear, in_features: "${configs.training.tokenizer.vocab_size}",
    out_features: 1}
configs:
  training:
    tokenizer: {vocab_size: 9, model_type: char}
    optimizer: {_target_: torch.optim.SGD, lr: 0.1}
    dataset: {train: [{data_src: a.b}]}
  easy: {extends: training, trainer: {max_epochs: 2}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev, data_src: a.b}]}
    runner: {_target_: torch.nn.Linear, in_features: 1, out_features: 1}
stages:
  - create_dataset
  - train_tokenizer
  - {name: train_easy, run: train, config: easy}
  - {name: train, init_from: train_easy}
  - infer
"""


def findings(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    outcome = compile_manifest(tmp_path / "recipe.yaml")
    return [
        (finding.code, finding.primary.span.text)
        for finding in outcome.diagnostics
        if finding.primary.span.text != "a.b"  # the data set of the example does not exist
    ]


def test_the_example_is_right(tmp_path):
    assert findings(tmp_path, MANIFEST) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("models:", "modles"),
        ("configs:", "confgis"),
        ("stages:", "stagse"),
        ("system:", "sytsem"),
        ("tokenizer: {v", "toknizer"),
        ("vocab_size: 9", "vocab_sze"),
        ("optimizer:", "optimiser"),
        ("_target_: torch.optim", "_taget_"),
        ("dataset: {train", "datset"),
        ("train: [", "trian"),
        ("trainer:", "trianer"),
        ("max_epochs:", "max_epoch"),
        ("checkpoint:", "chekpoint"),
        ("dataset: {test", "datset"),
        ("test: [", "tset"),
        ("name: dev", "nmae"),
        ("extends:", "extneds"),
    ],
)
def test_one_slip_is_one_finding(tmp_path, right, wrong):
    key = right.split(":")[0]
    assert MANIFEST.count(right) == 1
    text = MANIFEST.replace(right, right.replace(key, wrong, 1))
    assert findings(tmp_path, text) == [("R601", wrong)]


def test_several_slips_are_several_findings(tmp_path):
    text = MANIFEST.replace("configs:", "confgis:").replace("optimizer:", "optimiser:")
    text = text.replace("trainer:", "trianer:").replace("max_epochs:", "max_epoch:")
    text = text.replace("checkpoint:", "chekpoint:")
    assert [slip for _, slip in findings(tmp_path, text)] == [
        "confgis",
        "optimiser",
        "trianer",
        "max_epoch",
        "chekpoint",
    ]


def layer(text):
    node, found = read_text(Source("t.yaml", text))
    assert not found
    repaired, slips = repair_misspelt_keys(node, load("training"))
    return to_python(repaired), [finding.primary.span.text for finding in slips]


@pytest.mark.parametrize(
    ("text", "repaired", "slips"),
    [
        ("sede: 1", {"seed": 1}, ["sede"]),
        ("'sede': 1", {"seed": 1}, ["'sede'"]),
        ("trainer: {max_epoch: 1}", {"trainer": {"max_epochs": 1}}, ["max_epoch"]),
        ("~sede: null", {"~sede": None}, []),
        ("bananas: 1", {"bananas": 1}, []),
        ("num_device: 1", {"num_device": 1}, []),
        ("sede: 1\nseed: 2", {"sede": 1, "seed": 2}, []),
        ("sede: 1\nsedd: 2", {"seed": 1}, ["sede", "sedd"]),
        ("optimizer: {lr: 0.1}", {"optimizer": {"lr": 0.1}}, []),
        ("seed: one\ntokenizer: {}", {"seed": "one", "tokenizer": {}}, []),
    ],
)
def test_layers(text, repaired, slips):
    assert layer(text) == (repaired, slips)
