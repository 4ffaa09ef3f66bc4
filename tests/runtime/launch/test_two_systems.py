"""A language model as a second System of one recipe: a manifest of its own beside the first."""

import os
from pathlib import Path

from espnet3_compiler.cli import main as cli
from tests.warm_kit import run_warm

MODEL = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Linear(2, 2)
        self.decoder = torch.nn.Linear(2, 1)

    def forward(self, x, x_lengths):
        loss = self.decoder(self.encoder(x)).pow(2).mean()
        return loss, {"loss": loss}, len(x)


class Arrays:
    def __call__(self, sample):
        return {"x": torch.tensor(sample["x"])}


class Run:
    def __init__(self, lm):
        self.lm = torch.load(lm, weights_only=True)

    def __call__(self, model, x, **_):
        return [{"text": "rescored"} for _ in x]
"""
SYSTEM = """
from espnet3_runtime.stage import Outputs, StageContext
from espnet3_runtime.systems.base import BaseSystem


class LMSystem(BaseSystem):
    def count(self, context: StageContext) -> Outputs:
        context.outputs["words"].write_text("2")
        return {"words": context.outputs["words"]}
"""
DATASET = """
class Dataset:
    def __init__(self, split="train"):
        pass

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"utt_id": f"u{index}", "x": [float(index), 2.0]}
"""
TRAINING = """
  training:
    dataset: {train: [{}], valid: [{}], preprocessor: {_target_: src.model.Arrays}}
    optimizer: {_target_: torch.optim.SGD, lr: 0.1}
    trainer: {max_epochs: 1, accelerator: cpu}"""
HEAD = "version: 1\nrecipe: toy/words\nmodels: {net: {_target_: src.model.Net}}\nconfigs:"
LM = f"""{HEAD}{TRAINING}
system: src.lm_system.LMSystem
stages: [count, train]
"""
ASR = f"""{HEAD}{TRAINING}
  inference:
    checkpoint: ${{stages.train.best_checkpoint}}
    dataset: {{test: [{{name: test}}], preprocessor: {{_target_: src.model.Arrays}}}}
    runner: {{_target_: src.model.Run, lm: exp/recipe_lm/train/best.ckpt}}
    input_key: x
    output_keys: [text]
system: base
stages:
  - {{name: train, init_from: "exp/recipe_lm/train/best.ckpt:encoder:encoder"}}
  - infer
"""
FILES = {
    "src/__init__.py": "",
    "src/model.py": MODEL,
    "src/lm_system.py": SYSTEM,
    "src/lm_system.yaml": "kinds: {count: {outputs: {words: {path: words.txt}}}}\n",
    "dataset/__init__.py": DATASET,
    "recipe_lm.yaml": LM,
    "recipe.yaml": ASR,
}


def test_the_second_system_gives_its_weights_to_the_first(tmp_path: Path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for name in ("recipe_lm", "recipe"):
        build = tmp_path / f"build_{name}"
        assert cli.main([str(tmp_path / f"{name}.yaml"), "-o", str(build)]) == 0
        done = run_warm(str(build / "run.py"), folder=tmp_path, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "exp/recipe/train/train.log").read_text()
    assert "2 of 4 weights from exp/recipe_lm/train/best.ckpt:encoder:encoder" in log
    assert (tmp_path / "exp/recipe/infer/test/text.scp").read_text() == "u0 rescored\nu1 rescored\n"
