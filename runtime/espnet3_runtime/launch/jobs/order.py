"""What a process is told that runs one stage for another ``run.py``: the stage, and the build.

The build is handed over as the texts that the first process read: who edits and compiles a recipe
while it runs changes nothing of that run.
"""

import json
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from espnet3_runtime.build.lock import Build, load_build
from espnet3_schemas import LOCK

_VARIABLE = "ESPNET3_STAGE_JOB"
_SYSTEM = "system.py"


@dataclass(frozen=True, slots=True)
class StageOrder:
    """The order to run one stage.

    Attributes:
        stage: Its name.
        force: Whether it runs although it is up to date.
        build: The build directory.
        texts: A JSON file with the texts of the build, by path.
        directory: The working directory of the user.
        lock: The descriptor of the experiment's lock, inherited; None on another machine.
        edited: Files of code that were edited since the plan was made.
    """

    stage: str
    force: bool
    build: str
    texts: str
    directory: str
    lock: int | None
    edited: tuple[str, ...] = ()

    def variables(self) -> dict[str, str]:
        """Return the order as variables of the environment."""
        return {_VARIABLE: json.dumps(asdict(self))}

    def read_texts(self) -> dict[str, str]:
        """Return the texts of the build."""
        found: dict[str, str] = json.loads(Path(self.texts).read_text(encoding="utf-8"))
        return found

    def load_build(self, texts: Mapping[str, str]) -> Build:
        """Return the build of the process that gave the order."""
        return load_build(Path(self.build), texts)


def take_order(environ: MutableMapping[str, str]) -> StageOrder | None:
    """Return the order that this process was started with, and hide it from those it starts."""
    text = environ.pop(_VARIABLE, None)
    if text is None:
        return None
    order = StageOrder(**json.loads(text))
    return replace(order, edited=tuple(order.edited))


def build_texts(build: Build) -> dict[str, str]:
    """Return all texts of a build that a stage needs, by path, as this process has them."""
    files = [LOCK, _SYSTEM, *(e.file for e in (*build.configs.values(), *build.models.values()))]
    files += [f"calls/{stage.name}.yaml" for stage in build.stages if stage.call is not None]
    return {name: text for name in files if (text := _text_of(build, name)) is not None}


def write_texts(path: Path, build: Build) -> None:
    """Write the texts of a build for the processes that run its stages, for this user alone.

    Values of the command line may be secret.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(build_texts(build), file)


def _text_of(build: Build, name: str) -> str | None:
    if name in build.overlay:
        return build.overlay[name]
    path = build.directory / name
    return path.read_text(encoding="utf-8") if path.is_file() else None
