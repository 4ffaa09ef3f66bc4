"""A test set in shards: decoded one by one, each complete on disk or absent, merged at the end."""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espnet3_runtime.atomic import atomic_directory, temporary, write_json
from espnet3_runtime.data.item_lengths import find_lengths
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.outputs import as_line
from espnet3_runtime.inference.scp import check_id, format_scp

RECORDS = "records.jsonl"
_SHARDS = 16  # of a test set; a killed run has to repeat at most about one of them
_MOST = 2048  # items of a shard, however large the test set is
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class InferenceRecord:
    """One item of a test set after inference.

    Attributes:
        index: Its index in the data set.
        utt_id: Its id.
        outputs: Texts (or n-best lists of them) and numbers by output.
        files: Paths of other outputs by name, relative to the directory of the test set.
        columns: Texts and numbers of the sample itself, for scoring.
        seconds: Length of its audio, where the contract declares the sample rate.
    """

    index: int
    utt_id: str
    outputs: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Shard:
    """Items of a test set that are decoded together, as batches of indices."""

    number: int
    batches: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Return the number of items."""
        return sum(map(len, self.batches))

    def directory(self, work: Path) -> Path:
        """Return the directory of its results, which exists once it is done."""
        return work / f"shard-{self.number:05d}"


def plan_shards(dataset: SplitDataset, length_key: str | None, batch_size: int) -> list[Shard]:
    """Cut a test set into shards of complete batches.

    Where lengths are known without reading audio, long items come first: items of a batch have
    similar lengths, a lack of memory shows at once, and the last worker gets no long item.

    Args:
        dataset: The test set.
        length_key: The field that gives the length of an item; None keeps the order.
        batch_size: Items of a batch.
    """
    count = len(dataset)
    order: NDArray[np.int64] = np.arange(count)
    lengths = find_lengths(dataset, length_key, None)[0] if length_key else None
    if lengths is not None:
        order = np.argsort(-lengths.steps, kind="stable")
    batches = [
        tuple(order[start : start + batch_size].tolist()) for start in range(0, count, batch_size)
    ]
    most = max(_MOST // batch_size, 1)
    step = min(max(-(-len(batches) // _SHARDS), 1), most)
    return [
        Shard(number, tuple(batches[start : start + step]))
        for number, start in enumerate(range(0, len(batches), step))
    ]


def ensure_same_plan(work: Path, shards: Sequence[Shard], key: str) -> None:
    """Empty the work directory of a test set unless it holds shards of this plan.

    Args:
        work: The work directory of a test set.
        shards: The plan.
        key: The hash of the weights.
    """
    plan = {"key": key, "shards": [[list(batch) for batch in shard.batches] for shard in shards]}
    file = work / "plan.json"
    try:
        same = json.loads(file.read_text(encoding="utf-8")) == plan
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(file, plan)


class ShardPart:
    """A shard that is being written; its directory appears complete, or not at all.

    Shards are not flushed to the disk one by one, which costs more than a small model; the merged
    result is.

    Args:
        directory: The directory of the shard once it is done.

    Attributes:
        path: The directory of its files until then.
    """

    def __init__(self, directory: Path) -> None:
        self.path = temporary(directory)
        self._directory = directory
        self.path.mkdir(parents=True)
        self._records = (self.path / RECORDS).open("w", encoding="utf-8")

    def add(self, record: InferenceRecord) -> None:
        """Write the line of an item; its files have been written already."""
        self._records.write(_encode(vars(record)) + "\n")  # asdict would copy all of it first

    def complete(self) -> None:
        """Let the directory appear; all items have been added."""
        self._records.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        self.path.rename(self._directory)

    def discard(self) -> None:
        """Remove the files of a shard that did not become complete."""
        with suppress(OSError):  # a full disk, which has been reported
            self._records.close()
        shutil.rmtree(self.path, ignore_errors=True)


def is_done(shard: Shard, work: Path) -> bool:
    """Say whether all results of a shard are there; after a power cut some may be missing."""
    try:
        return len(read_records(shard.directory(work))) == shard.size
    except (OSError, ValueError, TypeError):
        return False


def read_records(directory: Path) -> list[InferenceRecord]:
    """Return the records of a shard."""
    return [InferenceRecord(**json.loads(line)) for line in _read_lines(directory)]


def _read_lines(directory: Path) -> list[str]:
    with (directory / RECORDS).open(encoding="utf-8") as file:
        return [line for line in file if line.endswith("\n")]  # the last may be cut off


def merge_shards(
    work: Path, shards: Sequence[Shard], directory: Path, shown: str
) -> list[InferenceRecord]:
    """Make the directory of a test set from its shards.

    It holds ``<output>.scp``, ``<output>/`` with files, ``dataset/<column>.scp`` with the texts
    and numbers of the samples, and ``results.jsonl`` with everything about each item.

    Args:
        work: The directory that holds the shards.
        shards: All shards of the test set.
        directory: The directory to make or replace.
        shown: The path of the directory in SCP files that name files.

    Returns:
        The records in the order of the data set.

    Raises:
        UserError: Two items have one id, or an id that an SCP file cannot hold.
    """
    with atomic_directory(directory) as part:
        found = []
        for source in (shard.directory(work) for shard in shards):
            for line in _read_lines(source):
                record = InferenceRecord(**json.loads(line))
                found.append((record, line))
                for name in record.files.values():
                    _link_file(source / name, part / name)
        found.sort(key=lambda pair: pair[0].index)
        records = [record for record, _ in found]
        _check_ids(records)
        _check_kinds(records)
        _write_scps(records, part, shown)
        with (part / "results.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(line for _, line in found)
    return records


def _link_file(source: Path, target: Path) -> None:
    """Link a file into the result, so that its shard stays complete until the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return  # two items have one id, which _check_ids reports
    except OSError:
        shutil.copy2(source, target)


def _check_ids(records: Sequence[InferenceRecord]) -> None:
    seen: dict[str, int] = {}
    for record in records:
        check_id(record.utt_id)
        if record.utt_id in seen:
            raise UserError(
                f'items {seen[record.utt_id]} and {record.index} both have the id "{record.utt_id}"'
            )
        seen[record.utt_id] = record.index


def _check_kinds(records: Sequence[InferenceRecord]) -> None:
    """Refuse an output that is text for some items and a file for others."""
    texts = {name: record for record in records for name in record.outputs}
    for record in records:
        for name in texts.keys() & record.files.keys():
            raise UserError(
                f'"{name}" is a text or number for {texts[name].utt_id}, and neither for '
                f"{record.utt_id}",
                where="runner",
                hint="give the same kind for every item, or a type for all: "
                f"output_artifacts: {{{name}: {{type: json}}}}",
            )


def _write_scps(records: Sequence[InferenceRecord], directory: Path, shown: str) -> None:
    lines: dict[str, list[tuple[str, str]]] = {}
    for record in records:
        for name, value in record.outputs.items():
            lines.setdefault(f"{name}.scp", []).append((record.utt_id, as_line(value)))
        for name, file in record.files.items():
            lines.setdefault(f"{name}.scp", []).append((record.utt_id, f"{shown}/{file}"))
        for name, value in record.columns.items():
            lines.setdefault(f"dataset/{name}.scp", []).append((record.utt_id, str(value)))
    (directory / "dataset").mkdir()
    for name, items in lines.items():
        (directory / name).write_text(format_scp(items), encoding="utf-8", newline="\n")
