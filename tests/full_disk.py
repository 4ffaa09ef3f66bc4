"""Runs a command on a disk that is full: a file system in memory, or a limit of file sizes."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Attempt:
    """What a command said on the full disk, what it left there, and its code once there is room."""

    code: int
    said: str
    temporary: list[str]
    code_with_room: int


@cache
def namespace() -> tuple[str, ...]:
    """Return the command before another that lets it mount; empty where nobody may."""
    for flags in ("-m", "-rm"):
        command = ("unshare", flags, "--")
        try:
            probe = [*command, "mount", "-t", "tmpfs", "t", "/mnt"]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            break
    return ()


def run_on_full_disk(
    place: Path, kilobytes: int, *command: str, folder: Path, options: str = "", **extra: str
) -> Attempt:
    """Run Python with arguments twice: with so little room below ``place``, then with more.

    Args:
        place: A directory; it is hidden by the small disk, where one can be mounted.
        kilobytes: The size of the disk, or of a file.
        command: Arguments of Python.
        folder: The working directory.
        options: Of the mount, for example a number of inodes.
        extra: Variables of the environment.
    """
    place.mkdir(parents=True, exist_ok=True)
    run, where = shlex.join([sys.executable, *command]), shlex.quote(str(place))
    limit, grow = f"ulimit -f {kilobytes}", "true"
    if namespace():
        limit = f"mount -t tmpfs -o size={kilobytes}k{options} t {where}"
        grow = f"mount -o remount,size=99m,nr_inodes=9999 {where}"
    list_names = rf"find {where} -name '.*tmp-*' -o -name '.*-new' -o -name '*.partial*'"
    script = (
        f"{limit} || exit 99; {run} >/dev/null; echo CODE $?; {list_names}; "
        f"echo THEN; {grow} || exit 99; "
    )
    if namespace():
        script += f"{run} >/dev/null 2>&1; echo $?"
    else:
        script = f"({script}); {run} >/dev/null 2>&1; echo $?"
    done = subprocess.run(
        [*namespace(), "bash", "-c", script],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **extra},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, _, then = done.stdout.partition("THEN")
    code, *left = first.removeprefix("CODE ").splitlines()
    return Attempt(int(code), done.stderr, left, int(then))


def check_refusal(attempt: Attempt, place: Path, words: Sequence[str] = ()) -> None:
    """Hold that one sentence names the disk, nothing temporary is left, and more room is enough."""
    assert (attempt.code, attempt.temporary, attempt.code_with_room) == (1, [], 0), attempt.said
    assert attempt.said.count("error: ") == 1, attempt.said
    assert "Traceback" not in attempt.said
    assert all(word in attempt.said for word in words), attempt.said
    if namespace():
        assert f'"{place}" has ' in attempt.said, attempt.said
        assert "bytes free" in attempt.said
