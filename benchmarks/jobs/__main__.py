"""Measure what ``--jobs`` saves on a small sweep of trainings that do not depend on each other.

``python -m benchmarks.jobs [--trainings 4] [--epochs 12] [--jobs 2] [--rounds 3]``

A recipe of so many trainings, of one thread each, runs one after the other and then side by side,
each time from nothing; the ways take turns.  Times are of the whole command by the clock, its start
and the imports of every process included, so no other program should run: the load of the machine
before each round is printed.  Seconds of the CPU tell what the processes cost under any load.  What
is made is compared: the weights are the same, bit by bit.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.jobs.recipe import write_sweep
from benchmarks.latency.measure import Run, run
from espnet3_runtime.weights import weights_digest


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.jobs", description=__doc__)
    parser.add_argument("--trainings", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    alone, together, digests, loads = [], [], set(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sweep(folder, options.trainings, options.epochs)
        _run(folder, "-m", "espnet3_compiler", "recipe.yaml")
        for lap in range(options.rounds):
            loads.append(f"{os.getloadavg()[0]:.1f}")
            for jobs, times in ((1, alone), (options.jobs, together)):
                tag = f"jobs_{jobs}_{lap}"
                words = ("--jobs", str(jobs), "--set", f"recipe.exp_tag={tag}")
                times.append(_run(folder, "build/run.py", *words))
                digests.add(_digest(folder / "exp" / tag, options.trainings))
    print(f"{options.trainings} trainings of {options.epochs} epochs, {os.cpu_count()} cores")
    print(f"load before each of {options.rounds} rounds: {', '.join(loads)}")
    _print_table(options.jobs, alone, together)
    print(f"weights: {'the same' if len(digests) == 1 else 'DIFFERENT'}")
    return 0 if len(digests) == 1 else 1


def _print_table(jobs: int, alone: Sequence[Run], together: Sequence[Run]) -> None:
    print(f"{'':16} {'median s':>9} {'least s':>9} {'CPU s':>9}")
    for label, runs in (("--jobs 1", alone), (f"--jobs {jobs}", together)):
        times, cpu = [one.wall for one in runs], median(one.seconds for one in runs)
        print(f"{label:16} {median(times):9.1f} {min(times):9.1f} {cpu:9.1f}")
    gains = [one.wall / other.wall for one, other in zip(alone, together, strict=True)]
    print(f"{'gain':16} {median(gains):9.2f} {max(gains):9.2f}")


def _run(folder: Path, *words: str) -> Run:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = run([sys.executable, *words], folder, environment)
    if done.code:
        raise SystemExit(f"{' '.join(words)}\n{done.output[-4000:]}")
    return done


def _digest(experiment: Path, trainings: int) -> tuple[str, ...]:
    paths = [experiment / f"train_{number}" / "best.ckpt" for number in range(trainings)]
    return tuple(weights_digest(path) for path in paths)


if __name__ == "__main__":
    sys.exit(main())
