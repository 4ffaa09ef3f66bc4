"""Failures of a stage that is looked at, at locations of the recipe."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.preflight.no_effects import Network
from espnet3_runtime.preflight.planned_outputs import PlannedOutputs
from espnet3_runtime.preflight.protocol import (
    Answers,
    CodePlace,
    FoundError,
    RecipeLocation,
    UnprobedError,
)
from espnet3_runtime.preflight.request import request_of
from espnet3_runtime.preflight.stages import try_stage
from espnet3_runtime.preflight.tried_stage import TriedStage
from espnet3_schemas.installation import install_command
from tests.runtime.toy import Toy

CODE = """import torch


class Net(torch.nn.Module):
    def __init__(self, num_layers=3):
        super().__init__()

    def forward(self, **batch): ...
"""


def make_toy(folder: Path) -> Toy:
    toy = Toy(folder)
    toy.file("src/net.py", CODE)
    methods = "    def __len__(self): ...\n    def __getitem__(self, index): ...\n"
    toy.file("dataset/__init__.py", f"class Dataset:\n{methods}")
    toy.models["net"] = {"_target_": "src.net.Net", "num_layers": 3}
    toy.configs["training"] = {
        "dataset": {"train": [{}]},
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
        "trainer": {"accelerator": "cpu"},
    }
    toy.run("train", "train", model="net")
    return toy


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return load_build(make_toy(tmp_path_factory.mktemp("recipe")).write().build)


class Tried:
    """A stage, and what is said of it."""

    def __init__(self, build: Build, *, packages: bool = True, devices: bool = True) -> None:
        self.file = io.StringIO()
        answers = Answers(self.file, Network(), needs_packages=packages, needs_devices=devices)
        artifacts = PlannedOutputs(build, makes_files=False)
        (stage,) = build.stages
        self.stage = TriedStage(request_of(build), answers, stage, "training", artifacts)
        answers.step(RecipeLocation(("stages", "train")), "trying it")

    def said(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.file.getvalue().splitlines()]
        return [line for line in lines if line["kind"] != "step"]

    def found(self) -> tuple[str, str, str, list[Any], list[str], bool]:
        (one,) = self.said()
        assert one["stage"] == "train"
        name = ".".join(one["owner"])
        return one["code"], one["message"], name, one["path"], one["help"], one["in_code"]


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


OPTIMIZER = RecipeLocation(("configs", "training"), ("optimizer",), "train")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (
            ValueError("lr is odd"),
            ("R908", "constructing torch.optim.SGD fails: ValueError: lr is odd", ["_target_"]),
        ),
        (
            ValueError("lr 0.1 is odd"),
            ("R908", "constructing torch.optim.SGD fails: ValueError: lr 0.1 is odd", ["lr"]),
        ),
        (
            InstantiateError("no", where="training.optimizer.lr"),
            ("R908", "this cannot be used: no", ["lr"]),
        ),
    ],
)
def test_what_cannot_be_constructed(
    error: Exception, found: tuple[str, str, list[str]], build: Build
) -> None:
    tried = Tried(build)
    assert isinstance(tried.stage.construction_failure(error, OPTIMIZER, "R908"), FoundError)
    code, message, path = found
    expected = (code, message, "configs.training", ["optimizer", *path], [], False)
    assert tried.found() == expected


def test_a_model_that_cannot_be_constructed(build: Build) -> None:
    tried = Tried(build)
    error = caused(InstantiateError("o", where="models.net", hint="do"), ValueError("num_layers"))
    tried.stage.construction_failure(error, OPTIMIZER)
    text = "constructing src.net.Net fails: ValueError: num_layers"
    assert tried.found() == ("R903", text, "models.net", ["num_layers"], ["do"], False)


@pytest.mark.parametrize("packages", [True, False])
def test_a_package_that_is_lacking(packages: bool, build: Build) -> None:
    tried = Tried(build, packages=packages)
    error = caused(InstantiateError("no"), ModuleNotFoundError("No module", name="torch"))
    if packages:
        tried.stage.construction_failure(error, OPTIMIZER)
        assert tried.found()[0] == "R903"
        return
    text = r'^torch\.optim\.SGD: the package "torch" is not installed$'
    with pytest.raises(UnprobedError, match=text):
        tried.stage.construction_failure(error, OPTIMIZER)


@pytest.mark.parametrize(
    ("error", "at", "message", "path"),
    [
        (ValueError("odd"), "", "trying it fails: ValueError: odd", ["optimizer"]),
        (UserError("odd"), "", "odd", ["optimizer"]),
        (UserError("odd", where="training.trainer"), "", "odd", ["trainer"]),
        (UserError("odd", where="training.trainer"), "seed", "odd", ["seed"]),
        (InstantiateError("odd"), "", "trying it fails: odd", ["optimizer"]),
    ],
)
def test_a_step_that_fails(
    error: Exception, at: str, message: str, path: list[str], build: Build
) -> None:
    tried = Tried(build)
    found = tried.stage.failure(error, "R909", OPTIMIZER, at=at, in_code=True)
    assert isinstance(found, FoundError)
    assert tried.found() == ("R909", message, "configs.training", path, [], True)


@pytest.mark.parametrize(("in_code", "named"), [(True, True), (False, False)])
def test_the_line_to_mend_where_no_code_raised(in_code: bool, named: bool, build: Build) -> None:
    tried, place = Tried(build), CodePlace("/r/a.py", 3, 1, 2, "f")
    tried.stage.failure(
        ValueError("odd"), "R909", OPTIMIZER, in_code=in_code, find_place=lambda: place
    )
    (one,) = tried.said()
    assert (one["place"] is not None) == named
    assert one["in_code"] == in_code


def test_a_failure_on_made_up_items_is_no_mistake(build: Build) -> None:
    tried = Tried(build)
    found = tried.stage.failure(ValueError("odd"), "R909", OPTIMIZER, certain=False)
    assert isinstance(found, UnprobedError)
    assert str(found) == '"train": trying it fails on made-up items: ValueError: odd'
    assert tried.said() == []


def test_attempts(build: Build) -> None:
    tried = Tried(build)
    assert tried.stage.attempt("adding", OPTIMIZER, lambda: 3) == 3
    assert tried.said() == []
    with pytest.raises(FoundError, match=r"^$"):
        tried.stage.attempt("dividing", OPTIMIZER, lambda: 1 / 0)
    text = "dividing fails: ZeroDivisionError: division by zero"
    assert tried.found() == ("R909", text, "configs.training", ["optimizer"], [], False)


def test_the_config_of_a_stage(build: Build) -> None:
    tried = Tried(build).stage
    config = tried.config()
    assert config["optimizer"]["lr"] == 0.1
    assert "create_dataset" not in config
    less = tried.config(without=("optimizer", "more"))
    assert (less["optimizer"], less["more"], less.where) == (None, None, "training")
    other = TriedStage(tried.request, tried.answers, tried.stage, "inference", tried.artifacts)
    with pytest.raises(UnprobedError, match=r'^the stage "train" has no inference config$'):
        other.config()


# What a training constructs.


def look(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    tried = Tried(load_build(toy.write().build))
    monkeypatch.syspath_prepend(toy.directory)
    before = set(sys.modules)
    try:
        try_stage(tried.stage)
    finally:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("src", "dataset"):
                del sys.modules[name]
    return tried.said()


def test_a_good_training_and_data_without_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = make_toy(tmp_path)
    assert look(toy, monkeypatch) == []
    toy.write().file("dataset/__init__.py", "Dataset = 3\n")
    tried = Tried(load_build(toy.build))
    monkeypatch.syspath_prepend(toy.directory)
    try_stage(tried.stage)
    (first,) = tried.said()
    assert (first["code"], first["path"]) == ("R909", ["dataset", "train", 0])
    assert first["message"].endswith('exports no "Dataset"')
    sys.modules.pop("dataset", None)


@pytest.mark.parametrize(("name", "extra"), [("torch", "runtime"), ("lightning", "runtime")])
def test_a_package_of_the_stage_itself(
    name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = make_toy(tmp_path)
    toy.write()
    monkeypatch.setitem(sys.modules, name, None)
    tried = Tried(load_build(toy.build))
    with pytest.raises(FoundError, match=r"^$"):
        try_stage(tried.stage)
    (one,) = tried.said()
    assert (one["code"], one["owner"], one["path"]) == ("R912", ["stages", "train"], [])
    assert one["message"] == f'"train" needs the package "{name}", which is not installed'
    assert one["help"] == [install_command(extra)]
