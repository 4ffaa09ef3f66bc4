"""Several processes of one run: rank 0 decides and runs every stage, the others join training.

Lightning's own launcher starts ``run.py`` again for each further process while ``train`` runs on
rank 0; :func:`announce` tells those children which stage that is.  torchrun, srun and mpirun start
all ranks at once; there the ranks other than 0 wait in :class:`Follower` for what :class:`Leader`
writes into the experiment's directory.  So do machines on which a person starts the same command
with ``NODE_RANK`` and ``MASTER_ADDR``; on each of them Lightning starts the processes beside the
first.  Each of them shows a number of its own that the leader
repeats, so notes of an earlier run with the same address are never taken for this one's.
"""

import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.errors import UserError

ORDER = "ESPNET3_ORDER"
_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_SIZES = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_RUN = (
    *("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"),
    *("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT", "OMPI_MCA_orte_hnp_uri"),
)
_POLL_SECONDS = 0.2
_BEAT_SECONDS = 5.0
_LATE_SECONDS = 120.0
_SILENT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a rank other than 0 has to do.

    Attributes:
        stage: The stage to join.
        resume: Whether rank 0 continues an earlier attempt.
        directory: Where the user stood when rank 0 was started; paths on the command line are
            relative to it.
    """

    stage: str
    resume: bool
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Rank:
    """Which of the processes this is.

    Attributes:
        number: Its rank.
        size: How many were started from outside; 1 when Lightning starts the others.
        order: What Lightning's child is to do.
        node: Which of several machines, where the same command was started on each of them and
            Lightning starts what runs beside it; None otherwise.
        local: Which of the processes of its machine.
    """

    number: int = 0
    size: int = 1
    order: Order | None = None
    node: int | None = None
    local: int = 0

    @property
    def label(self) -> str:
        """What logs and messages call it; empty for the one that leads."""
        if not self.number:
            return ""
        if not self.node:
            return f"rank{self.number}"
        return f"node{self.node}" + (f"_rank{self.local}" if self.local else "")


def detect_rank(environ: Mapping[str, str] = os.environ) -> Rank:
    """Read the rank from the variables of torchrun, SLURM, MPI, or Lightning's launcher."""
    local = _read_number(environ, ("LOCAL_RANK",), 0)
    node = _read_number(environ, ("NODE_RANK", "GROUP_RANK"), 0)
    if ORDER in environ and (local or node):
        order = Order(**json.loads(environ[ORDER]))
        return Rank(max(local, 1), 1, order, node or None, local)
    for rank, size in zip(_RANKS, _SIZES, strict=True):
        if (
            rank in environ
            and _read_number(environ, (size,), 1) > 1
            and not _is_interactive(environ, rank)
        ):
            return Rank(_read_number(environ, (rank,), 0), _read_number(environ, (size,), 1))
    if "MASTER_ADDR" in environ and "NODE_RANK" in environ and "LOCAL_RANK" not in environ:
        return Rank(node, 2, None, node)
    return Rank()


def among_nodes(rank: Rank, nodes: int) -> Rank:
    """Return the rank with the number of machines that the training configs ask for.

    Raises:
        UserError: This is another machine than the first, and they ask for one.
    """
    if rank.node is None or rank.order is not None:
        return rank
    if nodes > rank.node:
        return replace(rank, size=nodes) if nodes > 1 else Rank()
    raise UserError(
        f"NODE_RANK is {rank.node}, and no training config has more nodes than {nodes}",
        hint="set trainer.num_nodes, or unset NODE_RANK",
    )


@contextmanager
def announce_order(order: Order) -> Iterator[None]:
    """Tell children that Lightning starts what to join, and clean up what its launcher leaves.

    After the block a next training stage can start children of its own: variables are as before
    and the process group is gone.
    """
    before = dict(os.environ)
    os.environ[ORDER] = json.dumps(
        {"stage": order.stage, "resume": order.resume, "directory": order.directory}
    )
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            if name in (
                ORDER,
                "LOCAL_RANK",
                "NODE_RANK",
                "WORLD_SIZE",
                "MASTER_ADDR",
                "MASTER_PORT",
            ):
                del os.environ[name]
        _end_process_group()


