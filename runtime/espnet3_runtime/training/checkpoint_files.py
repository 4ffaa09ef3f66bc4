"""Writes the checkpoints of a training atomically, averages the best, clears old ones."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from espnet3_runtime.atomic import (
    atomic_file,
    removed_after_error,
    replace_directory,
    sync_directory,
    temporary,
)

if TYPE_CHECKING:
    import lightning.pytorch as pl

LAST = "last.ckpt"
PREVIOUS = "previous"


def save_weights(path: Path, state: Mapping[str, torch.Tensor], **facts: Any) -> None:
    """Write weights atomically; the same weights and facts give the same bytes."""
    with atomic_file(path, "wb") as file:
        torch.save({"state_dict": dict(state), **facts}, file)


def save_everything(trainer: "pl.Trainer", path: Path) -> None:
    """Write Lightning's full checkpoint atomically; every rank calls this."""
    part = path.with_name(f".{path.name}.tmp-train")
    if trainer.is_global_zero:
        _remove_path(part)
        with removed_after_error(part, path):
            trainer.save_checkpoint(part)
            _replace_durably(part, path)
    else:
        trainer.save_checkpoint(part)
    trainer.strategy.barrier("espnet3.save_everything")


def link(source: Path, path: Path) -> None:
    """Give a file a second, stable name; a copy where the file system has no hard links.

    What is linked has been flushed under its first name.
    """
    if path.exists() and path.samefile(source):
        return
    part = temporary(path)
    with removed_after_error(part, path):
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
            _replace_durably(part, path)
        else:
            part.replace(path)
            sync_directory(path.parent)


def average(paths: Sequence[Path], target: Path) -> None:
    """Write the mean of several checkpoints of weights.

    Floating-point values are averaged in float64; others, such as counters, are those of the first
    (the best) file.
    """
    total: dict[str, torch.Tensor] = {}
    first: dict[str, torch.Tensor] = {}
    for path in paths:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        first = first or state
        for name, value in state.items():
            if value.is_floating_point() or value.is_complex():
                wide = value.to(torch.complex128 if value.is_complex() else torch.float64)
                total[name] = total[name] + wide if name in total else wide
    mean = {
        name: (total[name] / len(paths)).to(value.dtype) if name in total else value
        for name, value in first.items()
    }
    save_weights(target, mean, averaged=[path.name for path in paths])


def set_aside(directory: Path, keep: Sequence[str]) -> bool:
    """Move the files of an earlier training to ``previous``; return whether there were any.

    ``keep`` lists names and suffixes that stay.  Only one training is kept; the files of one
    without a checkpoint are removed.  After a kill in between, the next call finishes the move.
    """
    found, waiting = _files_of(directory, keep), directory / f".{PREVIOUS}"
    if not waiting.exists() and not any(path.suffix == ".ckpt" for path in found):
        remove_leftovers(directory, keep)
        return False
    waiting.mkdir(exist_ok=True)
    for path in found:
        path.rename(waiting / path.name)
    shutil.rmtree(directory / PREVIOUS, ignore_errors=True)
    waiting.rename(directory / PREVIOUS)
    return True


def remove_leftovers(directory: Path, keep: Sequence[str]) -> None:
    """Remove the files of a training that was killed before it could be resumed."""
    for path in _files_of(directory, keep):
        _remove_path(path)


def _files_of(directory: Path, keep: Sequence[str]) -> list[Path]:
    return [
        path
        for path in directory.iterdir()
        if path.name not in (PREVIOUS, *keep)
        and path.suffix not in keep
        and not path.name.startswith(".")
    ]


def _remove_path(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace_durably(part: Path, path: Path) -> None:
    if part.is_dir():  # a sharded checkpoint
        replace_directory(part, path)
        _remove_path(part)
    else:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        if path.is_dir():
            shutil.rmtree(path)
        part.replace(path)
    sync_directory(path.parent)
