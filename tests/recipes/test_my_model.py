"""digits/my_model: the model of the ESPnet3 guide, as far as a model without a loss goes."""

from pathlib import Path

import numpy as np
import pytest

from tests.recipes.recipe_runs import copy_recipes, run, run_all

NAME = "digits/my_model"
TRAINING = """
create_dataset: {sizes: {train: 4, valid: 2, test: 2}, seed: 1}
dataset:
  train: [{data_src: digits/asr, data_src_args: {split: train, data_dir: data}}]
  valid: [{data_src: digits/asr, data_src_args: {split: valid, data_dir: data}}]
  preprocessor: {_target_: src.mel.AudioToMel}
model:
  _target_: src.model.MyModel
  hidden_size: 16
  vocab_size: 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_recipes(tmp_path) / NAME


def with_training(folder: Path) -> None:
    """Add a training as the guide does: ``model._target_`` in training.yaml."""
    (folder / "conf" / "training.yaml").write_text(TRAINING)
    manifest = (folder / "recipe.yaml").read_text()
    changed = manifest.replace("[create_dataset, infer]", "[create_dataset, train, infer]")
    assert changed != manifest
    (folder / "recipe.yaml").write_text(changed)


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.slow
def test_the_checker_says_what_forward_must_return(folder: Path):
    with_training(folder)
    checked = run("-m", "espnet3_compiler", "--check", "recipe.yaml", folder=folder)
    assert checked.returncode == 1
    assert checked.stderr.count("error[") == 1
    assert "error[R428 wrong-result]: src.model.MyModel.forward must return" in checked.stderr
    assert "--> src/model.py:15:16" in checked.stderr
    assert "::: conf/training.yaml:8:" in checked.stderr


@pytest.mark.slow
def test_infer_runs_it_and_with_a_loss_train_does(folder: Path):
    with_training(folder)
    changed = """
        scores = self.head(hidden)
        if batch:  # training and validation give lengths, infer gives what input_key names
            return scores.square().mean()
        assert not self.training
        return scores * 0 + 3"""
    replace(folder / "src" / "model.py", "\n        return self.head(hidden)", changed)
    run_all(folder, ["training.trainer.max_epochs=1"])
    exp = folder / "exp" / "recipe"
    assert (exp / "train" / "best.ckpt").is_file()
    files = sorted((exp / "infer" / "test").rglob("*.npy"))
    assert len(files) == 2
    for file in files:
        scores = np.load(file)
        assert scores.shape[1] == 500
        assert (scores == 3).all()
    again = run("build/run.py", "--dry_run", "--set", "training.model.hidden_size=8", folder=folder)
    assert "hidden_size changed (16 -> 8)" in again.stdout
