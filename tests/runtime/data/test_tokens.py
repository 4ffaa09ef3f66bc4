"""What a tokenizer cannot spell is counted and said."""

from pathlib import Path

import pytest
import yaml

from tests.recipes.recipe_runs import run, run_all

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
MODEL = """
import torch
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
    def forward(self, speech, text, speech_lengths=None, text_lengths=None):
        return (speech.mean() * self.scale) ** 2
class Runner:
    def __init__(self, tokenizer): pass
    def __call__(self, model, speech, **rest): return [{"text": "abba"}] * len(speech)
"""
TRAINED = """
models: {toy: {_target_: src.model.Model}}
configs:
  training:
    optimizer: {_target_: torch.optim.SGD, lr: 0.1}
    trainer: {max_epochs: 2, accelerator: cpu}
  inference:
    checkpoint: ${stages.train.best_checkpoint}
    device: cpu
    dataset:
      test:
        - {name: clean, data_src_args: {texts: [abc, cab]}}
        - {name: loud, data_src_args: {texts: ["ABC!", ABBA]}}
        - {name: other, data_src_args: {texts: [abç, ñab]}}
    runner: {_target_: src.model.Runner, tokenizer: "${stages.train_tokenizer.tokenizer_model}"}
    input_key: speech
  metrics:
    metrics:
      - name: wer
        metric: {_target_: espnet3_runtime.metrics.wer.WER, normalize: [lower, no_punctuation]}
        inputs: {ref: "dataset:text", hyp: text}
      - name: cer
        metric: {_target_: espnet3_runtime.metrics.cer.CER, normalize: [lower]}
        inputs: {ref: "dataset:text", hyp: text}
stages: [train_tokenizer, train, infer, measure]
"""


def write(folder: Path, recipe: str) -> None:
    made = {
        "recipe.yaml": recipe,
        "letters.txt": "abba\nabc\ncab\n",
        "dataset/__init__.py": DATASET,
        "src/own.py": OWN,
        "src/model.py": MODEL,
    }
    for name, content in made.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)


def merged(first: str, second: str) -> str:
    one, two = yaml.safe_load(first), yaml.safe_load(second)
    one["configs"]["training"] |= two["configs"].pop("training")
    two["configs"] |= one["configs"]
    return yaml.safe_dump(one | two)


@pytest.mark.parametrize("workers", [0, 2])
def test_without_collect_stats_training_says_it_and_measure_for_test_sets(
    tmp_path: Path, workers: int
) -> None:
    plain = RECIPE.replace("PREPROCESSOR", OURS).replace("WORKERS", str(workers))
    write(tmp_path, merged(plain.replace("    collect_stats: {batch_size: 2}\n", ""), TRAINED))
    said = run_all(tmp_path)
    train = '9.5 % of the tokens of train are <unk>; the tokenizer cannot spell "ç", "ñ"\n'
    valid = '20 % of the tokens of valid are <unk>; the tokenizer cannot spell "ñ", "x", "y", "z"\n'
    # CER compares "abc!" and "abba": ▁abc!▁abba are 10 tokens, one of them <unk>.
    loud = (
        '10 % of the tokens of the references of loud are <unk>; the tokenizer cannot spell "!"\n'
    )
    other = "25 % of the tokens of the references of other are <unk>; the tokenizer cannot spell "
    for line in (train, valid, loud, other + '"ç", "ñ"\n'):
        assert said.count(line) == 1, said
    assert said.count("cannot spell") == 4, said


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("own", [False, True])
def test_collect_stats_says_what_the_tokenizer_cannot_spell(
    tmp_path: Path, workers: int, *, own: bool
) -> None:
    preprocessor = OURS.replace("espnet3_runtime.data.preprocess.TextToTokens", "src.own.Own")
    text = RECIPE.replace("PREPROCESSOR", preprocessor if own else OURS)
    write(tmp_path, text.replace("WORKERS", str(workers)))
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
