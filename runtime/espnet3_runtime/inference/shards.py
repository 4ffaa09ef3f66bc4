"""A test set in shards: decoded one by one, each on disk whole or not at all, merged at the end."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
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
_SHARDS = 16  # a killed run loses at most about this part of a test set
_MOST = 2048  # items of a shard, whatever the size of the test set
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class InferenceRecord:
    """One item of a test set after inference.

    Attributes:
        index: Its place in the data set.
        utt_id: Its id.
        outputs: Texts (or n-best lists of them) and numbers by output.
        files: Paths of other outputs, relative to the directory of the test set.
        columns: Texts and numbers of the sample itself, for scoring.
        seconds: Length of its audio, where the contract tells the sample rate.
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
        """Return where its results are, once it is done."""
        return work / f"shard-{self.number:05d}"


def plan_shards(dataset: SplitDataset, length_key: str | None, batch_size: int) -> list[Shard]:
    """Cut a test set into shards of whole batches.

    Where lengths are known without reading audio, long items come first: batches hold items of
    like length, a lack of memory shows at once, and the last worker is not left with the longest.

    Args:
        dataset: The test set.
        length_key: The field whose length says how long an item is; None keeps the order.
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
    """Empty the work directory of a test set unless it holds shards of this very plan.

    Args:
        work: The work directory of a test set.
        shards: The plan.
        key: The hash of the weights.
    """
    plan = {"key": key, "shards": [shard.batches for shard in shards]}
    plan = json.loads(json.dumps(plan))
    file = work / "plan.json"
    try:
        same = json.loads(file.read_text(encoding="utf-8")) == plan
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(file, plan)


def write_shard(directory: Path, decode: Callable[[Path], Iterator[InferenceRecord]]) -> None:
    """Let ``decode`` write files into a directory and yield records; keep it all or nothing.

    A killed process leaves nothing that looks whole.  Shards are not flushed to the disk one by
    one, that costs more than a small model; the merged result is.
    """
    part = temporary(directory)
    part.mkdir(parents=True)
    try:
        with (part / RECORDS).open("w", encoding="utf-8") as file:
            for record in decode(part):
                file.write(_json_line(record))
        shutil.rmtree(directory, ignore_errors=True)
        part.rename(directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_done(shard: Shard, work: Path) -> bool:
    """Say whether all results of a shard are there; after a power cut they may be torn."""
    try:
        return len(read_records(shard.directory(work))) == shard.size
    except (OSError, ValueError, TypeError):
        return False


def read_records(directory: Path) -> list[InferenceRecord]:
    """Return the records of a shard."""
    return [InferenceRecord(**json.loads(line)) for line in _read_lines(directory)]


def _read_lines(directory: Path) -> list[str]:
    with (directory / RECORDS).open(encoding="utf-8") as file:
        return file.readlines()


def _json_line(record: InferenceRecord) -> str:
    """Return a record as JSON; ``asdict`` would copy all that is in it first, at twice the cost."""
    return _encode(vars(record)) + "\n"


def merge_shards(
    work: Path, shards: Sequence[Shard], directory: Path, shown: str
) -> list[InferenceRecord]:
    """Make the directory of a test set from its shards.

    It holds ``<output>.scp``, ``<output>/`` with files, ``dataset/<column>.scp`` with the texts
    and numbers of the samples, and ``results.jsonl`` with everything about each item.

    Args:
        work: Where the shards are.
        shards: All shards of the test set.
        directory: What is made, or replaced.
        shown: How the directory is called in SCP files that name files.

    Returns:
        The records in the order of the data set.

    Raises:
        UserError: Two items have one id, or an id that an SCP file cannot hold.
    """
    with atomic_directory(directory) as part:
        found = []
        for shard in shards:
            found += _link_shard(shard.directory(work), part)
        found.sort(key=lambda pair: pair[0].index)
        records = [record for record, _ in found]
        _check_ids(records)
        _write_scps(records, part, shown)
        with (part / "results.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(line for _, line in found)
    return records


def _link_shard(source: Path, target: Path) -> list[tuple[InferenceRecord, str]]:
    """Link the files of a shard into the result, so that the shard stays whole until the end."""
    lines = _read_lines(source)
    records = [InferenceRecord(**json.loads(line)) for line in lines]
    for record in records:
        for name in record.files.values():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            _link_file(source / name, target / name)
    return list(zip(records, lines, strict=True))


def _link_file(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        return  # two items of one id: told about in a moment
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
