"""What a recipe made, in a form in which the same result is equal."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evaluation.edits.model import Place

TOLD = (
    "*.log",
    "*/tensorboard/*",
    "*/curves.jsonl",
    "*/previous/*",
    "*/upload.json",
    "report.html",
)
"""What tells how the work went: times, speeds, dates."""
TIMES = frozenset({"rtf", "done", "sha256", "files", "listing_sha256", "path", "git"})
"""Keys of JSON files that hold speeds, hashes of files that are compared themselves, and the commit
of then: to commit a recipe changes nothing that a stage reads."""
COMMIT = b"- Commit `"
"""How the line of a model card begins that names it."""


def results(place: Place) -> Mapping[str, str]:
    """Return a digest of every file of the experiment and of the data, by name."""
    found = {}
    for folder in (place.exp, place.recipe / "data", place.root / "recipes/digits/asr/data"):
        found_files = (
            Path(top, file) for top, _, files in os.walk(folder, followlinks=True) for file in files
        )
        for path in sorted(found_files):
            name = path.relative_to(place.root).as_posix()
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            told = path.is_relative_to(place.exp / "stages") or any(map(path.match, TOLD))
            if path.is_file() and not hidden and not told:
                found[name] = digest(path)
    return found


def digest(path: Path) -> str:
    """Return the SHA-256 of what a file says."""
    if path.suffix == ".json":
        content = json.dumps(_without_times(json.loads(path.read_text("utf-8")))).encode()
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            content = b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays))
    elif path.suffix == ".ckpt":
        content = _tensors(torch.load(path, map_location="cpu", weights_only=True))
    elif path.name == "README.md":
        lines = path.read_bytes().splitlines(keepends=True)
        content = b"".join(line for line in lines if not line.startswith(COMMIT))
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _tensors(checkpoint: Mapping[str, Any]) -> bytes:
    state = checkpoint.get("state_dict", checkpoint)
    buffer = io.BytesIO()
    for name, tensor in sorted(state.items()):
        buffer.write(name.encode())
        buffer.write(tensor.contiguous().numpy().tobytes() if torch.is_tensor(tensor) else b"")
    return buffer.getvalue()
