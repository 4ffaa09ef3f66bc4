"""The cores that a stage may use, where stages run side by side and share those of the machine."""

import os
from collections.abc import Mapping

_CORES = "ESPNET3_CORES"
_THREADS = "OMP_NUM_THREADS"
"""What torch and numpy take as their number of threads when nothing else is set."""


def usable_cores(environ: Mapping[str, str] = os.environ) -> int:
    """Return the number of cores for this process and its workers."""
    given = environ.get(_CORES, "")
    if given.isdecimal() and int(given):
        return int(given)
    return machine_cores()


def machine_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_of_cores(cores: int, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables for a process that gets some of the cores.

    What a config sets (``num_threads``, ``num_workers``) goes before them, and so does an
    ``OMP_NUM_THREADS`` of the user's.

    Args:
        cores: How many it gets.
        environ: The environment of this process.
    """
    threads = {} if _THREADS in environ else {_THREADS: str(cores)}
    return {_CORES: str(cores), **threads}
