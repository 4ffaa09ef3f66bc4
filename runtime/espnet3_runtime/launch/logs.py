"""One log file per stage: command, machine, environment, settings, and what the stage logs."""

import logging
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from espnet3_runtime.incremental.provenance import git_state
from espnet3_runtime.process.redact import (
    Redactor,
    hide_secrets,
    redact,
    redact_command,
    secret_values,
)
from espnet3_schemas.secret_names import is_secret_name

_CLUSTER = ("SLURM_", "PBS_", "LSB_", "LSF_", "SGE_", "COBALT_", "OMPI_", "PMI_", "MPI_")
_RUNTIME = ("NCCL_", "CUDA_", "ROCM_", "HIP_", "OMP_", "MKL_", "UCX_", "NVIDIA_", "TORCH_", "PL_")
_NAMES = frozenset(
    (
        *("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONHASHSEED", "VIRTUAL_ENV"),
        *("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    )
)
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def rotate_log(path: Path) -> None:
    """Move an old log to the next free name ``<stem>1.log``, ``2`` …; the newest has no number."""
    if path.exists():
        number = 1
        while path.with_name(f"{path.stem}{number}.log").exists():
            number += 1
        path.rename(path.with_name(f"{path.stem}{number}.log"))


@contextmanager
def stage_log(
    path: Path, secrets: tuple[str, ...], *, console: bool = True
) -> Iterator[logging.Logger]:
    """Send everything that is logged to a fresh file while the block runs.

    Args:
        path: The log file; an older one is rotated away.
        secrets: Values that must not appear, besides those of the environment.
        console: Show warnings of stages (loggers below ``espnet3``) on the console too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rotate_log(path)
    root = logging.getLogger()
    level = root.level
    handlers = _make_handlers(path, (*secrets, *secret_values()), console=console)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(min(level, logging.INFO) if level else logging.INFO)
    logging.captureWarnings(capture=True)
    try:
        yield logging.getLogger("espnet3")
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def write_header(
    log: logging.Logger, recipe_dir: Path, settings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Log time, command, machine, git, environment, and the settings as they were compiled.

    Args:
        log: The stage's log.
        recipe_dir: The recipe's directory, absolute.
        settings: The stage's configs by name, late values not filled in.
    """
    secrets = secret_values()
    lines = [
        f"started {time.strftime('%Y-%m-%d %H:%M:%S %z')} on {platform.node()}",
        f"command {' '.join(redact_command(sys.argv, secrets))}",
        f"python {sys.version.split()[0]} at {sys.executable}",
        f"directory {recipe_dir}",
        f"git {git_state(recipe_dir) or 'none'}",
        *(f"environment {name}={value}" for name, value in logged_variables().items()),
    ]
    for line in lines:
        log.info("%s", line)
    import yaml

    for name, values in settings.items():
        text = yaml.safe_dump(hide_secrets(values), sort_keys=False, allow_unicode=True)
        log.info("settings of %s:\n%s", name, text.rstrip())


def logged_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that influence a run, without secrets."""
    secrets = secret_values(environ)
    return {
        name: redact(value, secrets)
        for name, value in sorted(environ.items())
        if (name in _NAMES or name.startswith((*_CLUSTER, *_RUNTIME))) and not is_secret_name(name)
    }


def _make_handlers(path: Path, secrets: tuple[str, ...], *, console: bool) -> list[logging.Handler]:
    file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    file.setFormatter(logging.Formatter(_FORMAT))
    handlers: list[logging.Handler] = [file]
    if console:
        shown = logging.StreamHandler(sys.stderr)
        shown.setLevel(logging.WARNING)
        shown.addFilter(lambda record: record.name.startswith(("espnet3.", "py.warnings")))
        shown.setFormatter(logging.Formatter("  %(levelname)s: %(message)s"))
        handlers.append(shown)
    for handler in handlers:
        handler.addFilter(Redactor(secrets))
    return handlers


class _LogFile(logging.FileHandler):
    """A log file; a full disk does not fill the screen with tracebacks."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave the line out when it cannot be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
