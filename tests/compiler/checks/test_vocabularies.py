"""The number of tokens that a model is built for."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

CODE = {"src/model.py": "class Net:\n    def __init__(self, vocab_size: int): ...\n"}
PREPROCESSOR = """\
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.TextToTokens
        tokenizer: ${stages.train_tokenizer.tokenizer_model}
"""
TEXT = f"""\
{HEAD.replace("size: 8", "vocab_size: GIVEN")}
configs:
  training:
    dataset:
      train: [{{data_src_args: {{split: train}}}}]
{PREPROCESSOR}
    tokenizer: {{vocab_size: 30}}
  other: {{tokenizer: {{vocab_size: 32}}}}
stages: [train_tokenizer, train]
"""
OWN = '"${configs.training.tokenizer.vocab_size}"'
OTHER = '"${configs.other.tokenizer.vocab_size}"'


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("13", "13"),
        ("500", None),
        ("30", None),
        ("32", None),
        (OWN, None),
        (OTHER, OTHER.strip('"')),
    ],
)
def test_sizes_of_models(check, given, found):
    found_here = [one for one in check(TEXT.replace("GIVEN", given), CODE) if one[0] != "R207"]
    assert found_here == ([("R434", found)] if found else [])


def test_labels_that_no_tokenizer_makes(check):
    text = TEXT.replace("GIVEN", "13").replace(PREPROCESSOR, "")
    assert [one for one in check(text, CODE) if one[0] == "R434"] == []


LABELS = """\
version: 1
recipe: mini/ssl
system: ssl
models:
  net: {_target_: src.model.Net, num_clusters: GIVEN}
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.FrameLabels
        labels: "${stages.cluster.labels}"
    cluster: {num_clusters: 16, features: {_target_: src.model.Features}}
stages: [cluster, train]
"""
CLASSES = {
    "src/model.py": "import torch\n\nclass Net(torch.nn.Module):\n"
    "    def __init__(self, num_clusters: int, heads: object = None): ...\n"
    "class Features(torch.nn.Module):\n    def __init__(self): ...\n"
}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("GIVEN", "8", True),
        ("GIVEN", "16", False),
        ("GIVEN", "32", False),
        ("GIVEN", '"${configs.training.cluster.num_clusters}"', False),
        ("GIVEN", '"${oc.env:CLUSTERS}"', False),
        ("GIVEN}", "8, heads: {num_clusters: 32}}", False),
        ('"${stages.cluster.labels}"', "old/labels", False),
    ],
)
def test_labels_of_clusters(check, old, new, found):
    text = LABELS.replace(old, new).replace("GIVEN", "8")
    here = [one for one in check(text, CLASSES) if one[0] == "R434"]
    assert here == ([("R434", "8")] if found else [])


TOKENIZERS = """\
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.TextToTokens
        tokenizer: ${stages.small.tokenizer_model}
    tokenizer: {vocab_size: 30}
  other: {extends: training, tokenizer: {vocab_size: 32}}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    dataset: {test: [{name: dev}]}
    runner:
      _target_: src.model.Runner
      token_list: ${stages.small.token_list}
      tokenizer_model: ${stages.small.tokenizer_model}
      lm_tokens: ${stages.large.tokenizer_model}
stages:
  - {name: small, run: train_tokenizer, config: training}
  - {name: large, run: train_tokenizer, config: other}
  - {name: train, config: training}
  - infer
"""
RUNNER = {
    "src/model.py": "class Net:\n    def __init__(self, size: int): ...\n"
    "class Runner:\n    def __init__(self, token_list, tokenizer_model=None, lm_tokens=None): ...\n"
    "    def __call__(self, model, speech, **_): ...\n"
}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", None),
        (
            "_model: ${stages.small.tokenizer_model}\n      lm_tokens",
            "_model",
            "large.tokenizer_model",
        ),
        ("token_list: ${stages.small", "token_list: ${stages.large", "large.token_list"),
        ("      token_list: ${stages.small.token_list}\n", "", None),
    ],
)
def test_tokens_and_their_tokenizer_are_of_one_stage(check, old, new, found):
    head = HEAD.replace("GIVEN", "8")
    here = [one for one in check(head + TOKENIZERS.replace(old, new), RUNNER) if one[0] == "R434"]
    assert here == ([("R434", f"${{stages.{found}}}")] if found else [])
