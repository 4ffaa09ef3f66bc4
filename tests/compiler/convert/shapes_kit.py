"""Small recipes of ESPnet3, after the systems in its public history: a table, and who writes them.

Each lies in a tree as ESPnet3 has it: ``egs3/TEMPLATE/<system>/conf`` with defaults,
``espnet3/systems/<system>/system.py`` where it has a System of its own, ``egs3/toy/<name>``.
"""

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from espnet3_compiler.cli import main as cli

TEMPLATE = """
num_device: 1
num_nodes: 1
task:
recipe_dir: .
data_dir: ${recipe_dir}/data
exp_tag: ${self_name:}
exp_dir: ${recipe_dir}/exp/${exp_tag}
stats_dir: ${exp_dir}/stats
dataset:
  _target_: espnet3.components.data.data_organizer.DataOrganizer
  recipe_dir: ${recipe_dir}
optimizer: {_target_: torch.optim.AdamW, lr: 0.001}
scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 5}
scheduler_interval: epoch
best_model_criterion: [[valid/loss, 2, min]]
parallel: {env: local, n_workers: 1}
dataloader:
  train: {iter_factory: , batch_size: 4, shuffle: true}
  valid: {iter_factory: , batch_size: 4}
trainer: {accelerator: auto, devices: "${num_device}", num_nodes: "${num_nodes}", max_epochs: 3}
"""
INFERENCE_TEMPLATE = """
recipe_dir: .
exp_tag:
exp_dir: ${recipe_dir}/exp/${exp_tag}
inference_dir: ${exp_dir}/${self_name:}
parallel: {env: local, n_workers: 1}
provider: {_target_: espnet3.systems.base.inference_provider.InferenceProvider}
runner: {_target_: espnet3.systems.base.inference_runner.InferenceRunner}
"""
TRAINING = """
dataset:
  train: [{data_src_args: {split: train}}]
  valid: [{data_src_args: {split: valid}}]
model: {_target_: src.model.Net, size: 4}
"""
INFERENCE = """
dataset: {test: [{name: test, data_src_args: {split: test}}]}
model: {_target_: src.model.Net, size: 4}
input_key: speech
output_keys: [text]
"""
METRICS = """
metrics:
  - metric: {_target_: espnet3.systems.esp2_asr.metrics.wer.WER}
    inputs: {ref: "dataset:text", hyp: text}
"""
RUN = """from {module} import {name}
from espnet3.systems.launch import launch

if __name__ == "__main__":
    launch({launched}, conf_package="egs3.TEMPLATE.{template}")
"""
CODE = {
    "src/__init__.py": "",
    "src/model.py": """from torch import nn


class Net(nn.Module):
    def __init__(self, size: int, depth: int = 1) -> None:
        super().__init__()
        self.layer = nn.Linear(size, size)

    def forward(self, **batch):
        loss = self.layer(batch["speech"]).mean()
        return loss, {"loss": loss.detach()}, 1


class Decoder:
    def __init__(self, weights: str, beam_size: int = 1) -> None:
        self.beam_size = beam_size

    def __call__(self, **fields):
        return {"text": "a", "wav": fields}
""",
    "dataset/__init__.py": """class Dataset:
    def __init__(self, split: str) -> None:
        self.split = split

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        return {"speech": [0.0] * 4, "enroll": [0.0] * 4, "text": "a", "label": "b"}


class DatasetBuilder:
    def is_source_prepared(self, **_: object) -> bool:
        return True

    def prepare_source(self, **_: object) -> None: ...

    def is_built(self, **_: object) -> bool:
        return True

    def build(self, **_: object) -> None: ...
""",
}
BASE = ("espnet3.systems.base.system", "BaseSystem")
ASR = ("espnet3.systems.esp2_asr.system", "ASRSystem")


@dataclass(frozen=True)
class Shape:
    """A recipe.

    Attributes:
        system: Module and name of the System that ``run.py`` launches.
        training: Laid over the common training config; None for a recipe without one.
        files: Further files of the recipe; those under ``/`` lie in the tree.
        run: ``run.py``, if it is another one.
        launched: What it launches, if not the class by its name.
        template: The TEMPLATE, if not that of the shape's name.
        lost: The keys and stages of which at least must be in the third list; empty for none.
        stages: The stages of the manifest, by their names.
    """

    system: tuple[str, str] = BASE
    training: str | None = ""
    files: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    launched: str = ""
    template: str = ""
    lost: tuple[str, ...] = ()
    stages: str = "create_dataset collect_stats train"


def write_shape(shape: Shape, name: str, tree: Path) -> Path:
    """Write a recipe into a tree; return its directory.

    Args:
        shape: The recipe.
        name: Its name, which is that of its template too.
        tree: The root of the tree.
    """
    recipe, template = tree / "egs3" / "toy" / name, shape.template or name
    files = {f"/egs3/TEMPLATE/{name}/conf/training.yaml": TEMPLATE} if not shape.template else {}
    if not shape.template:
        files[f"/egs3/TEMPLATE/{name}/conf/inference.yaml"] = INFERENCE_TEMPLATE
    module, system = shape.system
    words = {"module": module, "name": system, "launched": shape.launched or system}
    files |= CODE | {"run.py": shape.run or RUN.format(**words, template=template)}
    if shape.training is not None:
        files["conf/training.yaml"] = merge_texts(TRAINING, shape.training)
    for path, text in (files | dict(shape.files)).items():
        target = tree / path[1:] if path.startswith("/") else recipe / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return recipe


def convert(recipe: Path) -> tuple[int, dict]:
    """Return the exit code and report of a conversion."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        code = cli.main(["--from-espnet3", str(recipe), "--format", "json"])
    return code, json.loads(said.getvalue())


Conversions = Callable[[str], tuple[Path, int, dict]]
"""Gives the directory of a shape by its name, and the exit code and report of its conversion."""


def merge_texts(below: str, above: str) -> str:
    """Return two YAML texts as one: the keys of the second replace those of the first."""
    merged = {**yaml.safe_load(below), **(yaml.safe_load(above) or {})}
    return yaml.safe_dump(merged, sort_keys=False)


def system_text(name: str, body: str, imports: str = "") -> str:
    """Return a module with a System class.

    Args:
        name: Of the class.
        body: Its stages and methods.
        imports: Further imports.
    """
    head = (
        "from typing import ClassVar\n\n"
        "from espnet3.contract.stages import StageSpec\n"
        "from espnet3.systems.base.system import BaseSystem\n"
        "from espnet3.systems.base.training import collect_stats, train\n"
    )
    return f"{head}{imports}\n\nclass {name}(BaseSystem):\n{body}"
