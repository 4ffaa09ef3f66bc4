"""What a tokenizer cannot spell is counted and said."""

from pathlib import Path

import pytest

from tests.recipes.recipe_runs import run

RECIPE = """
version: 1
recipe: toy/asr
system: asr
configs:
  training:
    dataset:
      train: [{data_src_args: {texts: [abba cab, "abçñ ab", cabç]}}]
      valid: [{data_src_args: {texts: [abc, ñab, xyz]}}]
      preprocessor: PREPROCESSOR
    dataloader: {num_workers: WORKERS}
    collect_stats: {batch_size: 2}
    tokenizer: {train_file: letters.txt, model_type: char, vocab_size: 7}
stages: [train_tokenizer, collect_stats]
"""
OURS = """{_target_: espnet3_runtime.data.preprocess.TextToTokens,
        tokenizer: "${stages.train_tokenizer.tokenizer_model}"}"""
DATASET = """
import numpy as np
class Dataset:
    def __init__(self, texts): self._texts = texts
    def __len__(self): return len(self._texts)
    def __getitem__(self, index): return {"speech": np.ones(4), "text": self._texts[index]}
"""
OWN = """
from espnet3_runtime.data.tokens import Tokenizer
import numpy as np
class Own:
    def __init__(self, tokenizer): self.tokenizer = Tokenizer(tokenizer)
    def __call__(self, sample):
        return {**sample, "text": np.array(self.tokenizer.encode(sample["text"]))}
"""


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("own", [False, True])
def test_collect_stats_says_what_the_tokenizer_cannot_spell(
    tmp_path: Path, workers: int, *, own: bool
) -> None:
    preprocessor = OURS.replace("espnet3_runtime.data.preprocess.TextToTokens", "src.own.Own")
    text = RECIPE.replace("PREPROCESSOR", preprocessor if own else OURS)
    made = {
        "recipe.yaml": text.replace("WORKERS", str(workers)),
        "letters.txt": "abba\nabc\ncab\n",
        "dataset/__init__.py": DATASET,
        "src/own.py": OWN,
    }
    for name, content in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", folder=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    # One <unk> for a run of such characters. Train: ▁abba▁cab ▁ab?▁ab ▁cab? are 9 + 7 + 5 tokens,
    # two of them <unk>; valid: ▁abc ▁?ab ▁? are 4 + 4 + 2, and two again.
    train = '9.5 % of the tokens of train are <unk>; the tokenizer cannot spell "ç", "ñ"\n'
    valid = '20 % of the tokens of valid are <unk>; the tokenizer cannot spell "ñ", "x", "y", "z"\n'
    assert done.stderr.count(train) == 1
    assert done.stderr.count(valid) == 1
    assert done.stderr.count("<unk>") == 2
    assert "<unk> train 9.5 %, <unk> valid 20 %" in done.stdout
