"""A sweep of small trainings: a regression of random numbers, one learning rate for each."""

from pathlib import Path

MODEL = '''"""A network that is small, and a step of which takes some milliseconds."""
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(64, 512), (512, 512), (512, 1)]
        layers = [part for size in sizes for part in (torch.nn.Linear(*size), torch.nn.ReLU())]
        self.layers = torch.nn.Sequential(*layers[:-1])

    def forward(self, x, y, **rest):
        loss = torch.nn.functional.mse_loss(self.layers(x).squeeze(-1), y)
        return loss, {"loss": loss.detach()}, torch.tensor(len(x))
'''
DATASET = '''"""Random numbers, and their sums."""
import torch


class Dataset:
    def __init__(self, count):
        self.x = torch.randn(count, 64, generator=torch.Generator().manual_seed(1))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return {"x": self.x[index], "y": self.x[index].sum()}
'''
TRAINING = """\
num_threads: 1
dataset:
  train: [{data_src: src.numbers, data_src_args: {count: 4096}}]
  valid: [{data_src: src.numbers, data_src_args: {count: 256}}]
dataloader: {train: {batches: {batch_size: 32}}, valid: {batches: {batch_size: 32}}}
optimizer: {_target_: torch.optim.Adam, lr: 1e-3}
trainer: {max_epochs: EPOCHS, accelerator: cpu, logger: false}
"""


def write_sweep(folder: Path, trainings: int, epochs: int) -> None:
    """Write a recipe of trainings that do not depend on each other.

    Args:
        folder: Where to.
        trainings: How many there are.
        epochs: How long each takes.
    """
    rows = ", ".join(f"{{n: {n}, rate: {1e-3 / (n + 1):.1e}}}" for n in range(trainings))
    lines = [
        *("version: 1", "recipe: bench/sweep", "system: base"),
        "models: {net: {_target_: src.model.Net}}",
        "configs: {training: conf/training.yaml}",
        *("stages:", f"  - matrix: [{rows}]"),
        '    configs: {"rate_${matrix.n}": {extends: training, optimizer: {lr: "${matrix.rate}"}}}',
        '    stages: [{name: "train_${matrix.n}", run: train, config: "rate_${matrix.n}"}]',
    ]
    _write(folder / "recipe.yaml", "\n".join(lines) + "\n")
    _write(folder / "conf" / "training.yaml", TRAINING.replace("EPOCHS", str(epochs)))
    _write(folder / "src" / "__init__.py", "")
    _write(folder / "src" / "model.py", MODEL)
    _write(folder / "src" / "numbers.py", DATASET)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
