"""Small copies of the recipe digits/asr: compiled once, run many times."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.recipes import GENERATED, RECIPES, settings

STAGES = (
    *("create_dataset", "train_tokenizer", "collect_stats", "train"),
    *("infer", "measure", "pack_model"),
)
SMALL = (
    "training.create_dataset.sizes.train=24",
    "training.create_dataset.sizes.valid=6",
    "training.create_dataset.sizes.test=8",
    "training.dataloader.train.batches.batch_size=4",
    "training.trainer.max_epochs=2",
    "training.trainer.log_every_n_steps=1",
    "inference.batch_size=1",
    "ctc.hidden_size=32",
)
VARIANTS: Mapping[str, Sequence[str]] = {
    "one process": (),
    "loader processes": (
        "training.dataloader.num_workers=2",
        "inference.dataloader.num_workers=2",
    ),
    "dask workers": ("inference.parallel.n_workers=2",),
}
"""Ways to run the same recipe, with what makes them."""


def make_recipe(directory: Path, variant: str) -> Path:
    """Copy the recipe and compile it small; return the copy."""
    shutil.copytree(RECIPES / "digits" / "asr", directory, ignore=GENERATED)
    sets = settings((*SMALL, *VARIANTS[variant]))
    command = [sys.executable, "-m", "espnet3_compiler", "recipe.yaml", *sets]
    done = subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return directory


def start_afresh(recipe: Path) -> None:
    """Remove all that runs have made; the build stays."""
    for top in (recipe / "exp", recipe / "data"):
        for path in list(top.iterdir()) if top.exists() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def experiment(recipe: Path) -> Path:
    """Return the directory of the experiment."""
    return recipe / "exp" / "recipe"
