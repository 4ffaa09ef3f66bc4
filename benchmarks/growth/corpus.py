"""Batches, statistics and scores of a generated corpus without audio, each in its own process."""

import json
import math
import subprocess
import sys

JOBS = (
    *(f"batches {kind}" for kind in ("unsorted", "sorted", "length", "numel")),
    "order, resumed in the middle",
    "statistics",
    "scores",
)


def measure_corpus(count: int) -> None:
    """Print seconds and the most memory of each job for a tenth of the utterances and for all."""
    print(f"\n{'utterances':30}{count // 10:>12,}{count:>12,}{'growth':>9}{'MB':>7}{'MB':>7}")
    for job in JOBS:
        few, many = (_lap(job, size) for size in (count // 10, count))
        growth = math.log10(max(many["seconds"], 1e-3) / max(few["seconds"], 1e-3))
        times = f"{few['seconds']:10.2f} s{many['seconds']:10.2f} s"
        print(f"{job:30}{times}{growth:9.2f}{few['megabytes']:7.0f}{many['megabytes']:7.0f}")


def _lap(job: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth.lap", job, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
