"""Clusters of frames, and files of their labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from espnet3_runtime.data.frame_labels.kmeans import assign_clusters, fit_clusters
from espnet3_runtime.data.frame_labels.label_files import write_frame_labels
from espnet3_runtime.data.preprocess import FrameLabels
from espnet3_runtime.errors import UserError

CENTRES = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])


def three_clouds() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    own = torch.randint(3, (20_000,), generator=generator)  # more than are compared at once
    return CENTRES[own] + torch.randn(20_000, 2, generator=generator), own


def test_clouds_are_found_again_and_the_same_ones_every_time() -> None:
    frames, own = three_clouds()
    found = fit_clusters(frames, 3, passes=20, seed=1)
    labels, distances = assign_clusters(frames, found.centroids)
    for number in range(3):
        of_cloud = labels[own == number]
        assert (of_cloud == of_cloud.mode().values).float().mean() > 0.99
    assert found.distance == pytest.approx(2, abs=0.05)  # two axes of variance 1
    assert float(distances.mean()) == pytest.approx(found.distance, rel=1e-3)
    assert 1 < found.passes < 20
    again = fit_clusters(frames, 3, passes=20, seed=1)
    assert torch.equal(found.centroids, again.centroids)


def test_frames_that_are_all_the_same_have_one_cluster_and_no_numbers_get_lost() -> None:
    found = fit_clusters(torch.ones(10, 4), 3, passes=5, seed=0)
    assert torch.isfinite(found.centroids).all()
    assert found.distance == 0
    assert set(assign_clusters(torch.ones(10, 4), found.centroids)[0].tolist()) == {0}


def write(path: Path, **labels: list[int]) -> None:
    write_frame_labels(path, [(name, np.array(value)) for name, value in labels.items()])


def test_a_sample_gets_its_labels_whichever_split_it_is_of(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", a=[1, 1, 2], b=[])
    write(tmp_path / "valid.txt", c=[0])
    add = FrameLabels(tmp_path)
    sample = add("a", {"speech": 1})
    assert sample["labels"].tolist() == [1, 1, 2]
    assert sample["labels"].dtype == np.int64
    assert add("b", {})["labels"].shape == (0,)
    assert FrameLabels(tmp_path, field="units")("c", {})["units"].tolist() == [0]
    with pytest.raises(UserError, match='"d" has no labels'):
        add("d", {})


def test_ids_that_say_nothing_are_refused(tmp_path: Path) -> None:
    for ids in (("a", "a"), ("a b",)):
        with pytest.raises(UserError, match="appears twice, or is no word"):
            write_frame_labels(tmp_path / "x" / "train.txt", [(one, np.zeros(1)) for one in ids])
    assert not list((tmp_path / "x").iterdir())
    write(tmp_path / "train.txt", a=[1])
    write(tmp_path / "valid.txt", a=[2])
    with pytest.raises(UserError, match='other labels for "a"'):
        FrameLabels(tmp_path)
    with pytest.raises(UserError, match="there are no labels"):
        FrameLabels(tmp_path / "x")
