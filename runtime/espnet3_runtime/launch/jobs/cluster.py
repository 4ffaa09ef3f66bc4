"""Stages as jobs of a cluster: each is the one task of one worker of a Dask cluster of its own.

dask-jobqueue knows the queues of SLURM, PBS and others, and ``collect_stats`` and ``infer`` start
their workers with it already; submitit knows SLURM alone.  The stage is a process of the job, which
reads and writes the experiment on a disk that both machines see: its lines come from a file there,
and so do the signals that it is sent.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from espnet3_runtime.errors import UserError
from espnet3_runtime.launch.jobs.output import print_named
from espnet3_runtime.launch.jobs.process import describe_exit
from espnet3_runtime.process.dask_workers import Workers

DASK_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED"),
)
"""What Dask sets in the environment of its workers; a stage has them as the user set them."""
_POLL_SECONDS = 0.5
_AT_ONCE = 2
"""So many signals end a stage."""


def run_as_job(
    command: Sequence[str], variables: Mapping[str, str], directory: str, output: str
) -> int:
    """Run a command in a job, and return its exit code, minus a signal; the worker calls this.

    Args:
        command: The command.
        variables: What its environment has beside that of the job.
        directory: Its working directory.
        output: The file for what it prints; the file ``output.stop`` has a byte for each signal.
    """
    with open(output, "ab") as file:  # noqa: PTH123 - a text, on another machine
        process = subprocess.Popen(
            command,
            env={**_environment_of_job(), **variables},
            cwd=directory,
            stdin=subprocess.PIPE,  # it ends when this process does, and the stage with it
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    passed = 0
    code = None
    while code is None:
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(_POLL_SECONDS)
        for _ in range(passed, _signals_in(output)):
            passed += 1
            process.send_signal(signal.SIGTERM if passed <= _AT_ONCE else signal.SIGKILL)
    if code < 0:  # its own processes were told nothing
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    return code


def _environment_of_job() -> dict[str, str]:
    """Return the environment of the job, without what Dask sets for its workers."""
    return {name: value for name, value in os.environ.items() if name not in DASK_VARIABLES}


def _signals_in(output: str) -> int:
    try:
        return len(_stop_file(output).read_bytes())
    except OSError:
        return 0


def _stop_file(output: str) -> Path:
    return Path(f"{output}.stop")


@dataclass
class ClusterStage:
    """A stage that is a job, or waits to be one.

    Attributes:
        name: The stage's name, padded.
        workers: The worker that runs it.
        task: The arguments of :func:`run_as_job`.
        problem: Why it ended without a word, where the cluster says so.
    """

    name: str
    workers: Workers
    task: tuple[Sequence[str], Mapping[str, str], str, str]
    problem: str = ""
    _ended: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._remove_files()  # of a run that was killed

    @property
    def _output(self) -> Path:
        return Path(self.task[3])

    def wait(self) -> int:
        """Submit the job, print what it prints, and wait for its end; return the exit code."""
        printer = Thread(target=self._print_lines, daemon=True)
        printer.start()
        code = -signal.SIGTERM
        try:
            with self.workers:
                for _, code in self.workers.run(run_as_job, [self.task]):  # noqa: B007
                    pass
        except UserError as error:
            hint = error.hint.replace("parallel.options", "options")  # as the file calls them
            self.problem = error.message + (f" ({hint})" if hint else "")
        except Exception as error:  # noqa: BLE001 - of the cluster; the run goes on without the job
            self.problem = f"{type(error).__name__}: {error}"
        self._ended.set()
        printer.join()
        self._remove_files()
        return code

    def interrupt(self) -> None:
        """Ask it to save and stop; where it has not begun, take it out of the queue."""
        if not self._output.exists():
            self.workers.cancel()
            return
        with _stop_file(self.task[3]).open("ab") as file:
            file.write(b".")

    def kill(self) -> None:
        """End it now: close the cluster, which cancels its job."""
        self.workers.cancel()

    def describe_end(self, code: int) -> str:
        """Return why it ended without a word."""
        return self.problem or describe_exit(code)

    def _remove_files(self) -> None:
        for path in (self._output, _stop_file(self.task[3])):
            path.unlink(missing_ok=True)

    def _print_lines(self) -> None:
        """Print the lines of the job's file as they come, until it has ended."""
        position, rest = 0, b""
        while True:
            ended = self._ended.is_set()
            with suppress(OSError), self._output.open("rb") as file:
                file.seek(position)
                *lines, rest = (rest + file.read()).split(b"\n")
                position = file.tell()
                self._print(lines)
            if ended:
                self._print([rest] if rest else [])
                return
            time.sleep(_POLL_SECONDS)

    def _print(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            print_named(self.name, line.decode("utf-8", "replace"), sys.stdout)


def options_for(parallel: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Return the ``parallel`` block of the job of one stage.

    The job has its name and one worker, and its scheduler, of which each job has one, a free port.

    Args:
        parallel: What the file of the cluster says.
        stage: The stage's name.
    """
    options = dict(parallel["options"])
    scheduler = dict(options.get("scheduler_options") or {})
    scheduler["dashboard_address"] = scheduler.get("dashboard_address") or ":0"  # any free port
    return {
        **parallel,
        "options": {"job_name": stage, **options, "processes": 1, "scheduler_options": scheduler},
    }
