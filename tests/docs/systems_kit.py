"""A recipe whose System lies in a package, as the page about Systems shows it."""

from pathlib import Path

import pytest

from espnet3_compiler.output import human
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.pipeline import compile_manifest
from tests.docs.tutorial_kit import PAGE, blocks

DATASET = """
class DatasetBuilder:
    def __init__(self, data_dir):
        self.path = data_dir / "train.tsv"

    def is_source_prepared(self):
        return True

    def prepare_source(self):
        pass

    def is_built(self):
        return self.path.exists()

    def build(self):
        self.path.write_text("a\\tyes\\nb\\tyes\\nc\\tno")


class Dataset:
    def __init__(self, split="train"):
        self.split = split

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"utt_id": str(index), "x": index, "text": "yes"}
"""
MODEL = """
import torch


class Net(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x):
        loss = self.layer(x[:, None]).sum()
        return loss, {"loss": loss}, len(x)
"""
INFERENCE = """
checkpoint: ${stages.train.best_checkpoint}
dataset: {test: [{name: train, data_src_args: {split: train}}]}
runner: {_target_: src.decode.Run}
input_key: x
output_keys: [text]
"""
RUNNER = """
class Run:
    def __call__(self, model, x, **_):
        return [{"text": "yes"} for _ in x]
"""
METRICS = """
metrics:
  - name: wer
    metric: {_target_: espnet3_runtime.metrics.wer.WER}
    inputs: {ref: "dataset:text", hyp: text}
"""
FILES = {
    "dataset/__init__.py": DATASET,
    "src/__init__.py": "",
    "src/model.py": MODEL,
    "src/decode.py": RUNNER,
    "conf/inference.yaml": INFERENCE,
    "conf/metrics.yaml": METRICS,
}


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def write_recipe(folder: Path) -> Path:
    """Write what the page shows, the package beside the recipe, and the rest of the recipe."""
    for _, name, text in blocks(PAGE.with_name("systems.md")):
        put(folder / ("lab/recipe.yaml" if name == "recipe.yaml" else f"site/{name}"), text)
    for package in ("mylab", "mylab/systems"):
        (folder / "site" / package / "__init__.py").touch()
    for name, text in FILES.items():
        put(folder / "lab" / name, text)
    return folder / "lab"


def declare_log(recipe: Path, log_dir: str) -> None:
    """Declare in the package where the log of ``weigh_labels`` goes."""
    declaration = recipe.parent / "site/mylab/systems/labels.yaml"
    edit(
        declaration,
        "    consumes: [create_dataset]\n",
        f"    log_dir: {log_dir}\n    consumes: []\n",
    )


def checked(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the report of a check where the package is installed."""
    monkeypatch.chdir(recipe)
    monkeypatch.syspath_prepend(recipe.parent / "site")
    return human.render(
        compile_manifest(Path("recipe.yaml")).diagnostics, Summary(manifests=("recipe.yaml",))
    )
