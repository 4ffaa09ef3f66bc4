"""The order of stages that run side by side, and what each gets of the machine."""

import stat

import pytest

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.incremental.dependencies import (
    blocking_stage,
    direct_upstream,
    group_by_depth,
    stages_before,
)
from espnet3_runtime.launch.jobs.devices import GpuPool, visible_gpus, wants_one_gpu
from espnet3_runtime.launch.jobs.order import StageOrder, take_order
from espnet3_runtime.process.cores import machine_cores, share_of_cores, usable_cores
from tests.runtime.toy import Toy

DATA = [{"data_src": "toy/task"}]
TRAINING = {
    "dataset": {"train": DATA, "valid": DATA},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
}
INFERENCE = {
    "dataset": {"test": [{"name": "test", "data_src": "toy/task"}]},
    "runner": {"_target_": "src.steps.run", "_partial_": True},
}
STEPS = """def make(path, also=None): pass
def run(model, **batch): return []
"""
BUILDER = """class Dataset:
    def __len__(self): return 1
    def __getitem__(self, index): return {}
class DatasetBuilder:
    def is_source_prepared(self, **more): return True
    def prepare_source(self, **more): pass
    def is_built(self, **more): return True
    def build(self, **more): pass
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    toy = Toy(tmp_path_factory.mktemp("parts") / "recipe")
    toy.file("src/steps.py", STEPS)
    toy.file("dataset/__init__.py", BUILDER)
    toy.models = {"net": {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}}
    trainers = {
        "auto": {},
        "one": {"accelerator": "gpu", "devices": 1},
        "two": {"devices": 2},
        "cpu": {"accelerator": "cpu"},
    }
    toy.configs = {name: {**TRAINING, "trainer": t} for name, t in trainers.items()}
    toy.configs |= {"decoding": INFERENCE, "on_cpu": {**INFERENCE, "device": "cpu"}}
    toy.configs |= {"shared": {**INFERENCE, "parallel": {"n_workers": 2}}}
    toy.call("fetch", "src.steps.make", {"path": "data/raw"}, {"raw": "data/raw"})
    inside = {"path": "data/raw/more", "also": "${exp_dir}/fetch/notes.txt"}
    toy.call("beside", "src.steps.make", {"path": "data/other"}, {"other": "data/other"})
    toy.call("reads_files", "src.steps.make", inside)
    for name in trainers:
        toy.run(f"train_{name}", "train", config=name, model="net")
    toy.run("tuned", "train", config="cpu", model="net", init_from="train_cpu")
    for name in ("decoding", "on_cpu", "shared"):
        toy.configs[name]["checkpoint"] = "${stages.tuned.best_checkpoint}"
        toy.run(f"infer_{name}", "infer", config=name, model="net")
    toy.configs["metrics"] = {"metrics": [{"metric": {"_target_": "src.steps.make"}}]}
    return load_build(toy.write().build)


def test_what_a_stage_depends_on(build):
    found = {stage.name: direct_upstream(build, stage) for stage in build.stages}
    assert found == {
        "fetch": [],
        "beside": [],
        "reads_files": ["fetch"],  # by the path of a file in its directory
        "train_auto": [],
        "train_one": [],
        "train_two": [],
        "train_cpu": [],
        "tuned": ["train_cpu"],  # init_from
        "infer_decoding": ["tuned"],
        "infer_on_cpu": ["tuned"],
        "infer_shared": ["tuned"],
    }
    causes = {"train_cpu": "train_cpu", "tuned": "train_cpu"}
    assert blocking_stage(build, build.stage("infer_on_cpu"), causes) == "train_cpu"
    assert blocking_stage(build, build.stage("train_one"), causes) is None


def test_groups_of_those_that_are_asked_for(build):
    names = ["fetch", "reads_files", "train_cpu", "tuned", "infer_shared"]
    before = stages_before(build, names)
    assert group_by_depth(before) == [
        ["fetch", "train_cpu"],
        ["reads_files", "tuned"],
        ["infer_shared"],
    ]
    assert group_by_depth(stages_before(build, ["tuned", "fetch"])) == [["fetch", "tuned"]]


def test_stages_that_write_to_one_place_take_turns(tmp_path):
    toy = Toy(tmp_path)
    toy.file("src/steps.py", STEPS)
    toy.file("dataset/__init__.py", BUILDER)
    for name in ("first", "other"):
        toy.file(f"dataset/{name}/__init__.py", BUILDER)
        source = [{"data_src": f"dataset.{name}"}]
        toy.configs[name] = {**TRAINING, "dataset": {"train": source, "valid": source}}
        toy.run(f"corpus_{name}", "create_dataset", config=name)
    toy.models = {"net": {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}}
    for name in ("first", "other"):
        toy.run(f"train_{name}", "train", config=name, model="net")
    build = load_build(toy.write().build)
    assert stages_before(build, build.by_name) == {
        "corpus_first": frozenset(),
        "corpus_other": frozenset({"corpus_first"}),
        "train_first": frozenset({"corpus_first"}),
        "train_other": frozenset({"corpus_other"}),
    }
    assert direct_upstream(build, build.stage("corpus_other")) == []  # no failure stops it


def test_which_stages_ask_for_one_gpu(build):
    assert [stage.name for stage in build.stages if wants_one_gpu(build, stage)] == [
        *("train_auto", "train_one", "infer_decoding")
    ]


def test_gpus_go_round(build):
    pool = GpuPool(("0", "1"))
    stages = [build.stage(name) for name in ("train_auto", "train_one", "infer_decoding")]
    assert [pool.take(build, stage) for stage in stages] == [
        *({"CUDA_VISIBLE_DEVICES": number} for number in ("0", "1", "0"))
    ]
    pool.give_back("train_one")
    assert pool.take(build, stages[1]) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert pool.take(build, build.stage("train_two")) == {}  # it takes all
    assert GpuPool(("0",)).take(build, stages[0]) == {}  # there is nothing to choose


def test_which_gpus_there_are(tmp_path, monkeypatch):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "3, 5"}) == ("3", "5")
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "2,-1,4"}) == ("2",)  # as CUDA reads it
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus({}) == ()
    tool = tmp_path / "nvidia-smi"
    for text, found in (("echo GPU-1\necho GPU-2", ("GPU-1", "GPU-2")), ("exit 9", ())):
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(stat.S_IRWXU)
        assert visible_gpus({}) == found


def test_cores():
    assert usable_cores({}) == usable_cores({"ESPNET3_CORES": "0"}) == machine_cores()
    assert usable_cores({"ESPNET3_CORES": "3"}) == 3
    assert share_of_cores(3, {}) == {"ESPNET3_CORES": "3", "OMP_NUM_THREADS": "3"}
    assert share_of_cores(3, {"OMP_NUM_THREADS": "8"}) == {"ESPNET3_CORES": "3"}


def test_an_order_is_taken_once():
    order = StageOrder("a", True, "build", "texts", "/here", 5, ("src/a.py",))
    environ = dict(order.variables())
    assert take_order(environ) == order
    assert take_order(environ) is None
