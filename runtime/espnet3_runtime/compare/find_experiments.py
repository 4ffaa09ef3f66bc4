"""The experiments that a command line names."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet3_runtime.errors import UsageError


@dataclass(frozen=True)
class NamedExperiment:
    """An experiment, or one train or measure stage of it.

    Attributes:
        directory: Of the experiment, as the command line names it.
        stage: The only stage that is wanted; None wants all.
    """

    directory: Path
    stage: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """Something that is not compared, and why."""

    path: str
    reason: str


def find_experiments(names: Sequence[str]) -> tuple[list[NamedExperiment], list[LeftOut]]:
    """Return the experiments below the names, and the directories that are none.

    Args:
        names: Experiments, stages of experiments, directories of experiments, or patterns of these.

    Raises:
        UsageError: A name leads nowhere.
    """
    found: dict[NamedExperiment, None] = {}
    left_out = []
    for name in names:
        paths = [name] if os.path.exists(name) else sorted(glob.glob(name, recursive=True))  # noqa: PTH110, PTH207
        if not paths:
            hint = "name experiments, for example exp/a exp/b, or the directory that holds them"
            raise UsageError(f'there is no "{name}"', hint=hint)
        for path in map(Path, paths):
            for one in _experiments_at(path):
                if isinstance(one, LeftOut):
                    left_out.append(one)
                else:
                    found[one] = None
    return list(found), list(dict.fromkeys(left_out))


def is_experiment(path: Path) -> bool:
    """Say whether a directory holds receipts of stages."""
    stages = path / "stages"
    return stages.is_dir() and any(file.suffix == ".json" for file in stages.iterdir())


def _experiments_at(path: Path) -> Iterator[NamedExperiment | LeftOut]:
    if not path.is_dir():
        if path.suffix != ".html":  # the page of an earlier comparison
            yield LeftOut(str(path), "is no directory")
    elif is_experiment(path):
        yield NamedExperiment(path)
    elif (path.parent / "stages" / f"{path.name}.json").is_file():
        yield NamedExperiment(path.parent, path.name)
    else:
        inner = sorted(child for child in path.iterdir() if child.is_dir())
        if not any(map(is_experiment, inner)):
            yield LeftOut(str(path), "holds no experiment: no stage has run there")
            return
        for child in inner:
            is_one = is_experiment(child)
            why = "is no experiment: no stage has run there"
            yield NamedExperiment(child) if is_one else LeftOut(str(child), why)
