"""Measure our stages on the model and corpus of recipes/digits/asr beside bare loops.

``python -m benchmarks.runtime [PART …] [--rounds 7]``

One torch thread.  The ways of doing a thing take turns; a goal is judged by the median over the
rounds of how many times the CPU seconds of the one are those of the other: what else runs on the
machine moves wall time far more.  Two workers, what overlaps and seven stages are judged by the
clock, so for them the machine has to be quiet.  Results of all ways are compared, too.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.runtime import (
    collect_stats,
    infer,
    long_stats,
    overlap,
    preflight,
    seven_stages,
    train,
)
from benchmarks.runtime.timing import Report, Verdict, standings
from benchmarks.runtime.workspace import workspace

PARTS: dict[str, Callable[[Path, int], Report]] = {
    "train": train.measure,
    "infer": infer.measure,
    "overlap": overlap.measure,
    "collect_stats": collect_stats.measure,
    "preflight": preflight.measure,
    "seven_stages": seven_stages.measure,
}
LONG = "long_stats"
"""Statistics of any length; only where it is named."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts that were asked for and print their reports."""
    options = _parse(argv)
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ",
        end="",
    )
    print(f"torch {torch.__version__}; load {os.getloadavg()[0]:.1f}", flush=True)
    with TemporaryDirectory(prefix="espnet3-benchmark-") as name:
        directory = Path(name).resolve()
        with workspace(directory, options.steps, options.items) as recipe:
            verdicts: list[Verdict] = []
            parts = {**PARTS, LONG: partial(long_stats.measure, seconds=options.seconds)}
            for part in options.parts or PARTS:
                report = parts[part](recipe, options.rounds)
                print(f"\n{report.text}", flush=True)
                verdicts += report.verdicts
    print(f"\nload {os.getloadavg()[0]:.1f}\n{standings(verdicts)}")
    return 0 if all(one.met for one in verdicts) else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join((*PARTS, LONG)))
    parser.add_argument("--rounds", type=int, default=7, help="how often each way is measured")
    parser.add_argument("--steps", type=int, default=48, help="training batches a lap")
    parser.add_argument("--items", type=int, default=300, help="utterances decoded a lap")
    parser.add_argument("--seconds", type=float, default=60.0, help=f"of one worker in {LONG}")
    options = parser.parse_args(argv)
    for part in options.parts:
        if part not in (*PARTS, LONG):
            parser.error(f'"{part}" is none of {", ".join((*PARTS, LONG))}')
    if options.steps <= train.WARM or options.rounds < 1 or options.items < 1:
        parser.error(f"at least {train.WARM + 1} steps, 1 round and 1 item")
    return options


if __name__ == "__main__":
    sys.exit(main())
