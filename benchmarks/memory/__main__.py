"""Measure the memory that loader processes take for a manifest of a million utterances.

``python -m benchmarks.memory [--rows 1000000] [--workers 2] [--batches 2000]``

The same manifest is a mapped ``Table`` and a list of dicts; both are read through our loader with
batches of like length, in a process of its own each.  Counted is what a process has for
itself (private and written): pages of the list are shared with the main process until somebody
touches them, and touching is counting references, so they part row by row; pages of the mapped file
are the system's, which drops them when it needs the room.  A small manifest shows what Python and
torch take themselves.  Linux only (``/proc``).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

GOAL = 20.0
"""Megabytes for each million rows, over those for a small manifest."""

TABLE, OBJECTS = "benchmarks.memory.rows", "benchmarks.memory.objects"
SMALL = 1000
MILLION = 1_000_000
TEXT = "a transcript of the usual length, some sixty characters long"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit 1 if a worker takes more for the table than the goal."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description=__doc__)
    parser.add_argument("--rows", type=int, default=MILLION)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=2000)
    options = parser.parse_args(argv)
    if options.rows < SMALL or options.workers < 1 or options.batches < 1:
        parser.error(f"at least {SMALL} rows, 1 worker and 1 batch")
    with tempfile.TemporaryDirectory(prefix="espnet3-benchmark-") as name:
        large = _manifest(Path(name) / "large.tsv", options.rows)
        small = _manifest(Path(name) / "small.tsv", SMALL)
        laps = {
            f"{SMALL:,} rows": _lap(TABLE, small, options.workers, 1),
            "Table": _lap(TABLE, large, options.workers, options.batches),
            "list of dicts": _lap(OBJECTS, large, options.workers, options.batches),
        }
    print(
        f"{options.rows:,} rows, {options.workers} workers, {laps['Table']['items']:,} items read"
    )
    print(f"{'':16}{'MB a worker':>12}{'MB main':>10}{'s to the first batch':>22}")
    for name, lap in laps.items():
        print(f"{name:16}{_worker(lap):12.0f}{lap['main']:10.0f}{lap['ready']:22.1f}")
    nothing, ours, theirs = map(_worker, laps.values())
    goal = GOAL * options.rows / MILLION
    met = ours - nothing <= goal
    print(
        f"a worker takes {ours - nothing:.0f} MB for the table, {theirs - nothing:.0f} for the list"
    )
    print(f"goal: {goal:.0f} MB: {'met' if met else 'MISSED'}")
    return 0 if met else 1


def _manifest(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("utt_id\tpath\tframes\ttext\n")
        for index in range(rows):
            frames = 10 + index * 7919 % 90
            file.write(
                f"speaker{index % 997}-{index:08d}\twav/{index:08d}.flac\t{frames}\t{TEXT}\n"
            )
        file.flush()
        os.fsync(file.fileno())  # pages that wait to be written would count as those of a process
    return path


def _lap(module: str, manifest: Path, workers: int, batches: int) -> Mapping[str, Any]:
    words = [module, str(manifest), str(workers), str(batches)]
    command = [sys.executable, "-m", "benchmarks.memory.lap", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def _worker(lap: Mapping[str, Any]) -> float:
    values: list[float] = lap["workers"]
    return max(values)


if __name__ == "__main__":
    sys.exit(main())
