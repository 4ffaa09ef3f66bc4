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
