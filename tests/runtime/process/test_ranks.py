"""Several ranks of one run: rank 0 decides, the others join training."""

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process import ranks
from espnet3_runtime.process.ranks import (
    ORDER,
    Follower,
    Leader,
    Order,
    Rank,
    announce_order,
    detect_rank,
)
from tests.runtime.toy import Toy

STEPS = """import json, os, time
from pathlib import Path


def note(context, what):
    rank = f"{context.spec.name}-{context.rank}"
    with open(context.exp_dir / "notes.txt", "a") as file:
        file.write(f"{rank} {context.resume}\\n")


def prepare(path, context):
    note(context, "prepare")
    Path(path).write_text("1")
"""
SYSTEM = """from pathlib import Path

from espnet3_runtime.systems.base import BaseSystem
from src.steps import note


class Net:
    pass


class Own(BaseSystem):
    def train(self, context):
        note(context, "train")
        if context.rank:
            return {}
        made = {}
        for name, path in context.outputs.items():
            path.write_text("weights")
            made[name] = path
        return made
"""
TRAINING = {
    "dataset": {"train": [{"data_src": "toy/task"}], "valid": [{"data_src": "toy/task"}]},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
}


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    recipe = Toy(tmp_path / "recipe", system="src.system.Own")
    recipe.file("src/steps.py", STEPS)
    recipe.file("src/system.py", SYSTEM)
    recipe.models = {"net": {"_target_": "src.system.Net"}}
    recipe.configs = {"training": TRAINING}
    recipe.call("prepare", "src.steps.prepare", {"path": "exp/toy/prepare/x"}, {"x": "x"})
    for name in ("train_easy", "train_full"):
        recipe.run(name, "train", config="training", model="net")
    return recipe.write()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Rank()),
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}, Rank(1, 2)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, Rank()),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_STEP_ID": "0"}, Rank(3, 4)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, Rank()),  # the batch script itself
        (
            {
                "SLURM_PROCID": "0",
                "SLURM_NTASKS": "4",
                "SLURM_STEP_ID": "0",
                "SLURM_JOB_NAME": "interactive",
            },
            Rank(),
        ),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, Rank(1, 2)),
        ({"RANK": "x", "WORLD_SIZE": "2"}, Rank(0, 2)),
        ({"NODE_RANK": "0", "MASTER_ADDR": "a"}, Rank(0, 2, node=0)),
        ({"NODE_RANK": "2", "MASTER_ADDR": "a"}, Rank(2, 2, node=2)),
        ({"NODE_RANK": "2"}, Rank()),  # nobody to meet
        ({"MASTER_ADDR": "a"}, Rank()),
        ({"NODE_RANK": "1", "MASTER_ADDR": "a", "RANK": "3", "WORLD_SIZE": "4"}, Rank(3, 4)),
    ],
)
def test_ranks_are_read_from_the_environment(environ: dict[str, str], expected: Rank) -> None:
    assert detect_rank(environ) == expected


def test_children_of_lightning_are_told_their_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order("train_full", resume=True, directory="/somewhere")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with announce_order(order):
        child = {**os.environ, "LOCAL_RANK": "1"}
        assert detect_rank(child) == Rank(1, 1, order, local=1)
        assert detect_rank(child).label == "rank1"
        far = detect_rank({**child, "NODE_RANK": "2"})
        assert (far.order, far.label) == (order, "node2_rank1")
        assert detect_rank(dict(os.environ)) == Rank()
        os.environ["LOCAL_RANK"] = "0"  # Lightning's launcher leaves these behind
        os.environ["MASTER_PORT"] = "1234"
    assert ORDER not in os.environ
    assert "LOCAL_RANK" not in os.environ
    assert "MASTER_PORT" not in os.environ


def test_a_child_of_lightning_runs_its_stage_only(recipe: Toy) -> None:
    order = json.dumps({"stage": "train_full", "resume": True, "directory": "/"})
    done = recipe.python(env={**os.environ, "LOCAL_RANK": "1", ORDER: order})
    assert done.returncode == 0, done.stderr
    assert (recipe.exp / "notes.txt").read_text() == "train_full-1 True\n"
    assert not (recipe.exp / "stages").exists()
    assert [path.name for path in (recipe.exp / "train_full").iterdir()] == ["train_full_rank1.log"]


