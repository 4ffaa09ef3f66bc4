"""What the preflight constructs of a training, and that it leaves nothing behind."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.preflight.look import look_first
from espnet3_runtime.systems.base import BaseSystem
from tests.runtime.toy import Toy

CODE = '''"""Parts of a training."""
import os
import pathlib
import socket
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger


class Net(torch.nn.Module):
    def forward(self, **batch): ...


class Shout(Callback):
    def __init__(self, every: int = 1, path: str | None = None) -> None:
        if path is not None:
            self.words = pathlib.Path(path).read_text()
        if not range(every):  # which the checker does not compute
            raise ValueError("every is at least 1")


class Eager(CSVLogger):
    def __init__(self, save_dir: str, host: str | None = None) -> None:
        super().__init__(save_dir)
        os.makedirs(save_dir)
        if host is not None:
            socket.create_connection((host, 80))
'''
OPTIMIZER = """

class Optimizer(torch.optim.SGD):
    def __init__(self, params, lr: float) -> None:
        super().__init__([p for p in params if p.dim() > 2], lr)
"""
DATASET = """class Dataset:
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return {"number": index}
"""
BUILDER = """

class DatasetBuilder:
    def is_source_prepared(self, **given):
        return True

    def prepare_source(self, **given):
        pass

    def is_built(self, **given):
        return True

    def build(self, **given):
        pass
