"""Independent tasks on Dask workers: local processes, or jobs of a cluster."""

import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from espnet3_runtime.config import to_plain
from espnet3_runtime.errors import UserError, exception_chain
from espnet3_runtime.process.cores import usable_cores
from espnet3_schemas.installation import install_command

_CLUSTERS: Mapping[str, tuple[str, str]] = {
    "local": ("distributed", "LocalCluster"),
    "local_gpu": ("distributed", "LocalCluster"),
    "ssh": ("distributed", "SSHCluster"),
    "kube": ("dask_kubernetes.operator", "KubeCluster"),
    "htcondor": ("dask_jobqueue", "HTCondorCluster"),
    "lsf": ("dask_jobqueue", "LSFCluster"),
    "moab": ("dask_jobqueue", "MoabCluster"),
    "oar": ("dask_jobqueue", "OARCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "sge": ("dask_jobqueue", "SGECluster"),
    "slurm": ("dask_jobqueue", "SLURMCluster"),
}

QUEUES = tuple(env for env, (module, _) in _CLUSTERS.items() if module == "dask_jobqueue")
"""Clusters with a queue that takes jobs."""

_LISTINGS = {
    "htcondor": ("condor_q",),
    "lsf": ("bjobs",),
    "moab": ("checkjob",),
    "oar": ("oarstat", "-j"),
    "pbs": ("qstat",),
    "sge": ("qstat", "-j"),
    "slurm": ("squeue", "--noheader", "--jobs"),
}
"""Commands that say, given a number, whether a job waits or runs; it may wait for days.

None of these queues was at hand: what they print, here and below, was tried on none of them.
"""
_ENDED = re.compile(r"\b(DONE|EXIT|Completed)\b")  # LSF and Moab list these, too
_AWAY = re.compile(r"timed out|connect|contact|communicat|is down", re.IGNORECASE)
"""A queue that does not answer says so; that says nothing about its jobs."""
_PATIENCE_SECONDS = 30.0
"""So long a cluster may be without workers, and its jobs without a place in the queue."""
_KUBE_SECONDS = 600.0  # nodes start, images are fetched


_LOCAL_WORKERS = {
    **{
        f"distributed.nanny.pre-spawn-environ.{name}": size
        for name, size in (("MALLOC_TRIM_THRESHOLD_", 1 << 28), ("MALLOC_MMAP_THRESHOLD_", 1 << 25))
    },
    "distributed.worker.profile.enabled": False,
}
"""Workers keep freed memory: Dask would return it to the system at every tensor, and the page
faults take longer than the features of a batch.  Nor do they look a hundred times a second at which
line a task is, for a dashboard that is off."""


_starting = threading.Lock()
"""Dask imports parts of itself when a scheduler starts; two threads find it half imported."""


def in_process(parallel: Mapping[str, Any], tasks: int) -> bool:
    """Say whether so many tasks run in this process: one local worker, or one task."""
    return is_local(parallel) and min(parallel["n_workers"], tasks) <= 1


class Workers:
    """The Dask workers of a ``parallel`` block; they start with the first tasks, and stay.

    Workers run in the recipe directory with the recipe importable, as a stage does.

    Args:
        parallel: The ``parallel`` block of a config.
        recipe_dir: Absolute.
        most: The largest number of tasks at once, and so of workers.
    """

    def __init__(self, parallel: Mapping[str, Any], recipe_dir: Path, most: int) -> None:
        self._parallel = parallel
        self._recipe_dir = recipe_dir
        self._count = min(parallel["n_workers"], most)
        self._stack = ExitStack()
        self._client: Any = None
        self._cluster: Any = None
        self._futures: Sequence[Any] = ()
        self._cancelled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Call ``function(*task)`` for every task.

        The first failure cancels the tasks that have not begun.

        Args:
            function: A function of a module (workers import it).
            tasks: Its arguments, once for each call.

        Yields:
            The number of a task and what its call returned, in the order in which they finish.

        Raises:
            UserError: Dask or the kind of cluster is not installed, no worker starts, or workers
                died.
        """
        if not tasks:
            return
        if self._client is None:
            with _starting:
                self._cluster = _cluster(self._parallel, self._count)
                self._stack.callback(_close, self._cluster)
                client = _import_package("distributed").Client(self._cluster)
                self._client = self._stack.enter_context(client)
        threads = max(usable_cores() // self._count, 1) if is_local(self._parallel) else 0
        futures = [
            self._client.submit(
                _run_task, str(self._recipe_dir), threads, function, task, pure=False
            )
            for task in tasks
        ]
        self._futures = futures
        if self._cancelled:
            self.cancel()
        watch = _Watch(self._client, self._cluster, self._parallel["env"], futures)
        try:
            yield from _as_completed(futures, watch)
        finally:
            watch.ended.set()
            self._client.cancel(futures)

    def cancel(self) -> None:
        """Give up the tasks under way, from another thread; the caller of ``run`` gets an error."""
        self._cancelled = True
        if self._futures:
            self._client.cancel(self._futures)


class _Watch(threading.Thread):
    """Cancels the tasks of a cluster that has no worker and will get none; Dask waits for ever."""

    def __init__(self, client: Any, cluster: Any, env: str, futures: Sequence[Any]) -> None:
        super().__init__(daemon=True)
        self._client, self._cluster, self.env, self._futures = client, cluster, env, futures
        self.seconds = _KUBE_SECONDS if env == "kube" else _PATIENCE_SECONDS
        self.gave_up = False
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        alive = time.monotonic()
        while not self.ended.wait(self.seconds / 10):  # queues are asked seldom
            if self._client.scheduler_info(n_workers=1)["workers"] or self._is_queued():
                alive = time.monotonic()
            elif time.monotonic() - alive > self.seconds:
                self.gave_up = True
                self._client.cancel(self._futures)
                return

    def _is_queued(self) -> bool:
        """Say whether the queue lists one of the jobs, or does not answer."""
        command = _LISTINGS.get(self.env)
        jobs = [job.job_id for job in list(self._cluster.workers.values())] if command else []
        return any(_lists(command, str(job)) for job in jobs if command and job)


def _lists(command: Sequence[str], job: str) -> bool:
    try:
        done = subprocess.run(
            [*command, job], capture_output=True, text=True, timeout=60, check=True
        )
    except subprocess.TimeoutExpired:
        return True
    except subprocess.CalledProcessError as error:
        return _AWAY.search(error.stderr) is not None
    except OSError:
        return False
    number = re.compile(rf"\b{re.escape(job.partition('.')[0])}\b")
    return any(number.search(line) and not _ENDED.search(line) for line in done.stdout.splitlines())


def is_local(parallel: Mapping[str, Any]) -> bool:
    """Say whether the workers of a ``parallel`` block are processes of this machine."""
    return parallel["env"] in ("local", "local_gpu")


def worker_number() -> int:
    """Return the number of this Dask worker, 0 outside of one; GPUs are chosen by it."""
    if "distributed" not in sys.modules:
        return 0
    try:
        name = sys.modules["distributed"].get_worker().name
    except ValueError:
        return 0
    return name if isinstance(name, int) else 0


def _as_completed(futures: Sequence[Any], watch: _Watch) -> Iterator[tuple[int, Any]]:
    distributed = _import_package("distributed")
    numbers = {future.key: number for number, future in enumerate(futures)}
    for future in distributed.as_completed(futures):
        try:
            result = future.result()
        except distributed.KilledWorker as error:
            raise UserError(
                "workers died again and again while they ran one task; often there is not enough "
                "memory",
                where="parallel",
                hint="ask for fewer workers, smaller batches, or more memory in parallel.options",
            ) from error
        except CancelledError as error:
            if watch.gave_up:
                raise UserError(
                    f"the {watch.env} cluster has had no worker for {watch.seconds:.0f} s",
                    where="parallel",
                    hint="its jobs have ended, or its workers cannot reach this machine: see "
                    "the logs of its jobs (parallel.options.log_directory)",
                ) from None
            raise UserError("the cluster was closed before all tasks were done") from error
        yield numbers[future.key], result


def _cluster(parallel: Mapping[str, Any], workers: int) -> Any:
    env, options = parallel["env"], to_plain(parallel["options"])
    module, name = _CLUSTERS[env]
    kind = getattr(_import_package(module), name)
    logging.getLogger("distributed").setLevel(logging.ERROR)  # its import sets another one
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what a stop leaves unfinished
    try:
        if is_local(parallel):
            defaults = {"threads_per_worker": 1, "dashboard_address": None}
            quiet = {"silence_logs": logging.CRITICAL}  # this process reports failures
            with _import_package("dask").config.set(_LOCAL_WORKERS):
                return kind(n_workers=workers, **{**defaults, **quiet, **options})
        given = options.get("connect_options", {})
        if env == "ssh" and isinstance(given, dict):  # a host that never answers
            options["connect_options"] = {"connect_timeout": _PATIENCE_SECONDS, **given}
        cluster = kind(**options)
        if env != "ssh":  # its hosts are its workers
            _scale(cluster, workers)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of cluster has its own
        for begun in list(kind._instances) if env == "kube" else ():  # noqa: SLF001
            _close(begun, logging.INFO)
            begun.shutdown_on_close = False  # it would fail again at exit, with a traceback
        causes = list(exception_chain(error))  # Dask wraps the errors of its workers
        told = [one for one in causes if type(one).__name__ != "CancelledError"]
        cause = (told or causes)[-1]
        text = " ".join(str(cause).split()) or type(cause).__name__
        raise UserError(
            f"the {env} cluster does not start: {text}",
            where="parallel.options",
            hint=f"pip install {cause.name}" if isinstance(cause, ModuleNotFoundError) else "",
        ) from None
    return cluster


def _scale(cluster: Any, workers: int) -> None:
    """Ask for workers; a queue that takes no jobs is an error here, which Dask only logs."""

    async def submit() -> None:
        cluster.scale(workers)
        await cluster._correct_state()  # noqa: SLF001 - nothing else raises what a job raised

    try:
        if hasattr(cluster, "_correct_state"):
            cluster.sync(submit)
        else:
            cluster.scale(workers)
    except BaseException:
        _close(cluster, logging.INFO)
        raise


def _close(cluster: Any, level: int = logging.WARNING) -> None:
    """Close a cluster; what goes wrong then does not hide what went wrong before."""
    try:
        cluster.close()
    except Exception as error:  # noqa: BLE001 - jobs that cannot be cancelled
        logging.getLogger("espnet3.parallel").log(level, "the cluster does not close: %s", error)


def _run_task(
    recipe_dir: str, threads: int, function: Callable[..., Any], task: tuple[Any, ...]
) -> Any:
    """Do one task in a worker, with directory, path and threads as in a stage's process."""
    os.chdir(recipe_dir)
    if recipe_dir not in sys.path:
        sys.path.insert(0, recipe_dir)
    use_threads(threads or None)
    return function(*task)


def require_cluster(parallel: Mapping[str, Any]) -> None:
    """Import what the workers of a ``parallel`` block elsewhere need.

    Raises:
        UserError: It is not installed.
    """
    if not is_local(parallel):
        for module in ("distributed", _CLUSTERS[parallel["env"]][0]):
            _import_package(module)


def try_cluster(parallel: Mapping[str, Any]) -> None:
    """Start the scheduler of a cluster without a job, and end it.

    Raises:
        UserError: A package is not installed, or the cluster refuses its options.
    """
    require_cluster(parallel)
    _close(_cluster(parallel, 0), logging.INFO)


def _import_package(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise UserError(
            f'several workers need the package "{package}", which is not installed',
            where="parallel",
            hint=install_command("parallel")
            if package in ("distributed", "dask-jobqueue")
            else f"pip install {package}",
        ) from error


def use_threads(count: int | None) -> None:
    """Let torch compute with ``count`` threads; None leaves its choice."""
    if count is not None:
        import torch

        torch.set_num_threads(count)
