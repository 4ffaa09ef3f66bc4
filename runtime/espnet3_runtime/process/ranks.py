"""Several processes of one run: rank 0 decides and runs every stage, the others join training.

Lightning's own launcher starts ``run.py`` again for each further process while ``train`` runs on
rank 0; :func:`announce_order` names the stage for them.  torchrun, srun and mpirun start all ranks
at once; there the others wait in :class:`Follower` for orders that :class:`Leader` writes into the
experiment's directory.  So do machines on which the same command is started with ``NODE_RANK`` and
``MASTER_ADDR``; on each of them Lightning starts the further processes.  The leader repeats a
random number of each follower, so files of an earlier run with the same address do not count.
"""

import hashlib
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
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
_LAUNCHER = frozenset(
    (ORDER, "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
)
_POLL_SECONDS = 0.2
_BEAT_SECONDS = 5.0
_LATE_SECONDS = 120.0
_SILENT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Order:
    """The order to a rank other than 0 to join a stage.

    Attributes:
        stage: The stage to join.
        resume: Whether rank 0 continues an earlier attempt.
        directory: The working directory of the user; paths on the command line are relative to
            it.
    """

    stage: str
    resume: bool
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Rank:
    """The rank of this process.

    Attributes:
        number: Its rank.
        size: How many were started from outside; 1 when Lightning starts the others.
        order: The order of a process that Lightning started.
        node: The number of the machine, where the same command was started on each of them and
            Lightning starts further processes; None otherwise.
        local: The number of the process on its machine.
    """

    number: int = 0
    size: int = 1
    order: Order | None = None
    node: int | None = None
    local: int = 0

    @property
    def label(self) -> str:
        """Its name in logs and messages; empty for rank 0."""
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
    # A shell inside of a SLURM allocation is no task of a step.
    shells = ("bash", "interactive")
    is_shell = environ.get("SLURM_JOB_NAME") in shells or "SLURM_STEP_ID" not in environ
    for rank, size in zip(_RANKS, _SIZES, strict=True):
        count = _read_number(environ, (size,), 1)
        is_task = rank in environ and not (rank == "SLURM_PROCID" and is_shell)
        if is_task and count > 1:
            return Rank(_read_number(environ, (rank,), 0), count)
    if "MASTER_ADDR" in environ and "NODE_RANK" in environ and "LOCAL_RANK" not in environ:
        return Rank(node, 2, None, node)
    return Rank()


def with_node_count(rank: Rank, nodes: int) -> Rank:
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
    """Pass an order to processes that Lightning starts; afterwards undo what its launcher set.

    After the block the next training stage can start processes of its own.
    """
    before = dict(os.environ)
    os.environ[ORDER] = json.dumps(asdict(order))
    try:
        yield
    finally:
        for name in _LAUNCHER.intersection(os.environ.keys() - before.keys()):
            del os.environ[name]
        distributed = sys.modules.get("torch.distributed")
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()


class Leader:
    """Rank 0 of several that were started at once; a thread reports that it is alive.

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
        """Let the other ranks end with an exit code; wait for those that have not started yet."""
        deadline = time.monotonic() + _LATE_SECONDS
        while len(self._follower_numbers()) < self._size - 1 and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._code = code
        self._thread.join()
        self._write()

    def _keep_alive(self) -> None:
        known: dict[str, str] = {}
        reported = 0.0
        while self._code is None:
            numbers = self._follower_numbers()
            if numbers != known or time.monotonic() - reported > _BEAT_SECONDS:
                known, reported = numbers, time.monotonic()
                self._write()
            time.sleep(_POLL_SECONDS)

    def _write(self) -> None:
        with self._lock:
            self._beats += 1
            note = {"to": self._follower_numbers(), "orders": self._orders, "code": self._code}
            write_json(self._directory / "orders.json", {**note, "beats": self._beats})

    def _follower_numbers(self) -> dict[str, str]:
        notes = {file.stem: _read_note(file) for file in self._directory.glob("rank-*.json")}
        return {name: str(note.get("number")) for name, note in notes.items() if note}


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
            UserError: Rank 0 has written nothing for five minutes.
        """
        done, beats, heard = 0, 0, time.monotonic()
        while os.getppid() == self._parent:
            note = _read_note(self._directory / "orders.json")
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
                raise UserError("rank 0 has written nothing for five minutes; it is probably dead")
            else:
                time.sleep(_POLL_SECONDS)
        (self._directory / f"{self._name}.json").unlink(missing_ok=True)


def _meeting_directory(experiment: Path) -> Path:
    run = "\0".join(f"{name}={os.environ.get(name, '')}" for name in _RUN)
    return experiment / "stages" / ".ranks" / hashlib.sha256(run.encode()).hexdigest()[:16]


def _read_note(path: Path) -> dict[str, Any]:
    """Return the note of another rank; empty where there is none yet."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _read_number(environ: Mapping[str, str], names: tuple[str, ...], default: int) -> int:
    found = (environ[name] for name in names if environ.get(name, "").isdecimal())
    return int(next(found, default))