class Leader:
    """Rank 0 of several that were started at once; a thread keeps telling that it lives.

    Args:
        experiment: The directory of the experiment, which all ranks see.
        size: How many processes there are.
        launches: Whether Lightning starts the processes beside it.
    """

    def __init__(self, experiment: Path, size: int, *, launches: bool = False) -> None:
        self.launches = launches
        self._directory = _meeting_directory(experiment)
        self._size = size
        self._orders: list[dict[str, Any]] = []
        self._code: int | None = None
        self._beats = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_alive, daemon=True)
        self._thread.start()

    def order(self, order: Order) -> None:
        """Let the other ranks join a stage."""
        self._orders.append({"stage": order.stage, "resume": order.resume})
        self._write()

    def finish(self, code: int) -> None:
        """Let the other ranks end with an exit code; wait for those that have not shown up yet."""
        deadline = time.monotonic() + _LATE_SECONDS
        while len(self._follower_numbers()) < self._size - 1 and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._code = code
        self._thread.join()
        self._write()

    def _keep_alive(self) -> None:
        known: dict[str, str] = {}
        told = 0.0
        while self._code is None:
            numbers = self._follower_numbers()
            if numbers != known or time.monotonic() - told > _BEAT_SECONDS:
                known, told = numbers, time.monotonic()
                self._write()
            time.sleep(_POLL_SECONDS)

    def _write(self) -> None:
        with self._lock:
            self._beats += 1
            note = {"to": self._follower_numbers(), "orders": self._orders, "code": self._code}
            write_json(self._directory / "orders.json", {**note, "beats": self._beats})

    def _follower_numbers(self) -> dict[str, str]:
        files = self._directory.glob("rank-*.json")
        return {
            file.stem: str(found.get("number")) for file in files if (found := _read_note(file))
        }


class Follower:
    """A rank other than 0 of several that were started at once.

    Attributes:
        code: The exit code of rank 0, once it has finished.
    """

    def __init__(self, experiment: Path, rank: int) -> None:
        self.code = 1
        self._directory = _meeting_directory(experiment)
        self._name = f"rank-{rank}"
        self._number = uuid.uuid4().hex
        self._parent = os.getppid()
        write_json(self._directory / f"{self._name}.json", {"number": self._number})

    def iter_orders(self) -> Iterator[Order]:
        """Yield the stages to join, in order, until rank 0 has finished.

        Raises:
            UserError: Nothing has been heard of rank 0 for minutes.
        """
        done, beats, heard = 0, 0, time.monotonic()
        while os.getppid() == self._parent:
            note = _read_note(self._directory / "orders.json") or {}
            if note.get("to", {}).get(self._name) == self._number and note["beats"] != beats:
                beats = note["beats"]
                for order in note["orders"][done:]:
                    done += 1
                    yield Order(order["stage"], order["resume"])
                heard = time.monotonic()
                if note["code"] is not None and len(note["orders"]) == done:
                    self.code = int(note["code"])
                    break
            elif time.monotonic() - heard > _SILENT_SECONDS:
                raise UserError("rank 0 has said nothing for five minutes; it is probably dead")
            else:
                time.sleep(_POLL_SECONDS)
        (self._directory / f"{self._name}.json").unlink(missing_ok=True)


def _meeting_directory(experiment: Path) -> Path:
    run = "\0".join(f"{name}={os.environ.get(name, '')}" for name in _RUN)
    return experiment / "stages" / ".ranks" / hashlib.sha256(run.encode()).hexdigest()[:16]


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _read_number(environ: Mapping[str, str], names: tuple[str, ...], default: int) -> int:
    found = (environ[name] for name in names if environ.get(name, "").isdecimal())
    return int(next(found, default))


def _is_interactive(environ: Mapping[str, str], rank: str) -> bool:
    """Say whether this is a shell inside of a SLURM allocation, which is no task of a step."""
    if rank != "SLURM_PROCID":
        return False
    return (
        environ.get("SLURM_JOB_NAME") in ("bash", "interactive") or "SLURM_STEP_ID" not in environ
    )


def _end_process_group() -> None:
    import sys

    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
