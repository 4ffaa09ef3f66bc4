"""A method of a recipe's System that replaces one that ships, and calls it."""

import subprocess
import sys
from pathlib import Path

from espnet3_compiler.cli import main as cli

RECIPE = """
version: 1
recipe: mini/own
system: src.system.Own
configs:
  training: {dataset: {train: [{data_src_args: {split: train}}]}, labels: {field: text}}
stages:
  - prepare_labels
  - {name: read, call: src.system.read, with: {labels: "${stages.prepare_labels.labels}"}}
"""
SYSTEM = """
from pathlib import Path

from espnet3_runtime.systems.cls import ClassificationSystem


class Own(ClassificationSystem):
    def prepare_labels(self, context):
        outputs = super().prepare_labels(context)
        context.result("first", outputs["labels"].read_text().split()[0])
        more = context.directory / "more.txt"
        more.write_text("more")
        return {**outputs, "more": more}


def read(labels):
    assert Path(labels).read_text() == "a\\nb\\n"
"""
DATASET = """
class Dataset:
    def __init__(self, split):
        pass

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"text": "ba"[index]}
"""


def test_it_writes_the_outputs_of_that_and_its_own(tmp_path: Path) -> None:
    files = {"recipe.yaml": RECIPE, "src/__init__.py": "", "src/system.py": SYSTEM}
    for name, text in {**files, "dataset/__init__.py": DATASET}.items():
        file = tmp_path / "mini" / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    recipe = tmp_path / "mini" / "own"
    assert cli.main([str(recipe / "recipe.yaml")]) == 0
    command = [sys.executable, "build/run.py", "--stages", "all"]
    done = subprocess.run(command, cwd=recipe, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made = sorted(path.name for path in (recipe / "exp/recipe/prepare_labels").iterdir())
    assert {"counts.json", "labels.txt", "more.txt"} <= set(made)
