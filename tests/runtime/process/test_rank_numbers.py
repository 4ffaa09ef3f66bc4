"""Which rank a process is, by every launcher, and what ranks write to each other."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from espnet3_runtime.errors import UserError
from espnet3_runtime.process import ranks
from espnet3_runtime.process.dask_workers import in_process, is_local, require_cluster
from espnet3_runtime.process.ranks import (
    ORDER,
    Follower,
    Leader,
    Order,
    Rank,
    announce_order,
    detect_rank,
    with_node_count,
)
from espnet3_schemas.installation import install_command

GIVEN = Order("train", resume=False, directory="/d")
TOLD = {ORDER: json.dumps({"stage": "train", "resume": False, "directory": "/d"})}
STEP = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RANK": "1"}, Rank()),
        ({"RANK": "1", "WORLD_SIZE": "1"}, Rank()),
        ({"RANK": "1", "WORLD_SIZE": "x"}, Rank()),
        ({"WORLD_SIZE": "2"}, Rank()),
        ({"PMI_RANK": "2", "PMI_SIZE": "3"}, Rank(2, 3)),
        ({"RANK": "1", "WORLD_SIZE": "2", "PMI_RANK": "2", "PMI_SIZE": "3"}, Rank(1, 2)),
        ({**STEP, "SLURM_JOB_NAME": "train"}, Rank(1, 2)),
        ({**STEP, "SLURM_JOB_NAME": "bash"}, Rank()),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_JOB_NAME": "bash"}, Rank(1, 2)),
        ({"NODE_RANK": "1", "MASTER_ADDR": "a", "LOCAL_RANK": "0"}, Rank()),
        ({"GROUP_RANK": "1", "MASTER_ADDR": "a"}, Rank()),
        ({"NODE_RANK": "", "MASTER_ADDR": "a"}, Rank(0, 2, node=0)),
        ({**TOLD, "LOCAL_RANK": "0"}, Rank()),
        ({**TOLD, "LOCAL_RANK": "0", "NODE_RANK": "0"}, Rank()),
        ({**TOLD, "LOCAL_RANK": "2"}, Rank(2, 1, GIVEN, None, 2)),
        ({**TOLD, "LOCAL_RANK": "2", "NODE_RANK": "0"}, Rank(2, 1, GIVEN, None, 2)),
        ({**TOLD, "NODE_RANK": "3"}, Rank(1, 1, GIVEN, 3, 0)),
        ({**TOLD, "LOCAL_RANK": "0", "GROUP_RANK": "3"}, Rank(1, 1, GIVEN, 3, 0)),
        ({**TOLD, "RANK": "1", "WORLD_SIZE": "2"}, Rank(1, 2)),
    ],
)
def test_every_launcher(environ: dict[str, str], expected: Rank) -> None:
    assert detect_rank(environ) == expected


@pytest.mark.parametrize(
    ("rank", "label"),
    [
        (Rank(), ""),
        (Rank(0, 2, node=1, local=1), ""),
        (Rank(3, 4), "rank3"),
        (Rank(3, 4, node=0, local=2), "rank3"),
        (Rank(2, 2, node=2), "node2"),
        (Rank(1, 1, GIVEN, 2, 3), "node2_rank3"),
    ],
)
def test_names_of_ranks(rank: Rank, label: str) -> None:
    assert rank.label == label


@pytest.mark.parametrize(
    ("rank", "nodes", "expected"),
    [
        (Rank(), 3, Rank()),
        (Rank(1, 2), 3, Rank(1, 2)),
        (Rank(1, 1, GIVEN, 1), 1, Rank(1, 1, GIVEN, 1)),
        (Rank(0, 2, node=0), 1, Rank()),
        (Rank(0, 2, node=0), 2, Rank(0, 2, node=0)),
        (Rank(0, 2, node=0), 4, Rank(0, 4, node=0)),
        (Rank(1, 2, node=1), 2, Rank(1, 2, node=1)),
        (Rank(1, 2, node=1), 3, Rank(1, 3, node=1)),
    ],
)
def test_how_many_machines_there_are(rank: Rank, nodes: int, expected: Rank) -> None:
    assert with_node_count(rank, nodes) == expected


@pytest.mark.parametrize(("node", "nodes"), [(1, 1), (2, 2)])
def test_a_machine_too_many(node: int, nodes: int) -> None:
    with pytest.raises(UserError, match="no training config has more nodes") as error:
        with_node_count(Rank(node, 2, node=node), nodes)
    assert error.value.message == (
        f"NODE_RANK is {node}, and no training config has more nodes than {nodes}"
    )
    assert error.value.hint == "set trainer.num_nodes, or unset NODE_RANK"


def test_what_a_launcher_set_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "mine")
    for name in ("NODE_RANK", "WORLD_SIZE", "LOCAL_RANK", "OTHER"):
        monkeypatch.delenv(name, raising=False)
    with announce_order(GIVEN):
        assert json.loads(os.environ[ORDER]) == json.loads(TOLD[ORDER])
        os.environ.update(NODE_RANK="0", WORLD_SIZE="2", OTHER="x", MASTER_ADDR="theirs")
    found = {name: os.environ.get(name) for name in (ORDER, "NODE_RANK", "WORLD_SIZE", "OTHER")}
    assert found == {ORDER: None, "NODE_RANK": None, "WORLD_SIZE": None, "OTHER": "x"}
    assert os.environ["MASTER_ADDR"] == "theirs"
    del os.environ["OTHER"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ranks look often, as in a quick run."""
    monkeypatch.setattr(ranks, "_POLL_SECONDS", 0.001)


