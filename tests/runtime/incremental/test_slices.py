"""What each kind sees and what counts for it: the table in systems.json at work."""

from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UndeclaredRead
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.fingerprint import Inputs, inputs_of
from espnet3_runtime.incremental.slices import configs_of, edges_of, model_of, without_keys
from tests.runtime.toy import Toy

TRAINING = {
    "seed": 1,
    "dataset": {
        "train": [{"data_src": None, "transform": {"_target_": "src.t.T"}}],
        "valid": [],
        "test": [],
        "preprocessor": {"_target_": "src.t.P", "tokens": "${stages.train_tokenizer.token_list}"},
    },
    "create_dataset": {"size": 3},
    "tokenizer": {"vocab_size": 10},
    "collect_stats": {"features": {"_target_": "src.t.F"}, "batch_size": 4},
    "dataloader": {"num_workers": 0, "pin_memory": False, "collate_fn": {"_target_": "src.t.C"}},
    "parallel": {"env": "local", "n_workers": 1},
    "optimizer": {"_target_": "src.t.O", "lr": 0.1},
    "trainer": {"max_epochs": 3},
}
INFERENCE = {
    "dataset": {"test": [{"name": "test"}]},
    "checkpoint": "${stages.train.best_checkpoint}",
    "model": None,
    "runner": {"_target_": "src.t.F"},
    "parallel": {"env": "local"},
}
T = """class T:
    pass


class P:
    def __init__(self, tokens=None):
        pass

    def __call__(self, sample):
        return sample


class F:
    pass


class C:
    def __call__(self, items):
        return items


class O:
    step = zero_grad = state_dict = print

    def __init__(self, params, lr):
        pass


class M:
    def __init__(self, stats=None):
        pass
"""
BUILDER = "class DatasetBuilder:\n    __getattr__ = getattr\n"
ITEMS = "class Dataset:\n    __len__ = __getitem__ = len\n"
DATASET = """from dataset.builder import DatasetBuilder


class Dataset:
    __len__ = __getitem__ = len
    pass
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    recipe = Toy(tmp_path / "recipe", system="asr")
    recipe.file("src/t.py", T)
    recipe.file("x", "weights")
    recipe.file("dataset/__init__.py", DATASET)
    recipe.file("dataset/builder.py", BUILDER)
    recipe.configs = {"training": TRAINING, "inference": INFERENCE}
    recipe.models = {
        "ctc": {"_target_": "src.t.M", "stats": "${stages.collect_stats.feats_stats}"},
    }
    for kind in ("create_dataset", "train_tokenizer", "collect_stats", "train", "infer"):
        recipe.run(kind, kind)
    return recipe.write()


def build_of(recipe: Toy) -> Build:
    return load_build(recipe.write().build)


def inputs(recipe: Toy, stage: str) -> Inputs:
    build = build_of(recipe)
    return inputs_of(build.stage(stage), Experiment(build))


def changed(recipe: Toy, stage: str, path: str, value: Any) -> bool:
    """Say whether a setting counts for a stage."""
    before = inputs(recipe, stage)
    name, *keys, last = path.split(".")
    import copy

    recipe.configs[name] = place = copy.deepcopy(recipe.configs[name])
    for key in keys:
        place = place[key]
    place[last] = value
    return inputs(recipe, stage) != before


def test_kinds_see_what_they_declare(recipe: Toy) -> None:
    build = build_of(recipe)
    view = configs_of(build, build.stage("create_dataset"))["training"]
    assert list(view) == ["dataset", "create_dataset"]
    assert "preprocessor" not in view["dataset"]
    assert "transform" not in view["dataset"]["train"][0]
    with pytest.raises(UndeclaredRead, match=r"training.optimizer"):
        view["optimizer"]
    assert "preprocessor" in configs_of(build, build.stage("train"))["training"]["dataset"]


@pytest.mark.parametrize(
    ("stage", "path", "value", "counts"),
    [
        ("create_dataset", "training.create_dataset.size", 4, True),
        ("create_dataset", "training.dataset.preprocessor", None, False),
        ("create_dataset", "training.optimizer.lr", 0.2, False),
        ("create_dataset", "inference.checkpoint", "x", False),
        ("train_tokenizer", "training.tokenizer.vocab_size", 11, True),
        ("train_tokenizer", "training.create_dataset.size", 4, False),
        ("collect_stats", "training.collect_stats.batch_size", 8, True),
        ("collect_stats", "training.parallel.n_workers", 2, False),
        ("collect_stats", "training.dataloader.num_workers", 2, False),
        ("collect_stats", "training.optimizer.lr", 0.2, False),
        ("train", "training.optimizer.lr", 0.2, True),
        ("train", "training.seed", 2, True),
        ("train", "training.collect_stats.batch_size", 8, False),
        ("infer", "inference.checkpoint", "x", True),
        ("infer", "inference.parallel.env", "slurm", False),
    ],
)
def test_what_counts(stage: str, path: str, value: Any, counts: bool, recipe: Toy) -> None:
    assert changed(recipe, stage, path, value) is counts


def test_a_model_that_the_stage_does_without_does_not_count(recipe: Toy) -> None:
    build = build_of(recipe)
    assert model_of(build, build.stage("collect_stats")) is None  # it has features
    assert model_of(build, build.stage("train")) is not None
    recipe.configs["training"] = {**TRAINING, "collect_stats": {"features": None}}
    recipe.models["ctc"] = {"_target_": "src.t.M"}
    build = build_of(recipe)
    assert model_of(build, build.stage("collect_stats")) is not None
    recipe.configs["inference"] = {**INFERENCE, "model": {"_target_": "src.t.M"}}
    build = build_of(recipe)
    assert model_of(build, build.stage("infer")) is None


def test_edges(recipe: Toy) -> None:
    build = build_of(recipe)
    assert edges_of(build, build.stage("create_dataset")) == {}
    train = edges_of(build, build.stage("train"))
    data = frozenset({"data_dir"})
    assert train == {"create_dataset": data, "train_tokenizer": None, "collect_stats": None}
    infer = edges_of(build, build.stage("infer"))
    assert infer == {
        "create_dataset": data,
        "collect_stats": frozenset({"feats_stats"}),
        "train": frozenset({"best_checkpoint"}),
    }


def test_init_from_is_an_edge(recipe: Toy) -> None:
    recipe.run("train_full", "train", config="training", init_from="train")
    build = build_of(recipe)
    edges = edges_of(build, build.stage("train_full"))
    assert edges["train"] == frozenset({"best_checkpoint"})
    recipe.stage("train_full")["init_from"] = "some/model.ckpt"
    recipe.file("some/model.ckpt", "weights")
    assert inputs(recipe, "train_full")["init_from"] == "some/model.ckpt"
    before = inputs(recipe, "train_full")["files"]
    recipe.file("some/model.ckpt", "other weights")
    assert inputs(recipe, "train_full")["files"] != before


def test_an_output_in_init_from_is_an_edge(recipe: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    start = "${stages.train.last_checkpoint}"
    recipe.run("train_full", "train", config="training", init_from=start)
    build = build_of(recipe)
    edges = edges_of(build, build.stage("train_full"))
    assert edges["train"] == frozenset({"last_checkpoint"})
    assert inputs(recipe, "train_full")["init_from"]["late"] == start
    recipe.stage("train_full")["init_from"] = "${oc.env:START,here.ckpt}"
    by_default = inputs(recipe, "train_full")["init_from"]
    monkeypatch.setenv("START", "there.ckpt")
    assert inputs(recipe, "train_full")["init_from"] != by_default


def test_code_of_datasets_counts_by_what_the_kind_uses(recipe: Toy) -> None:
    def both() -> tuple[Inputs, Inputs]:
        return inputs(recipe, "create_dataset")["code"], inputs(recipe, "train")["code"]

    builder, dataset = both()
    recipe.file("dataset/builder.py", f"{BUILDER}    x = 1\n")
    assert both()[0] != builder
    assert both()[1] == dataset
    recipe.file("dataset/__init__.py", DATASET.replace("pass", "y = 1"))
    assert both()[1] != dataset


def test_a_dataset_of_another_recipe(recipe: Toy, tmp_path: Path) -> None:
    here = tmp_path / "corpora" / "mine" / "asr"
    recipe.directory.rename(recipe.directory.with_name("old"))
    here.parent.mkdir(parents=True)
    recipe.directory.with_name("old").rename(here)
    recipe.directory = here
    other = tmp_path / "corpora" / "digits" / "asr" / "dataset"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(f"{ITEMS}    x = 1\n")
    data = {**TRAINING["dataset"], "train": [{"data_src": "digits/asr"}]}  # type: ignore[dict-item]
    recipe.configs["training"] = {**TRAINING, "dataset": data}
    before = inputs(recipe, "train")["code"]
    assert "digits/asr/dataset/__init__.py" in before
    (other / "__init__.py").write_text(f"{ITEMS}    x = 2\n")
    assert inputs(recipe, "train")["code"] != before


def test_without() -> None:
    view = ConfigView({"a": [{"b": 1, "c": 2}, {"b": 3}], "d": {"e": 1}}, "w", hidden=["z"])
    assert without_keys(view, ("a.*.b", "d.e", "nothing.here")).plain() == {
        "a": [{"c": 2}, {}],
        "d": {},
    }
    assert without_keys(view, ()) is view
    with pytest.raises(UndeclaredRead, match=r"w\.z"):
        without_keys(view, ("d",))["z"]
