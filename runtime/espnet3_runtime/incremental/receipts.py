"""The record of a finished stage: ``exp/<tag>/stages/<name>.json``.

Its outputs are compared with the files before it is used; one that cannot be read counts as none.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from espnet3_runtime.atomic import sync_directory, write_json
from espnet3_runtime.build.records import read_record
from espnet3_runtime.errors import BuildError

SCHEMA_VERSION = 1
Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One output as it was when the stage finished.

    Attributes:
        path: Relative to the recipe directory, or absolute outside of it.
        sha256: Of the content.
        signature: Of sizes and times; while it holds, the content is not read again.
        size: Bytes.
        files: Number of files; 1 for a file.
    """

    path: str
    sha256: str
    signature: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """One attempt to run a stage.

    Attributes:
        stage: Its name.
        status: ``running`` also means: killed before it could be changed.
        started: ISO time with offset.
        finished: ISO time, None while running.
        seconds: How long it took.
        inputs: Everything that was read, see ``fingerprint``.
        outputs: What it made.
        own: Paths that configs name and that appeared while the stage ran: its own, not inputs.
        results: Numbers for the summary.
        error: One line, when it failed.
        provenance: git, packages, device, command.
    """

    stage: str
    status: Status
    started: str
    finished: str | None = None
    seconds: float = 0.0
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, OutputRecord] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    results: Mapping[str, float | str] = field(default_factory=dict)
    error: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def latest_minute(self) -> str:
        """When it finished, or else started, to the minute."""
        return (self.finished or self.started)[:16].replace("T", " ")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A receipt that cannot be used, and why."""

    reason: str


def _receipt_path(experiment: Path, stage: str) -> Path:
    """Return where the receipt of a stage lies."""
    return experiment.joinpath("stages", f"{stage}.json")


def write_receipt(experiment: Path, receipt: Receipt) -> None:
    """Write a receipt."""
    value = {"schema_version": SCHEMA_VERSION, **asdict(receipt)}
    write_json(_receipt_path(experiment, receipt.stage), value)


def read_receipt(experiment: Path, stage: str) -> Receipt | Unreadable | None:
    """Read the receipt of a stage; None when there is none."""
    try:
        data = _receipt_path(experiment, stage).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return Unreadable(error.strerror or "it cannot be read")
    try:
        value = json.loads(data)
        receipt = read_record(Receipt, value, "receipt")
    except (ValueError, RecursionError):
        return Unreadable("it is not JSON")
    except BuildError as error:
        return Unreadable(error.message)
    if value.get("schema_version") != SCHEMA_VERSION or receipt.stage != stage:
        return Unreadable("it is of another stage or version")
    return receipt


_MARKER_FILE = ".afresh"


def set_marker(directory: Path) -> None:
    """Mark the files in a stage's directory: they must not be continued."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARKER_FILE).touch()
    sync_directory(directory)


def has_marker(directory: Path) -> bool:
    """Say whether the files in a stage's directory must not be continued."""
    return (directory / _MARKER_FILE).exists()


def clear_marker(directory: Path) -> None:
    """Remove the mark: no file of an earlier attempt is left in a stage's directory."""
    (directory / _MARKER_FILE).unlink(missing_ok=True)
