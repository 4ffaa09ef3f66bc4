"""What a run leaves, as digests that two runs can be compared by, and what must never be seen."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet3_runtime.atomic import is_temporary
from evaluation.kills.workspace import STAGES, experiment

_TIMES = ("seconds", "rtf")
_COUNTERS = "loops"
"""Lightning's counters of how often its own loops were entered; they depend on where they began."""


def truth(recipe: Path) -> dict[str, str]:
    """Return a digest of every file that a finished run made, without times and counters."""
    return {
        path.relative_to(recipe).as_posix(): digest(path)
        for path in made(recipe)
        if path.parent.name not in ("stages", "tensorboard")
    }


def made(recipe: Path) -> Iterator[Path]:
    """Yield the files under final names: what is neither temporary, nor a log, nor a lock."""
    for top in (recipe / "data", experiment(recipe)):
        for path in sorted(top.rglob("*")):
            if path.is_file() and not _aside(path.relative_to(top)):
                yield path


def digest(path: Path) -> str:
    """Return a hash of what a file says."""
    if path.suffix == ".ckpt":
        return _hash(_checkpoint(path))
    if path.name in ("curves.jsonl", "results.jsonl"):
        return _hash([_timeless(json.loads(line)) for line in path.read_text().splitlines()])
    if path.suffix == ".json" and path.name != "bundle.json":
        return _hash(_timeless(json.loads(path.read_text())))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def damage(recipe: Path, expected: dict[str, str]) -> list[str]:
    """Return what may never be seen after a kill: a half-written file under its final name.

    Args:
        recipe: Where a run was killed.
        expected: What an uninterrupted run leaves; files that never change while they are made
            must be just that, the others must be whole.
    """
    found = []
    for path in made(recipe):
        name = path.relative_to(recipe).as_posix()
        if "work" in path.parts or "tensorboard" in path.parts:
            continue
        try:
            same = path.suffix == ".html" or _passing(path) or digest(path) == expected.get(name)
        except Exception as error:  # noqa: BLE001 - any failure to read it is the finding
            found.append(f"{name} is torn: {type(error).__name__} {error}")
            continue
        if not same:
            found.append(f"{name} is not what an uninterrupted run makes")
    return found


def leftovers(recipe: Path) -> list[str]:
    """Return temporary files and directories that a finished run left."""
    paths = [*(recipe / "data").rglob("*"), *experiment(recipe).rglob("*")]
    names = [path.relative_to(recipe).as_posix() for path in paths if _is_temporary(path)]
    return [*names, *(["work"] if any(experiment(recipe).glob("*/work")) else [])]


def statuses(recipe: Path) -> dict[str, str]:
    """Return what the receipts say."""
    files = {name: experiment(recipe) / "stages" / f"{name}.json" for name in STAGES}
    return {n: json.loads(f.read_text())["status"] for n, f in files.items() if f.exists()}


def receipts(recipe: Path) -> int:
    """Return when a receipt was last written, in nanoseconds."""
    files = (experiment(recipe) / "stages").glob("*.json")
    return max((path.stat().st_mtime_ns for path in files), default=0)


def is_locked(recipe: Path) -> list[str]:
    """Return the locks that somebody still holds."""
    held = []
    for path in (experiment(recipe) / "stages" / ".lock", recipe / "data" / ".lock"):
        if not path.exists():
            continue
        descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(path.relative_to(recipe).as_posix())
        finally:
            os.close(descriptor)
    return held


def _passing(path: Path) -> bool:
    """Whether a file is whole, where its content changes as a run goes on."""
    if path.name == "curves.jsonl":  # grows line by line; the last line may be half
        lines = path.read_text().split("\n")[:-1]
        return all(json.loads(line) is not None for line in lines)
    if path.suffix == ".ckpt":
        return bool(_checkpoint(path))
    if path.parent.name == "stages":
        return path.suffix != ".json" or bool(json.loads(path.read_text()))
    return False


def _aside(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return hidden or path.suffix == ".log" or path.name == "report.html" or _is_temporary(path)


def _is_temporary(path: Path) -> bool:
    return is_temporary(path.name) or path.suffix == ".partial" or path.name.endswith(".tmp")


def _checkpoint(path: Path) -> dict[str, Any]:
    state = torch.load(path, weights_only=True)
    return {key: value for key, value in state.items() if key != _COUNTERS}


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in _TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _hash(value: Any) -> str:
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    """Feed nested containers into a hash, in the order of their keys."""
    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(np.ascontiguousarray(value.numpy()).tobytes())
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(f"{key}:".encode())
            _feed(digest, value[key])
    elif isinstance(value, (list, tuple)):
        digest.update(f"[{len(value)}".encode())
        for item in value:
            _feed(digest, item)
    else:
        digest.update(repr(value).encode())
