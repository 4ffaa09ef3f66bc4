"""What the stage ``cluster`` refuses."""

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.stages.cluster import cluster
from tests.runtime.training_kit import recipe_in, stage_context

FEATURES = """
def spoilt(speech, speech_lengths):
    return speech[:, :, None].log(), speech_lengths
"""
SETS = """
import numpy as np


class Dataset:
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"speech": np.array([0, -1, 1], dtype=np.float32)}
"""


def test_features_that_are_no_numbers_are_refused(tmp_path):
    config = {
        "dataset": {"train": [{"data_src": "sets"}]},
        "cluster": {
            "num_clusters": 2,
            "features": {"_target_": "spoilt.spoilt", "_partial_": True},
        },
    }
    tiny, files = tmp_path / "tiny", {"sets.py": SETS, "spoilt.py": FEATURES}
    with recipe_in(tiny, **files), pytest.raises(UserError, match="not finite") as error:
        cluster(stage_context(tiny, "cluster", config))
    assert error.value.where == "training.cluster"
