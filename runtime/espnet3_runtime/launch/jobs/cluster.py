"""Stages as jobs of a cluster: each is the one task of one worker of a Dask cluster of its own.

dask-jobqueue knows the queues of SLURM, PBS and others, and ``collect_stats`` and ``infer`` start
their workers with it already; submitit knows SLURM alone.  The stage is a process of the job, which
reads and writes the experiment on a disk that both machines see: its lines come from a file there,
and so do the requests to stop.
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
from espnet3_runtime.launch.jobs.process import StageProcess, describe_exit
from espnet3_runtime.process.dask_workers import Workers

DASK_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED"),
)
"""What Dask sets in the environment of its workers; a stage has them as the user set them."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True, repr=False)  # older Dask logs the arguments of a task that fails
class StageJob:
    """What a job does.

    Attributes:
        command: The command.
        variables: What its environment has beside that of the job; some may be secret.
        directory: Its working directory.
        output: The file for what it prints.
    """

    command: Sequence[str]
    variables: Mapping[str, str]
    directory: str
    output: Path

    @property
    def requests(self) -> Path:
        """The file with a byte for each request to stop."""
        return self.output.with_name(f"{self.output.name}.stop")


def run_as_job(job: StageJob) -> int:
    """Run a command in a job, and return its exit code, minus a signal; the worker calls this."""
    with job.output.open("ab") as file:
        process = subprocess.Popen(
            job.command,
            env={**_environment_of_job(), **job.variables},
            cwd=job.directory,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stage = StageProcess(process)
    Thread(target=_pass_requests, args=(stage, job.requests), daemon=True).start()
    return stage.wait()


def _pass_requests(stage: StageProcess, requests: Path) -> None:
    passed = 0
    while stage.process.poll() is None:
        with suppress(OSError):  # mostly there are none
            for _ in requests.read_bytes()[passed:]:
                stage.interrupt()
                passed += 1
        time.sleep(_POLL_SECONDS)


def _environment_of_job() -> dict[str, str]:
    """Return the environment of the job, without what Dask sets for its workers."""
    return {name: value for name, value in os.environ.items() if name not in DASK_VARIABLES}


@dataclass
class ClusterStage:
    """A stage that is a job, or waits to be one.

    Attributes:
        name: The stage's name, padded.
        workers: The worker that runs it.
        job: What it does.
        problem: Why it ended without a word, where the cluster says so.
    """

    name: str
    workers: Workers
    job: StageJob
    problem: str = ""
    _ended: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._remove_files()  # of a run that was killed

    def wait(self) -> int:
        """Submit the job, print what it prints, and wait for its end; return the exit code."""
        printer = Thread(target=self._print_lines, daemon=True)
        printer.start()
        code = -signal.SIGTERM
        try:
            with self.workers:
                for _, code in self.workers.run(run_as_job, [(self.job,)]):  # noqa: B007
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
        if not self.job.output.exists():
            self.workers.cancel()
            return
        with self.job.requests.open("ab") as file:
            file.write(b".")

    def kill(self) -> None:
        """End it now: close the cluster, which cancels its job."""
        self.workers.cancel()

    def describe_end(self, code: int) -> str:
        """Return why it ended without a word."""
        return self.problem or describe_exit(code)

    def _remove_files(self) -> None:
        for path in (self.job.output, self.job.requests):
            path.unlink(missing_ok=True)

    def _print_lines(self) -> None:
        """Print the lines of the job's file as they come, until it has ended."""
        position, rest = 0, b""
        while True:
            ended = self._ended.is_set()
            with suppress(OSError), self.job.output.open("rb") as file:
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
