"""A small package in the form of ESPnet2, and a recipe whose model its task builds."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from espnet3_runtime.config import ConfigView
from tests.warm_kit import run_warm

FAKE = Path(__file__).parent / "fake_espnet"
REAL = find_spec("espnet2") is not None
TASK = "espnet2.tasks.asr.ASRTask"
TOKENS = ["<blank>", "<unk>", "a", "b", "<sos/eos>"]
DEFAULTS = {
    "output_dir": None,
    "max_epoch": 40,
    "freeze_param": [],
    "token_list": TOKENS,
    "token_type": "bpe",
    "bpemodel": None,
    "input_size": None,
    "preprocessor_conf": {"aux": [1, 2]},
    "frontend": "default",
    "frontend_conf": {},
    "normalize": "utterance_mvn",
    "normalize_conf": {},
    "encoder": "rnn",
    "encoder_conf": {"hidden_size": 6},
    "model": "espnet",
    "model_conf": {},
}
"""The options of the task of the small package, as they are where a recipe says nothing."""

MANIFEST = """\
version: 1
recipe: tiny/asr
system: asr
models:
  net:
    task: espnet2.tasks.asr.ASRTask
    token_list: ${stages.train_tokenizer.token_list}
    normalize: global_mvn
    normalize_conf: {stats_file: "${stages.collect_stats.feats_stats}"}
    encoder: linear
    encoder_conf: {output_size: 12}
configs:
  training:
    dataset:
      train: [{data_src_args: {split: train}}]
      preprocessor:
        _target_: espnet3_runtime.data.preprocess.TextToTokens
        tokenizer: ${stages.train_tokenizer.tokenizer_model}
    tokenizer: {vocab_size: 7, model_type: word}
    best_model_criterion: [[train/loss, 2, min]]
    optimizer: {_target_: torch.optim.Adam, lr: 0.02}
    trainer: {max_epochs: 4}
  inference:
    dataset: {test: [{name: test, data_src_args: {split: test}}]}
    checkpoint: ${stages.train.task_weights}
    provider:
      _target_: espnet3_runtime.task_bridge.decode.speech2text
      train_config: ${stages.train.task_config}
      beam_size: 2
    runner: {_target_: espnet3_runtime.task_bridge.decode.BestHypothesis}
    input_key: speech
    output_keys: [text]
    contract:
      inputs: {speech: {kind: audio, sample_rate: 8000}}
      outputs: {text: {kind: text}}
  publication: {pack_model: {include: [dataset]}}
stages: [create_dataset, train_tokenizer, collect_stats, train, infer, pack_model]
"""

DATASET = '''
"""A word is a constant signal."""
import numpy as np

WORDS = ("zero", "one", "two", "three")


class Dataset:
    def __init__(self, split):
        self.size = 12 if split == "train" else 4

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        levels = np.repeat(np.array([index % 4 - 1.5, (index + 1) % 4 - 1.5]), 80)
        speech = (levels + rng.normal(scale=0.05, size=160)).astype(np.float32) / 4
        return {"speech": speech, "text": f"{WORDS[index % 4]} {WORDS[(index + 1) % 4]}"}


class DatasetBuilder:
    def is_source_prepared(self):
        return True

    def prepare_source(self):
        pass

    def is_built(self):
        return True

    def build(self):
        pass
'''


def run(folder: Path, *command: str, fake: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if fake:
        environment["PYTHONPATH"] = str(FAKE)
    if command[0] == "build/run.py":
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return run_warm(*command, folder=folder, environment=environment)
    arguments = [sys.executable, "-B", *command]
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@contextmanager
def espnet_in_form(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the small ESPnet2 importable; forget it afterwards."""
    before = {name: module for name, module in sys.modules.items() if _is_espnet(name)}
    for name in before:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(FAKE))
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_espnet(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _is_espnet(name: str) -> bool:
    return name.partition(".")[0] == "espnet2"


def node(**options) -> ConfigView:
    return ConfigView({"task": TASK, "token_list": TOKENS, **options}, "models.net")


LINEAR = {"encoder": "linear", "encoder_conf": {"output_size": 12}}


def stats_file(folder: Path) -> str:
    path = folder / "stats.npz"
    np.savez(path, count=np.array([4]), sum=np.full(8, 4.0), sum_square=np.full(8, 20.0))
    return str(path)