"""
CPU = {"accelerator": "cpu"}
PRECISION = {"_target_": "lightning.pytorch.plugins.Precision"}
SGD = {"_target_": "torch.optim.SGD", "lr": 0.1}
SCHEDULERS = "torch.optim.lr_scheduler"
CALLBACKS = "lightning.pytorch.callbacks"
LOGGERS = "lightning.pytorch.loggers"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    toy = Toy(tmp_path / "recipe")
    toy.file("src/parts.py", CODE)
    toy.file("src/__init__.py", "")
    toy.file("dataset/__init__.py", DATASET)
    toy.models["net"] = {"_target_": "src.parts.Net"}
    toy.run("train", "train", model="net")
    monkeypatch.chdir(toy.directory)
    monkeypatch.syspath_prepend(toy.directory)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("src", "dataset")]:
        monkeypatch.delitem(sys.modules, name)
    return toy


def look(toy: Toy, here: bool = True, **training: Any) -> list[dict[str, Any]]:
    """Return what is said about a training."""
    optimizer = {"_target_": "torch.optim.SGD", "lr": 0.1}
    config = {"dataset": {"train": [{}]}, "optimizer": optimizer, **training}
    config["best_model_criterion"] = [["train/loss", 1, "min"]]
    toy.configs["training"] = config
    build = load_build(toy.write().build)
    before = {path: path.stat().st_mtime_ns for path in toy.directory.rglob("*")}
    inputs = [{"code": {}, "versions": {}}] * len(build.stages) if here else None
    answers = look_first(build, BaseSystem, build.stages, inputs)
    assert before == {path: path.stat().st_mtime_ns for path in toy.directory.rglob("*")}
    assert not [name for name in sys.modules if name.startswith(("src", "dataset"))]
    return [dict(answer) for answer in answers]


@pytest.mark.parametrize(
    "block",
    [
        {"precision": "64"},
        {"devices": 2, "strategy": "ddp_spawn"},
        {"max_epochs": 3, "deterministic": "warn", "log_every_n_steps": 5},
        {"callbacks": [{"_target_": f"{CALLBACKS}.LearningRateMonitor"}]},
        {"callbacks": [{"_target_": f"{CALLBACKS}.ModelSummary"}]},
        {"callbacks": [{"_target_": "src.parts.Shout", "path": "exp/toy/words"}]},
        {"logger": [{"_target_": f"{LOGGERS}.CSVLogger", "save_dir": "logs"}]},
        {"logger": [{"_target_": f"{LOGGERS}.TensorBoardLogger", "save_dir": "a"}]},
        {"logger": [{"_target_": "src.parts.Eager", "save_dir": "logs"}]},
        {"logger": False},
        {"max_epochs": 2, "fast_dev_run": True},
    ],
)
def test_trainers(toy: Toy, block: dict[str, Any]) -> None:
    answers = look(toy, trainer={**CPU, **block})
    assert [answer for answer in answers if answer["kind"] == "finding"] == []


@pytest.mark.parametrize(
    ("key", "value", "code", "words"),
    [
        ("plugins", [PRECISION, PRECISION], "R913", "multiple values for Precision"),
        ("callbacks", [{"_target_": "src.parts.Shout", "every": 0}], "R903", "every is at least 1"),
        ("callbacks", [{"_target_": "src.parts.Shout", "path": "words"}], "R903", "No such file"),
        ("logger", [{"_target_": f"{LOGGERS}.CometLogger"}], "R903", "comet"),
    ],
)
def test_what_a_trainer_refuses(toy: Toy, key: str, value: Any, code: str, words: str) -> None:
    (found,) = look(toy, trainer={**CPU, key: value})
    assert (found["code"], found["owner"]) == (code, ["configs", "training"])
    assert found["path"][:2] == ["trainer", key]
    assert words in found["message"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_is_asked_for_where_the_stage_runs(toy: Toy) -> None:
    trainer = {"accelerator": "gpu", "devices": 4}
    found = {one["code"]: one for one in look(toy, trainer=trainer)}
    assert found["R914"]["path"] == ["trainer", "accelerator"]
    assert found.keys() == {"R914"}
    elsewhere = look(toy, here=False, trainer={"accelerator": "gpu", "devices": 4})
    assert [one["kind"] for one in elsewhere] == ["note"]


def test_what_is_wrong_has_the_argument_and_the_line_of_code(toy: Toy) -> None:
    toy.file("dataset/__init__.py", "import os\n\nraise ValueError(os.sep)\nDataset = dict\n")
    trainer = {**CPU, "callbacks": [{"_target_": "src.parts.Shout", "path": "words"}]}
    data, callback = look(toy, trainer=trainer)
    assert callback["path"] == ["trainer", "callbacks", 0, "path"]
    assert (Path(callback["place"]["file"]).name, callback["in_code"]) == ("parts.py", False)
    assert (data["code"], data["place"]["line"], data["in_code"]) == ("R909", 3, True)


def test_a_variable_that_is_not_set(toy: Toy) -> None:
    trainer = {**CPU, "callbacks": [{"_target_": "src.parts.Shout", "path": "${oc.env:NO_SUCH_X}"}]}
    (one,) = look(toy, trainer=trainer)
    assert one["code"] == "R915"
    assert one["path"] == ["trainer", "callbacks", 0, "path"]
    assert "NO_SUCH_X" in one["help"][0]


def test_a_builder_may_make_files_anywhere(toy: Toy) -> None:
    toy.file("dataset/__init__.py", DATASET + BUILDER)
    toy.stages.insert(0, {"name": "create_dataset", "run": "create_dataset"})
    trainer = {**CPU, "callbacks": [{"_target_": "src.parts.Shout", "path": "words"}]}
    assert [answer["kind"] for answer in look(toy, trainer=trainer)] == ["note"]


@pytest.mark.skipif(find_spec("espnet2") is not None, reason="ESPnet2 is installed here")
def test_a_task_whose_package_is_not_installed(toy: Toy) -> None:
    toy.models["net"] = {"task": "espnet2.tasks.asr.ASRTask"}
    found = [one for one in look(toy, trainer=CPU) if one["kind"] == "finding"]
    assert [(one["code"], one["owner"], one["path"]) for one in found] == [
        ("R901", ["models", "net"], ["task"])
    ]
    assert 'the package "espnet2" is not installed' in found[0]["message"]


def test_where_the_look_broke_off(toy: Toy) -> None:
    dying = "\n\nclass Die:\n    def __init__(self):\n        os._exit(3)\n"
    toy.file("src/parts.py", CODE + dying)
    answers = look(toy, trainer={**CPU, "plugins": [{"_target_": "src.parts.Die"}]})
    text = "constructing it did not come to an end, nor what follows"
    assert answers[-1] == {"kind": "unfinished", "text": text}


def test_a_model_is_bound_and_not_constructed(toy: Toy) -> None:
    text = f"{CODE}\n\nclass Big(Net):\n    def __init__(self, size):\n        1 / 0\n"
    toy.file("src/parts.py", text)
    toy.models["net"] = {"_target_": "src.parts.Big", "size": 3}
    assert look(toy, trainer=CPU) == []


def test_a_package_that_is_not_installed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    net = "class Net(torch.nn.Module):\n    def forward(self, **batch): ..."
    toy.file("src/parts.py", f"import torch\n\n\n{net}\n")
    monkeypatch.setitem(sys.modules, "lightning", None)
    (one,) = look(toy, trainer=CPU)
    assert (one["code"], one["owner"]) == ("R912", ["stages", "train"])
    assert 'needs the package "lightning"' in one["message"]


@pytest.mark.parametrize(
    ("training", "path"),
    [
        (
            {"optimizer": {**SGD, "nesterov": True, "momentum": "${oc.env:NONE,0}"}},
            ["optimizer", "_target_"],
        ),
        ({"scheduler": {"_target_": f"{SCHEDULERS}.StepLR", "step_size": 3}}, None),
        ({"scheduler": {"_target_": f"{SCHEDULERS}.OneCycleLR", "max_lr": 0.1}}, None),
        ({"optimizer": {"_target_": "src.parts.Optimizer", "lr": 0.1}}, None),
    ],
)
def test_optimizers_of_pytorch_are_constructed(
    toy: Toy, training: dict[str, Any], path: list[str] | None
) -> None:
    toy.file("src/parts.py", CODE + OPTIMIZER)
    trainer = {**CPU, "max_epochs": 2, "limit_train_batches": 0.001}  # of a large corpus
    found = [one for one in look(toy, trainer=trainer, **training) if one["kind"] == "finding"]
    assert [(one["code"], one["path"]) for one in found] == ([("R908", path)] if path else [])
