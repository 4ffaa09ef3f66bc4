"""The System ``ssl`` and its recipe, made small: clusters, masked prediction, and tuning."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.recipes import settings
from tests.recipes.recipe_runs import copy_recipes, module, run

pytest.importorskip("espeakng_loader")

SMALL = (
    "pretraining.create_dataset.sizes={train: 24, valid: 4, test: 4}",
    "pretraining.create_dataset.longest=4",
    "pretraining.cluster={num_clusters: 6, num_frames: 500}",
    "pretraining.trainer.max_epochs=1",
    "tuning.dataset.train.0.data_src_args.limit=16",
    "tuning.trainer.max_epochs=1",
)

STAGES = (
    *("create_dataset", "collect_stats", "cluster_1", "pretrain_1", "cluster_2", "pretrain_2"),
    *("train_tokenizer", "tune_2", "infer_2", "measure_2"),
)
"""All but the same again: the first round's recogniser, and the one from nothing."""


def read_labels(exp: Path, stage: str, split: str) -> dict[str, list[str]]:
    lines = (exp / stage / "labels" / f"{split}.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_two_rounds_of_labels_lead_to_a_recogniser(tmp_path: Path) -> None:
    folder = copy_recipes(tmp_path) / "digits" / "ssl"
    compiled = run("-m", "espnet3_compiler", "recipe.yaml", *settings(SMALL), folder=folder)
    assert compiled.returncode == 0, compiled.stderr
    done = run("build/run.py", "--stages", *STAGES, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "36 of 38 weights from exp/recipe/pretrain_2/best.ckpt:encoder" in done.stderr
    exp = folder / "exp" / "recipe"
    first, second = (read_labels(exp, stage, "train") for stage in ("cluster_1", "cluster_2"))
    assert len(first) == 24
    assert first != second
    assert {name: len(labels) for name, labels in first.items()} == {
        name: len(labels) for name, labels in second.items()
    }, "the labels of both rounds are those of the encoder's frames"
    assert set().union(*first.values()) == {"0", "1", "2", "3", "4", "5"}
    assert len(read_labels(exp, "cluster_1", "valid")) == 4
    with np.load(exp / "cluster_2" / "centroids.npz") as file:
        assert file["centroids"].shape == (6, 256)
    assert (exp / "measure_2" / "metrics.json").is_file()
    check_plans_and_mistakes(folder)


def check_plans_and_mistakes(folder: Path) -> None:
    planned = run("build/run.py", "--dry_run", "--set", "round_2.cluster.layer=1", folder=folder)
    assert "cluster_2        runs" in planned.stdout, planned.stdout
    assert "pretrain_1       skipped" in planned.stdout, planned.stdout
    many = [f"{one}.cluster.num_clusters=5000" for one in ("pretraining", "round_1", "round_2")]
    few = ("--stages", "cluster_1", *settings(many))
    wrong = run("build/run.py", *few, folder=folder)
    assert wrong.returncode == 1
    assert "5000 clusters of only 500 frames" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    model = folder / "src" / "model.py"
    model.write_text(model.read_text().replace("def extract_features", "def extract"))
    early = run("build/run.py", "--preflight", folder=folder)
    assert early.returncode == 1
    assert "MaskedPrediction has no method extract_features" in early.stdout + early.stderr


def test_a_mask_covers_its_share_in_spans(tmp_path: Path) -> None:
    import torch

    model = module("digits/ssl", "src.model").MaskedPrediction
    torch.manual_seed(1)
    np.savez(tmp_path / "stats.npz", count=2, sum=np.zeros(80), sum_square=np.ones(80))
    frontend = module("digits/ssl", "src.features").LogMel()
    encoder = module("digits/ssl", "src.encoder").Encoder(frontend, str(tmp_path / "stats.npz"))
    mask = model(encoder, num_clusters=3, span=5, share=0.45)._draw_mask(
        torch.Size((64, 200)), torch.device("cpu")
    )
    assert abs(float(mask.float().mean()) - 0.45) < 0.03
    inner = mask[:, 5:-5]
    alone = inner[:, 1:-1] & ~inner[:, :-2] & ~inner[:, 2:]
    assert not alone.any(), "a masked frame has masked neighbours"
