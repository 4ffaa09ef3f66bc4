"""What tests of several recipes share."""

from pathlib import Path

import pytest

from evaluation.recipes import settings
from tests.recipes.recipe_runs import copy_recipes, run

_SMALL = (
    "training.create_dataset.sizes={train: 24, valid: 4, test: 4}",
    "training.create_dataset.longest=4",
    "training.trainer.max_epochs=1",
)
_STAGES = ("create_dataset", "train_tokenizer", "collect_stats", "train", "infer", "measure")


@pytest.fixture(scope="session")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the bundle of digits/asr, made small once; a test copies it to where a recipe looks."""
    folder = copy_recipes(tmp_path_factory.mktemp("recogniser")) / "digits" / "asr"
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *settings(_SMALL), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    packed = run("build/run.py", "--stages", *_STAGES, "pack_model", folder=folder)
    assert packed.returncode == 0, packed.stdout + packed.stderr
    return folder / "exp" / "recipe" / "pack_model" / "bundle"
