"""The directory of an experiment: its receipts, and the outputs as they are now."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from espnet3_runtime.atomic import write_bytes
from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.hashing import (
    Signature,
    Skip,
    content_hash,
    read_signature,
    wait_for_tick,
)
from espnet3_runtime.incremental.receipts import (
    OutputRecord,
    Receipt,
    Unreadable,
    read_receipt,
    write_receipt,
)
from espnet3_schemas.build_records import Stage

_LOG_SUFFIX = re.compile(r"(_(node|rank)\d+)*\d*\.log")
"""How the name of a stage's log goes on behind the name of the stage."""
ADDED_SCORES = ".scores"
"""Ends the names of event files that ``measure`` adds to those of a training."""


@dataclass(frozen=True, slots=True)
class _OutputState:
    """An output as it is now.

    Attributes:
        record: What the receipt says.
        sha256: Of the content now; None when it is missing.
        touched: The signature differs although the content may not.
    """

    record: OutputRecord
    sha256: str | None
    touched: bool

    @property
    def is_intact(self) -> bool:
        """Whether the content is unchanged."""
        return self.sha256 == self.record.sha256


class Experiment:
    """Receipts and outputs, each read once until :meth:`forget_stage`."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self._receipts: dict[str, Receipt | Unreadable | None] = {}
        self._found: dict[str, Mapping[str, _OutputState]] = {}
        self._hashes: dict[tuple[Path, str], str | None] = {}
        self._paths: dict[str, Path] = {}

    @cached_property
    def salt(self) -> bytes:
        """Random bytes that hide environment variables in receipts; kept beside them."""
        try:
            return self._salt_path.read_bytes()
        except OSError:
            return os.urandom(16)

    def keep_salt(self) -> None:
        """Write the salt, when there is none yet."""
        if not self._salt_path.is_file():
            write_bytes(self._salt_path, self.salt)

    @property
    def _salt_path(self) -> Path:
        return self.build.experiment / "stages" / ".salt"

    def file_hash(self, path: Path) -> str | None:
        """Return the hash of a file that settings name; read again only when it changed."""
        now = read_signature(path)
        key = (path, now.digest if now else "")
        if key not in self._hashes:
            self._hashes[key] = content_hash(path)
        return self._hashes[key]

    def receipt(self, stage: str) -> Receipt | Unreadable | None:
        """Return the receipt of a stage."""
        if stage not in self._receipts:
            receipt = read_receipt(self.build.experiment, stage)
            if isinstance(receipt, Receipt):
                receipt = self._check_receipt(self.build.stage(stage), receipt)
            self._receipts[stage] = receipt
        return self._receipts[stage]

    def done(self, stage: str) -> Receipt | None:
        """Return the receipt of a stage that finished."""
        receipt = self.receipt(stage)
        return receipt if isinstance(receipt, Receipt) and receipt.status == "done" else None

    def outputs(self, stage: str) -> Mapping[str, _OutputState]:
        """Return the outputs of a finished stage as they are now; empty when it has not."""
        if stage not in self._found:
            receipt = self.done(stage)
            self._found[stage] = {
                name: self._read_state(self.build.stage(stage), record)
                for name, record in (receipt.outputs if receipt else {}).items()
            }
        return self._found[stage]

    def look_again(self, stage: str, *, as_made: bool) -> list[str]:
        """Return outputs of another content than when this process last looked, or ``as_made``."""
        before = self._found.pop(stage, {})
        known = {} if as_made else before
        now = self.outputs(stage)
        return [
            name for name in now if now[name].sha256 != known.get(name, now[name].record).sha256
        ]

    def forget_stage(self, stage: str) -> None:
        """Look again next time: the stage has run."""
        self._receipts.pop(stage, None)
        self._found.pop(stage, None)

    def path(self, relative: str) -> Path:
        """Return the absolute form of a path in a receipt or the lock."""
        if relative not in self._paths:
            self._paths[relative] = self.build.recipe_dir / relative
        return self._paths[relative]

    def relative_path(self, path: Path) -> str:
        """Return how receipts and configs name a path: relative to the recipe when inside."""
        path = self.build.recipe_dir / path
        for base in (self.build.recipe_dir, self.build.recipe_dir.resolve()):
            if path.is_relative_to(base):
                return path.relative_to(base).as_posix()
        return str(path)

    def record(self, stage: Stage, path: Path) -> OutputRecord | None:
        """Hash an output that was just made; None when it is missing.

        The signature is the one from before: a file that changes meanwhile is looked at again.
        """
        skip = self._skip(stage, path)
        found = read_signature(path, skip)
        if found is None:
            return None
        wait_for_tick(found.newest)
        sha256 = content_hash(path, skip)
        if sha256 is None:
            return None
        return OutputRecord(self.relative_path(path), sha256, found.digest, found.size, found.files)

    def current_hash(self, stage: Stage, record: OutputRecord) -> str | None:
        """Hash an output whatever its signature says; None when it is missing."""
        path = self.path(record.path)
        return content_hash(path, self._skip(stage, path))

    def current_signature(self, stage: Stage, record: OutputRecord) -> Signature | None:
        """Return sizes and times of an output as it is now; None when it is missing."""
        path = self.path(record.path)
        return read_signature(path, self._skip(stage, path))

    def refresh_signatures(self, stage: str) -> None:
        """Write new signatures of outputs that were touched but have the same content."""
        receipt, found = self.done(stage), self.outputs(stage)
        if receipt is None or not any(
            state.touched and state.is_intact for state in found.values()
        ):
            return
        owner = self.build.stage(stage)
        outputs = {}
        for name, state in found.items():
            fresh = self.record(owner, self.path(state.record.path))
            is_same = fresh is not None and fresh.sha256 == state.record.sha256
            outputs[name] = fresh if fresh is not None and is_same else state.record
        write_receipt(self.build.experiment, replace(receipt, outputs=outputs))
        self.forget_stage(stage)

    def _read_state(self, stage: Stage, record: OutputRecord) -> _OutputState:
        path = self.path(record.path)
        skip = self._skip(stage, path)
        now = read_signature(path, skip)
        if now is None:
            return _OutputState(record, None, touched=True)
        if now.digest == record.signature:
            return _OutputState(record, record.sha256, touched=False)
        return _OutputState(record, content_hash(path, skip), touched=True)

    def _skip(self, stage: Stage, path: Path) -> Skip:
        """Return a filter for files in an output directory that do not belong to the output."""
        whole, own = str(path), os.path.join(self.build.experiment, stage.name, stage.name)  # noqa: PTH118 - faster
        owners, logs = self._output_owners, (own, *self._moved_logs)

        def skip(entry: str) -> bool:
            if owners.get(entry, stage.name) != stage.name and entry != whole:
                return True
            if entry.endswith(ADDED_SCORES) and entry.rpartition(os.sep)[2].startswith("events."):
                return True
            return entry.startswith(logs) and any(
                entry.startswith(log) and _LOG_SUFFIX.fullmatch(entry, len(log)) for log in logs
            )

        return skip

    @cached_property
    def _moved_logs(self) -> tuple[str, ...]:
        """The logs, without their endings, of stages whose System says where these go."""
        moved = (self.build.log_of(stage) for stage in self.build.stages if stage.log_dir)
        return tuple(str(log.with_suffix("")) for log in moved)

    @cached_property
    def _output_owners(self) -> Mapping[str, str]:
        """The stage that makes the file or directory at a path."""
        stages = self.build.stages
        made = {
            str(self.path(out.path)): one.name for one in stages for out in one.outputs.values()
        }
        above = str(self.build.experiment)
        return made | {os.path.join(above, one.name): one.name for one in stages}  # noqa: PTH118

    def _check_receipt(self, stage: Stage, receipt: Receipt) -> Receipt | Unreadable:
        """Refuse a receipt that names files which the stage cannot have made."""
        for name, record in receipt.outputs.items():
            declared = stage.outputs.get(name)
            if stage.outputs and declared is None:
                continue  # the plan reports that the declaration changed
            if declared is None and not self._lies_inside(self.path(record.path)):
                return Unreadable(f'its output "{name}" lies outside of the recipe')
            if declared is not None and self.path(declared.path) != self.path(record.path):
                return Unreadable(f'its output "{name}" lies elsewhere')
        return receipt

    def _lies_inside(self, path: Path) -> bool:
        roots = (self.build.recipe_dir, self.build.experiment, self.path(self.build.data_dir))
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(root.resolve()) for root in roots)
