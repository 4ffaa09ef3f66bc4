"""Edits that take more than replacing a text."""

import json
import os
import subprocess
from dataclasses import replace

from evaluation.edits.model import Edit, Place, action
from evaluation.edits.names import INFERENCE, TRAINING


def cut(place: Place, file: str) -> None:
    path = place.exp / file
    os.truncate(path, path.stat().st_size // 2)


def flip(place: Place, file: str, *, keep: bool = False) -> None:
    """Change one byte in the middle of a file."""
    path = place.exp / file
    before = path.stat()
    flip_file(path)
    if keep:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_file(path: os.PathLike[str]) -> None:
    with open(path, "r+b") as file:  # noqa: PTH123
        middle = os.fstat(file.fileno()).st_size // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))


def unlink_all(place: Place, pattern: str) -> None:
    for path in place.recipe.glob(pattern):
        path.unlink()


def touch_all(place: Place) -> None:
    for folder in ("exp", "data"):
        for path in (place.recipe / folder).rglob("*"):
            os.utime(path, (1, 1))


def commit(place: Place) -> None:
    for words in (("init",), ("add", "--all", "*.yaml", "*.py"), ("commit", "--message", "First")):
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words],
            cwd=place.root / "recipes",
            check=True,
            capture_output=True,
        )


def bumped(package: str, runs: str) -> Edit:
    """Return the edit after which a package has another version than the receipts say."""

    def change(place: Place) -> None:
        for path in (place.exp / "stages").glob("*.json"):
            value = json.loads(path.read_text(encoding="utf-8"))
            if package in value["inputs"]["versions"]:
                value["inputs"]["versions"][package] = "0.0.1"
                path.write_text(json.dumps(value), encoding="utf-8")

    edit = action(f"another version of {package}", runs, change)
    return replace(edit, simulated=True)


def carriage_returns(place: Place, file: str) -> None:
    path = place.recipe / file
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def rename_training(place: Place) -> None:
    """Call the stage train otherwise, and name it so where its checkpoint is used."""
    place.replace("recipe.yaml", "- train\n", "- {name: fit, run: train}\n")
    place.replace(INFERENCE, "stages.train.best", "stages.fit.best")


def rename_model(place: Place) -> None:
    """Call the model otherwise, and name it so where its frontend is used."""
    place.replace("recipe.yaml", "  ctc:", "  recogniser:")
    place.replace(TRAINING, "models.ctc.", "models.recogniser.")


def copy_config(place: Place, lr: str) -> None:
    text = (place.recipe / TRAINING).read_text(encoding="utf-8")
    place.append("conf/same.yaml", text.replace("lr: 3e-3, w", f"lr: {lr}, w"))
