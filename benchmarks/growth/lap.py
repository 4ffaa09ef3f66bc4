"""One job over a generated corpus: ``python -m benchmarks.growth.lap JOB COUNT`` prints JSON.

Megabytes are those that the process needed at most beyond what it had before the job.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from espnet3_runtime.data.batching import Lengths, make_plan
from espnet3_runtime.data.collect_worker import CollectedStats, read_stats, write_stats
from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.feature_moments import Moments
from espnet3_runtime.data.item_lengths import Shapes, read_shapes, write_shapes
from espnet3_runtime.data.sampler import Clock, EpochBatches
from espnet3_runtime.data.tokens import Spelling
from espnet3_runtime.metrics.inputs.columns import TestResults, read_columns
from espnet3_runtime.metrics.items.examples import _choose_examples
from espnet3_runtime.metrics.wer import WER
from espnet3_runtime.stages.collect_stats import MOST_RANGES

BLOCK = {"batch_size": 16, "batch_bins": 320_000, "min_batch_size": 1, "drop_last": False}
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def main(job: str, count: int) -> None:
    """Do a job and print what it took."""
    with tempfile.TemporaryDirectory(prefix="espnet3-growth-") as name:
        work = _prepare(job, count, Path(name))
        before, start = _most_memory(), time.process_time()
        work()
        seconds, megabytes = time.process_time() - start, _most_memory() - before
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))


def _most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _prepare(job: str, count: int, folder: Path) -> Callable[[], object]:
    if job == "scores":
        _write_results(folder, count)
        return lambda: _score(folder)
    lengths = Lengths(np.random.default_rng(1).integers(1_000, 32_000, count), 80)
    kind = job.removeprefix("batches ")
    if kind != job:
        block = {**BLOCK, "type": kind, "batch_size": 16 if "sorted" in kind else None}
        block["batch_bins"] = 320_000 * (80 if kind == "numel" else 1)
        return lambda: make_plan(block, count, lengths)
    if job == "statistics":
        return lambda: _collect(folder, lengths)
    plan = make_plan({**BLOCK, "type": "unsorted"}, count, None)
    return lambda: _iterate(plan)


def _iterate(plan: object) -> None:
    """Go through an epoch, and through the second half of the next one."""
    clock = Clock(seed=1)
    batches = EpochBatches(plan, clock, shuffle=True, keep_all=False, rank=0, world=2)  # type: ignore[arg-type]
    whole = sum(1 for _ in batches)
    clock.epoch, clock.skip = 1, whole // 2
    assert sum(1 for _ in batches) == whole - whole // 2


def _collect(folder: Path, lengths: Lengths) -> None:
    """Write the ranges of a split, join them, and read the lengths as a training does."""
    found = Moments(1, np.zeros(80), np.zeros(80))
    parts = np.array_split(lengths.steps, MOST_RANGES)
    for number, part in enumerate(parts):
        stats = CollectedStats({"speech": part}, {"speech": 1}, {"feats": found}, Spelling())
        write_stats(folder / f"{number}.npz", stats)
    read = [read_stats(folder / f"{number}.npz") for number in range(len(parts))]
    joined = np.concatenate([part.lengths["speech"] for part in read])
    path = folder / "shapes.npz"
    write_shapes(path, Shapes(("all",), np.array([len(joined)]), {"speech": joined}, {"speech": 1}))
    assert len(read_shapes(path).lengths["speech"]) == len(lengths.steps)


def _write_results(folder: Path, count: int) -> None:
    (folder / "dataset").mkdir()
    with (
        (folder / "dataset" / "text.scp").open("w", encoding="utf-8") as references,
        (folder / "text.scp").open("w", encoding="utf-8") as hypotheses,
    ):
        for index in range(count):
            words = [WORDS[(index * 7 + place * 3) % 10] for place in range(8 + index % 9)]
            references.write(f"utt-{index:08d} {' '.join(words)}\n")
            words[index % len(words)] = WORDS[index % 10]
            hypotheses.write(f"utt-{index:08d} {' '.join(words)}\n")


def _score(folder: Path) -> None:
    """Read the columns, align them, and choose the examples of the report."""
    here = DatasetDirectories(folder, folder)
    results = TestResults("test", folder, folder / "scratch", None, {}, here, {})
    inputs = {"ref": "dataset:text", "hyp": "text"}
    utt_ids, columns = read_columns(results, inputs, "inputs", texts_only=True)
    results.scratch.mkdir()
    WER()(**columns, utt_ids=utt_ids, directory=results.scratch)
    _choose_examples(results.scratch / "utterances.jsonl")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
