"""Compile and run as a person does, in processes of their own; or edit while a run is under way."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from evaluation.edits.model import Edit, Moment, Place
from evaluation.recipes import settings

_ATTEMPTS = 5
_SECONDS = 120
UNCLEAN = "failed without a sentence:"


class MissedError(Exception):
    """The stage was over before the edit could be made."""


def run(
    place: Place,
    sets: Sequence[str],
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Compile and run."""
    variables = _variables(place, environment or {})

    def python(*words: str) -> subprocess.CompletedProcess[str]:
        command = [place.python, *words]
        return subprocess.run(
            command, cwd=place.recipe, env=variables, capture_output=True, text=True, check=False
        )

    compiled = python("-m", "espnet3_compiler", "recipe.yaml", *settings(sets))
    return compiled if compiled.returncode else python("build/run.py", *options)


def run_beside(place: Place, *options: str) -> None:
    """Run the build that is there."""
    subprocess.run(
        [place.python, "build/run.py", *options],
        cwd=place.recipe,
        env=_variables(place, {}),
        capture_output=True,
        check=True,
    )


def edit_during_run(place: Place, edit: Edit) -> str:
    """Run a stage of a finished recipe again, edit it meanwhile, and return what the run says.

    The run is stopped (SIGSTOP) while it is edited, so that the edit falls into the stage.

    Raises:
        MissedError: The stage was over too soon, several times.
    """
    moment, apply = edit.during, edit.apply
    assert moment is not None
    assert apply is not None
    if moment.before is not None:
        moment.before(place)
    for _ in range(_ATTEMPTS):
        process = _start(place, moment.stage)
        try:
            if _is_stopped_within(process, place, moment):
                apply(place)
                process.send_signal(signal.SIGCONT)
                said, _ = process.communicate(timeout=_SECONDS)
                is_clean = not process.returncode or "error: stage" in said
                return said if is_clean and "Traceback" not in said else f"{UNCLEAN} {said}"
        finally:
            process.kill()
            process.communicate()
    raise MissedError(f"{edit.name}: {moment.stage} is over before it can be edited")


def _start(place: Place, stage: str) -> subprocess.Popen[str]:
    (place.exp / "stages" / f"{stage}.json").unlink(missing_ok=True)
    (place.exp / stage / f"{stage}.log").unlink(missing_ok=True)
    return subprocess.Popen(
        [place.python, "build/run.py"],
        cwd=place.recipe,
        env=_variables(place, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _is_stopped_within(process: subprocess.Popen[str], place: Place, moment: Moment) -> bool:
    """Wait for the moment and stop the process; say whether the stage is still under way."""
    log = place.exp / moment.stage / f"{moment.stage}.log"
    end = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < end:
        is_there = log.exists() and moment.line in log.read_text(encoding="utf-8")
        if is_there and any(path.endswith(moment.opened) for path in _opened(process.pid)):
            process.send_signal(signal.SIGSTOP)
            receipt = place.exp / "stages" / f"{moment.stage}.json"
            return bool(json.loads(receipt.read_text(encoding="utf-8"))["status"] == "running")
        time.sleep(0.001)
    return False


def _opened(process: int) -> list[str]:
    """Return the files that a process has open."""
    found = []
    for link in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(OSError):
            found.append(str(link.readlink()))
    return found


def _variables(place: Place, more: Mapping[str, str]) -> dict[str, str]:
    path = [*place.paths, *filter(None, [os.environ.get("PYTHONPATH")])]
    known = {"PYTHONPATH": os.pathsep.join(path)} if path else {}
    return {**os.environ, **known, "OMP_NUM_THREADS": "1", **more}
