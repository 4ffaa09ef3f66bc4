"""Recipes of any number of stages, each of another form; all of them have no mistakes."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.skip.recipe import write_ours

MOST_ROWS = 1000
MODEL = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, dim: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(dim, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, dict, None]:
        loss = (self.layer(x) - y).pow(2).mean()
        return loss, {"loss": loss.detach()}, None
"""
DATASET = """import numpy as np


class Dataset:
    def __init__(self, split: str) -> None:
        self.split = split

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, object]:
        x = np.full(4, index, np.float32)
        return {"utt_id": f"{self.split}{index}", "x": x, "y": x[:1]}
"""
HEAD = """version: 1
recipe: bench/growth
system: base
models:
  net: {_target_: src.model.Net}
configs:
"""
CONFIG = """
    dataset: {train: [{data_src: src.data, data_src_args: {split: train}}],
              valid: [{data_src: src.data, data_src_args: {split: valid}}]}
    dataloader: {train: {batches: {type: sorted, batch_size: 2}}}
    optimizer: {_target_: torch.optim.SGD, lr: 1.0e-3}
    trainer: {max_epochs: 1, accelerator: cpu}
"""
INFERENCE = """
    dataset: {test: [{name: test, data_src: src.data, data_src_args: {split: test}}]}
    runner: {_target_: src.decode.Runner}
    input_key: x
    output_keys: [y]
"""
METRICS = """metrics:
  - name: accuracy
    metric: {_target_: espnet3_runtime.metrics.accuracy.Accuracy}
    inputs: {ref: "dataset:utt_id", hyp: y}
"""
RUNNER = """import torch
from torch import nn


class Runner:
    def __call__(self, model: nn.Module, x: torch.Tensor, **_: object) -> list[dict[str, str]]:
        return [{"y": str(float(value))} for value in model.layer(x)]
"""


def write_training_chain(folder: Path, stages: int) -> None:
    """Write trainings that each start from the one before it, with a config of their own."""
    lines = ["  training_base:" + CONFIG.rstrip()]
    lines += [
        f"  training_{number}: {{extends: training_base, optimizer: {{lr: {1e-3 + number}}}}}"
        for number in range(stages)
    ]
    lines.append("stages:")
    for number in range(stages):
        start = f", init_from: s{number - 1}" if number else ""
        lines.append(f"  - {{name: s{number}, run: train, config: training_{number}{start}}}")
    _write_training(folder, lines)


def write_wide_trainings(folder: Path, stages: int) -> None:
    """Write trainings that all start from the first one."""
    lines = ["  training_base:" + CONFIG.rstrip()]
    lines += [
        f"  training_{number}: {{extends: training_base, seed: {number}}}"
        for number in range(stages)
    ]
    lines.append("stages:")
    for number in range(stages):
        start = ", init_from: s0" if number else ""
        lines.append(f"  - {{name: s{number}, run: train, config: training_{number}{start}}}")
    _write_training(folder, lines)


def write_matrix(folder: Path, stages: int) -> None:
    """Write groups of trainings, each with as many rows as a matrix may have."""
    lines = ["  training_base:" + CONFIG.rstrip(), "stages:"]
    for first in range(0, stages, MOST_ROWS):
        lines.append("  - matrix:")
        rows = range(first, min(first + MOST_ROWS, stages))
        lines += [f"      - {{number: {number}}}" for number in rows]
        lines += [
            "    configs:",
            "      training_${matrix.number}: {extends: training_base, seed: '${matrix.number}'}",
            "    stages:",
            "      - {name: 's${matrix.number}', run: train, config: 'training_${matrix.number}'}",
        ]
    _write_training(folder, lines)


def write_experiments(folder: Path, stages: int) -> None:
    """Write experiments of three stages: training, inference and scores, each config in a file."""
    configs = ["  training_base:" + CONFIG.rstrip(), "  inference_base:" + INFERENCE.rstrip()]
    items = []
    for number in range(max(stages // 3, 1)):
        own = {
            "training": f"seed: {number}\n",
            "inference": f"checkpoint: ${{stages.t{number}.best_checkpoint}}\n",
            "metrics": METRICS,
        }
        for role, text in own.items():
            write_text(folder / "conf" / f"{role}_{number}.yaml", text)
            base = f"extends: {role}_base, " if role != "metrics" else ""
            configs.append(f"  {role}_{number}: {{{base}file: conf/{role}_{number}.yaml}}")
        items += [
            f"  - {{name: t{number}, run: train, config: training_{number}}}",
            f"  - {{name: i{number}, run: infer, config: inference_{number}}}",
            f"  - {{name: m{number}, run: measure, config: metrics_{number}, needs: [i{number}]}}",
        ]
    _write_training(folder, [*configs, "stages:", *items])


def _write_training(folder: Path, lines: list[str]) -> None:
    write_text(folder / "recipe.yaml", HEAD + "\n".join(lines) + "\n")
    write_text(folder / "src" / "__init__.py", "")
    write_text(folder / "src" / "model.py", MODEL)
    write_text(folder / "src" / "data.py", DATASET)
    write_text(folder / "src" / "decode.py", RUNNER)


def write_text(path: Path, text: str) -> None:
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


FORMS: dict[str, Callable[[Path, int], None]] = {
    "chain of calls": write_ours,
    "chain of trainings": write_training_chain,
    "trainings from one": write_wide_trainings,
    "rows of a matrix": write_matrix,
    "experiments of three": write_experiments,
}
