"""Paths below exp_dir that are outputs of stages but for a slip, or that no stage writes."""

import pytest

RECIPE = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {_target_: src.model.Net, size: 8, stats: "PATH"}
configs:
  training:
    dataset: {train: [{data_src_args: {split: train}}]}
    tokenizer: {vocab_size: 8}
stages:
  - train_tokenizer
  - {name: collect_stats, config: training}
  - train
"""
CODE = {"src/model.py": "class Net:\n    def __init__(self, size, stats=None): ...\n"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("exp/recipe/train_tokenizer/tokens.txt", False),
        ("exp/recipe/train_tokenizer/token.txt", True),
        ("${exp_dir}/train_tokenizer/token.txt", True),
        ("exp/recipe/train_tokeniser/tokens.txt", True),
        ("exp/recipe/train_tokeniser/words.txt", True),
        ("exp/recipe/collect_stats/train/shape.npz", True),
        ("exp/recipe/collect_stats/valid/feats_stats.npz", True),
        ("exp/recipe/collect_stats/train/feat_stats.npz", False),  # of an own extractor
        ("exp/recipe/train/bests.ckpt", False),  # a training does not read its own
        ("exp/recipe/notes/tokens.txt", True),
        ("exp/other/train_tokenizer/token.txt", False),
        ("${stages.train_tokenizer.token_list}", False),
    ],
)
def test_a_slip_in_the_path_of_an_output(check, path, found):
    codes = [code for code, _ in check(RECIPE.replace("PATH", path), CODE)]
    assert ("R411" in codes) == found, codes


def test_what_is_there_is_no_slip(check):
    path = "exp/recipe/train_tokenizer/token.txt"
    given = check(RECIPE.replace("PATH", path), {**CODE, path: "a"})
    assert "R411" not in [code for code, _ in given]
