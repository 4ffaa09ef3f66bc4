"""One stage, run in this process for another ``run.py``, which shows the plan and the table."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from espnet3_runtime.build.lock import Build
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.plan import judge_stage
from espnet3_runtime.launch.failures import Locate, summarize_error
from espnet3_runtime.launch.jobs.order import StageOrder
from espnet3_runtime.launch.prepare import handling_signals, make_runner, stage_turn
from espnet3_runtime.process.lockfile import adopt_lock
from espnet3_runtime.process.ranks import Rank
from espnet3_runtime.system import System

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 30.0
"""So long a stage may take to save once the process that ordered it has died."""


def run_one_stage(
    system_cls: type[System], build: Build, order: StageOrder, locate: Locate | None
) -> int:
    """Run a stage and write its receipt; return the exit code.

    Args:
        system_cls: The System of the build.
        build: The build of the process that gave the order.
        order: What it ordered.
        locate: Gives the location of a stage in the manifest, for messages.
    """
    from espnet3_runtime.launch.session import Session

    runner = make_runner(system_cls, build, Rank())
    path = build.experiment / "stages" / ".lock"
    held = adopt_lock(path, f'"{build.exp_dir}"', order.lock)
    session = Session(runner, held, order.force, locate, None, order.directory, edited=order.edited)
    with handling_signals(runner):
        obey_parent(runner.interrupts.requested)
        with stage_turn(build, order.stage, elsewhere=order.lock is None):
            verdict = judge_stage(build.stage(order.stage), runner.experiment, force=order.force)
            return session.attempt_stage(verdict)


def obey_parent(is_stopping: Callable[[], bool]) -> None:
    """Stop when the other end of standard input says so, and when its process has died.

    The first byte asks to save and stop, the second to stop at once.  The stage gets an empty
    standard input, and its lines are printed as they come.

    Args:
        is_stopping: Says whether a signal has come already.
    """
    parent = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
    threading.Thread(target=_read_requests, args=(parent, is_stopping), daemon=True).start()


def _read_requests(parent: int, is_stopping: Callable[[], bool]) -> None:
    is_alone = not os.read(parent, 1)
    if not is_stopping():
        os.kill(os.getpid(), signal.SIGTERM)
    while not is_stopping():  # the main thread handles the signal when it comes to it
        time.sleep(_POLL_SECONDS)
    if is_alone or not os.read(parent, 1):
        time.sleep(_PATIENCE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    while os.read(parent, 1):
        pass
    time.sleep(_PATIENCE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def system_of(
    build: Build, texts: Mapping[str, str], imported: type[System] | Exception
) -> type[System]:
    """Return the System of the build that was handed over; ``build/system.py`` may be newer.

    Args:
        build: The build of the process that gave the order.
        texts: Its texts.
        imported: What ``build/system.py`` gave to this process.

    Raises:
        UserError: It cannot be imported any more: the recipe's code was edited meanwhile.
    """
    file = build.directory / "system.py"
    if isinstance(imported, type) and _reads_as(file, texts["system.py"]):
        return imported
    module = ModuleType("system")
    module.__file__ = str(file)
    try:
        exec(compile(texts["system.py"], file, "exec"), vars(module))  # noqa: S102 - compiled by us
    except Exception as error:
        raise UserError(f"importing {build.system} fails: {summarize_error(error)}") from error
    classes = [found for found in vars(module).values() if isinstance(found, type)]
    return next(one for one in classes if one.__module__ == "system" and issubclass(one, System))


def _reads_as(file: Path, text: str) -> bool:
    try:
        return file.read_text(encoding="utf-8") == text
    except OSError:
        return False
