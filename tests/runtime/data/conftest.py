"""The tiny recipe, and the loaders of its splits."""

import logging

import pytest

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.loader import DataParallelRank, make_loader
from espnet3_runtime.data.split_dataset import load_split
from tests.runtime.composed_kit import composed_build
from tests.runtime.training_kit import recipe_in

LOG = logging.getLogger("test")


@pytest.fixture
def recipe(tmp_path):
    with recipe_in(tmp_path / "tiny") as directory:
        yield directory


@pytest.fixture
def split_of():
    """Load the training split of a recipe."""

    def load(recipe, module=None, **changes):
        dataset = {"train": [{"data_src": module, "data_src_args": {"size": 30}}], **changes}
        return load_split(dataset, "train", DatasetDirectories(recipe, recipe / "data"))

    return load


@pytest.fixture
def loader_of():
    """Make the loader of a training split."""

    def make(split, clock, rank=None, shapes=None, **changes):
        build = composed_build("train", {"training": {"dataloader": changes}})
        options = {"shapes": shapes, "clock": clock, "rank": rank or DataParallelRank(), "log": LOG}
        return make_loader(split, "train", build.config("training")["dataloader"], **options)

    return make