@pytest.mark.usefixtures("quick")
def test_orders_reach_a_follower_in_order_and_once(tmp_path: Path) -> None:
    leader, joined = Leader(tmp_path, 2), []
    follower = Follower(tmp_path, 1)

    def follow() -> None:
        joined.extend(follower.iter_orders())

    thread = threading.Thread(target=follow)
    thread.start()
    for order in (Order("one", resume=False), Order("two", resume=True)):
        leader.order(order)
    leader.finish(7)
    thread.join()
    assert joined == [Order("one", resume=False), Order("two", resume=True)]
    assert follower.code == 7
    (folder,) = (tmp_path / "stages" / ".ranks").iterdir()
    assert [path.name for path in folder.iterdir()] == ["orders.json"]
    assert len(folder.name) == 16
    note = json.loads((folder / "orders.json").read_text())
    assert note["code"] == 7
    assert [order["stage"] for order in note["orders"]] == ["one", "two"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("note", ["", "[]", '{"to": {}}', '{"to": {"rank-1": "another"}}'])
def test_a_silent_leader_is_probably_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    follower = Follower(tmp_path, 1)
    (folder,) = (tmp_path / "stages" / ".ranks").iterdir()
    (folder / "orders.json").write_text(note)
    moments = iter((0.0, 299.0, 300.0, 300.5))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with pytest.raises(UserError, match="written nothing for five minutes; it is probably dead"):
        list(follower.iter_orders())
    assert list(moments) == []
    assert follower.code == 1


def test_what_runs_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_local({"env": env}) for env in ("local", "local_gpu", "ssh")] == [True, True, False]
    for workers, tasks, here in ((0, 5, True), (1, 5, True), (2, 1, True), (2, 0, True)):
        assert in_process({"env": "local", "n_workers": workers}, tasks) is here
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    monkeypatch.setitem(sys.modules, "dask_kubernetes.operator", None)
    require_cluster({"env": "local"})
    for env, package, how in (
        ("slurm", "dask-jobqueue", install_command("parallel")),
        ("kube", "dask-kubernetes", "pip install dask-kubernetes"),
    ):
        with pytest.raises(UserError, match="several workers need") as error:
            require_cluster({"env": env})
        assert error.value.message == (
            f'several workers need the package "{package}", which is not installed'
        )
        assert (error.value.where, error.value.hint) == ("parallel", how)