def test_ranks_started_together_repeat_nothing_but_training(recipe: Toy) -> None:
    environ = {**os.environ, "WORLD_SIZE": "3", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for attempt in range(2):
        processes = [
            recipe.start(env={**environ, "RANK": str(rank), "LOCAL_RANK": str(rank)})
            for rank in (2, 1, 0)
        ]
        outputs = [process.communicate(timeout=60)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], outputs
        notes = (recipe.exp / "notes.txt").read_text().splitlines()
        stages = ("train_easy", "train_full")
        trained = [f"{stage}-{rank} False" for stage in stages for rank in range(3)]
        assert sorted(notes) == sorted(["prepare-0 False", *trained]), attempt
    assert "nothing to do" in outputs[2]


def machines(recipe: Toy, *numbers: int) -> list[subprocess.Popen[str]]:
    """Start the same command on several machines, as a person does."""
    environ = {**os.environ, "MASTER_ADDR": "localhost", "MASTER_PORT": "7"}
    return [recipe.start(env={**environ, "NODE_RANK": str(node)}) for node in numbers]


def test_machines_repeat_nothing_but_training_and_say_so(recipe: Toy) -> None:
    recipe.configs = {"training": {**TRAINING, "trainer": {"num_nodes": 2}}}
    recipe.write()
    processes = machines(recipe, 1, 0)
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    notes = (recipe.exp / "notes.txt").read_text().splitlines()
    trained = [f"train_{name}-{node} False" for name in ("easy", "full") for node in (0, 1)]
    assert sorted(notes) == sorted(["prepare-0 False", *trained])
    assert outputs[0] == "node 1 of 2: joins trainings; node 0 runs the rest\n"
    assert (recipe.exp / "train_easy" / "train_easy_node1.log").is_file()


def test_a_machine_that_no_config_asks_for(recipe: Toy) -> None:
    (process,) = machines(recipe, 1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "NODE_RANK is 1, and no training config has more nodes than 1" in output
    assert not (recipe.exp / "notes.txt").exists()


def test_notes_of_an_earlier_run_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Semaphore(0)

    def read(path: Path) -> dict[str, Any]:
        looked.release()
        return read_note(path)

    read_note = ranks._read_note
    monkeypatch.setattr(ranks, "_read_note", read)
    leader = Leader(tmp_path, 2)
    leader.order(Order("old", resume=False))
    leader._code = 0
    leader._thread.join()
    leader._code = None
    leader._write()  # it was killed: its note stays
    follower = Follower(tmp_path, 1)
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.extend(o.stage for o in follower.iter_orders()))
    thread.start()
    assert all(looked.acquire(timeout=10) for _ in range(3))
    assert seen == []
    leader = Leader(tmp_path, 2)
    leader.order(Order("new", resume=False))
    leader.finish(3)
    thread.join(timeout=10)
    assert seen == ["new"]
    assert follower.code == 3


def test_a_failure_of_rank_0_ends_the_others(recipe: Toy) -> None:
    recipe.file("src/steps.py", STEPS.replace('note(context, "prepare")', "1 / 0"))
    environ = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "2"}
    processes = [recipe.start(env={**environ, "RANK": str(rank)}) for rank in (1, 0)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], outputs
    assert outputs[0] == ""
    assert "ZeroDivisionError" in outputs[1]


def test_silence_of_rank_0_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("espnet3_runtime.process.ranks._SILENT_SECONDS", 0.5)
    with pytest.raises(UserError, match="rank 0 has written nothing"):
        list(Follower(tmp_path, 1).iter_orders())


def test_another_rank_fails_in_one_line(recipe: Toy) -> None:
    recipe.file(
        "src/system.py", SYSTEM.replace("if context.rank:", "if context.rank:\n            1 / 0")
    )
    order = json.dumps({"stage": "train_easy", "resume": False, "directory": "/"})
    done = recipe.python(env={**os.environ, "LOCAL_RANK": "1", ORDER: order})
    assert done.returncode == 1
    assert done.stderr == (
        "error: rank 1 failed: ZeroDivisionError: division by zero  "
        "(log: exp/toy/train_easy/train_easy_rank1.log)\n"
    )
    assert "1 / 0" in (recipe.exp / "train_easy" / "train_easy_rank1.log").read_text()
