"""A disk that is too small: a file system in memory that grows a little after each failure."""

import os
import random
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from evaluation.kills.blows import Blow
from evaluation.kills.chain import Kill, Lab
from evaluation.kills.truth import leftovers
from evaluation.kills.workspace import start_afresh

FULL = Blow("full disk", (1,), said="the disk refused to write")
_PAGE = 4096


def can_mount() -> bool:
    """Say whether this process may mount a file system (root may)."""
    if os.geteuid():
        return False
    with tempfile.TemporaryDirectory() as directory:
        done = _mount(Path(directory), 1 << 20)
        if done:
            _unmount(Path(directory))
        return done


def fill(lab: Lab, rng: random.Random) -> list[Kill]:
    """Run on a full disk, give it a little more, and so on until everything fits."""
    exp, data = lab.recipe / "exp", lab.recipe / "data"
    start_afresh(lab.recipe)
    for place in (exp, data):
        place.mkdir(exist_ok=True)
    size = 16 * _PAGE
    _mount(exp, size)
    _mount(data, 4 * size)  # else every failure is one of the data
    kills = []
    try:
        while len(kills) < 100:
            kill = lab.kill(FULL, None)
            if not kill.stage:
                kills += [kill] if kill.problems else []
                break
            left = [f"{name} was left on the full disk" for name in leftovers(lab.recipe)]
            kills.append(replace(kill, problems=(*kill.problems, *left)))
            size += int(_PAGE * rng.uniform(4, 60) if size < 1 << 20 else rng.uniform(2e5, 2e6))
            _mount(exp, size, remount=True)
            _mount(data, 4 * size, remount=True)
        problems = lab.finish()
        if problems:
            kills.append(Kill("pack_model", "full disk at the end", tuple(problems)))
    finally:
        _unmount(exp)
        _unmount(data)
    return kills


def _mount(place: Path, size: int, *, remount: bool = False) -> bool:
    options = f"{'remount,' if remount else ''}size={size}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)
