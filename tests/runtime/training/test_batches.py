"""Trainings on chunks, balanced batches and epochs of a fixed length, cut off and resumed."""

from pathlib import Path

import pytest

from espnet3_runtime.stages.train import train
from tests.runtime.training_kit import SETS, cut, load, reference, same, state, train_context

CHUNKS = {"type": "chunk", "chunk_length": 4, "batch_size": 16}
CATEGORIES = {"type": "category", "category_key": "label", "category_power": 0.5}
FILLED = {**CATEGORIES, "batch_bins": 66, "dataset_power": 0.5, "epoch_factor": 1.5}
FOLDED = {"type": "folded", "batch_size": 8, "fold_lengths": [6], "category_key": "label"}
DATA = {**SETS, "train": [{"data_src": "sets", "data_src_args": {"size": 42}}]}


@pytest.mark.parametrize(
    ("loader", "steps"),
    [
        ({"batches": CHUNKS, "num_iters_per_epoch": 5}, 15),
        ({"batches": CATEGORIES}, 18),
        ({"batches": FILLED}, 24),
        ({"batches": FOLDED}, 24),
        ({"batches": {"type": "unsorted"}, "num_iters_per_epoch": 8}, 24),
    ],
)
def test_a_training_that_was_cut_off_goes_on_to_the_same_result(recipe, loader, steps):
    Path("sets.py").write_text("from dataset import Measured as Dataset\n")
    changes = {"dataset": DATA, "dataloader": {"train": loader, "num_workers": 1}}
    expected = reference(recipe, **changes)
    assert expected["files"]["last.ckpt"]["global_step"] == steps
    cut(recipe, steps // 3 + 3, **changes)
    found = train(train_context(recipe, resume=True, **changes))
    assert same(state(found["best_checkpoint"].parent)["files"], expected["files"])
    assert load(found["last_checkpoint"])["global_step"] == steps
