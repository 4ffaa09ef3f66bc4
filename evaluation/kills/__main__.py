"""Kill runs of a small recipe wherever they can be killed, and the compiler at every write.

``python -m evaluation.kills [--kills 200] [--seed 1] [--minutes 60]
[--stages train infer …] [--parts plain dask …] [--keep DIR]``

Every run is killed, and the same command is given again, until it may finish; then every byte that
it made is compared with what an uninterrupted run makes.  Prints a table of stages and ways to die:
kills, and what was not as it has to be.  Exit code 1 if there was anything.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluation.kills import compiler, disk
from evaluation.kills.blows import (
    DASK,
    FAILING,
    LOADER,
    SIGNALS,
    TORN,
    Blow,
    appearing,
    exchanging,
    half_written,
    leaving,
    limited,
    operation,
)
from evaluation.kills.chain import Kill, Lab, chain
from evaluation.kills.child import import_everything
from evaluation.kills.reference import measure
from evaluation.kills.workspace import STAGES

LOADING = ("collect_stats", "train", "infer")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the harness; return 1 when anything was not as it has to be."""
    options = _parse(argv)
    began = time.monotonic()
    options.end = began + 60 * options.minutes
    import_everything()
    rng = random.Random(options.seed)
    directory = Path(options.keep or tempfile.mkdtemp(prefix="kills-"))
    directory.mkdir(parents=True, exist_ok=True)
    kills: list[Kill] = []
    for name in options.parts:
        kills += PARTS[name](directory, options, rng)
    return _tell(kills, time.monotonic() - began)


def _plain(directory: Path, options: argparse.Namespace, rng: random.Random) -> list[Kill]:
    """Signals, death at operations, and torn and failing writes, in one process."""
    reference = measure(directory / "plain", "one process")
    lab = Lab(reference.recipe, reference.seconds, reference.truth, rng)
    kinds = [*SIGNALS]
    kinds += [
        replace(TORN, arm=limited(reference.sizes, torn=True)),
        replace(FAILING, arm=limited(reference.sizes, torn=False)),
    ]
    kinds += [Blow("at an operation", (-9,), arm=operation(reference.operations))] * 3
    kinds += [Blow("a file appears", (-9,), appearing(reference.recipe), watches=True)] * 2
    kinds += [Blow("os._exit(0)", (1,), arm=leaving(reference.operations), said="os._exit(0)")]
    half = Blow("half a checkpoint", TORN.codes, arm=half_written(max(reference.sizes["train"])))
    kinds += [replace(half, stages=("train",))] * 3
    exchange = Blow("an exchange", (-9,), arm=exchanging, again=True)
    kinds += [replace(exchange, stages=("measure", "pack_model"))] * 2
    count, end = options.kills * 3 // 4, options.end
    return _until(lab, kinds, options.stages, count, end, anywhere=SIGNALS)


def _loaders(directory: Path, options: argparse.Namespace, rng: random.Random) -> list[Kill]:
    """The death of a loader process, and signals to all of them."""
    reference = measure(directory / "loaders", "loader processes")
    lab = Lab(reference.recipe, reference.seconds, reference.truth, rng)
    stages = [stage for stage in LOADING if stage in options.stages]
    kinds = [LOADER, *(blow for blow in SIGNALS if "group" in blow.name)]
    return _until(lab, kinds, stages, options.kills // 8, options.end)


def _dask(directory: Path, options: argparse.Namespace, rng: random.Random) -> list[Kill]:
    """The death of a Dask worker: the very run goes on to the right end."""
    if "infer" not in options.stages:  # collect_stats starts no worker for so few utterances
        return []
    reference = measure(directory / "dask", "dask workers")
    lab = Lab(reference.recipe, reference.seconds, reference.truth, rng, cold=True)
    kills: list[Kill] = []
    for _ in range(max(options.kills // 100, 1)):
        kill, *end = chain(lab, {"infer": [DASK]}, 1)
        kills += [replace(kill, stage="infer") if kill.struck else kill, *end]
    return kills


def _full(directory: Path, options: argparse.Namespace, rng: random.Random) -> list[Kill]:
    """A disk that is full, again and again, until it is large enough."""
    if not disk.can_mount() or options.kills < 50:
        print("left out: full disks, which need root and --kills 50 or more", file=sys.stderr)
        return []
    reference = measure(directory / "full", "one process")
    return disk.fill(Lab(reference.recipe, reference.seconds, reference.truth, rng), rng)


def _compiler(directory: Path, _options: argparse.Namespace, _rng: random.Random) -> list[Kill]:
    """The death of the compiler at every write."""
    return compiler.every_write(directory / "compiler")


PARTS = {
    "full": _full,
    "loaders": _loaders,
    "dask": _dask,
    "plain": _plain,
    "compiler": _compiler,
}


def _until(
    lab: Lab,
    kinds: Sequence[Blow],
    stages: Sequence[str],
    count: int,
    end: float,
    anywhere: Sequence[Blow] = (),
) -> list[Kill]:
    """Strike in chains until there were so many kills, evenly over stages and kinds."""
    rng = lab.random
    pairs: list[tuple[str | None, Blow]] = [
        (at, kind) for at in stages for kind in kinds if at in (kind.stages or (at,))
    ]
    pairs += [(None, kind) for kind in anywhere]
    kills: list[Kill] = []
    while (left := count - sum(bool(kill.stage) for kill in kills)) > 0 and time.monotonic() < end:
        rng.shuffle(pairs)
        blows: dict[str | None, list[Blow]] = {}
        for stage, kind in pairs[:left]:
            blows.setdefault(stage, []).append(kind)
        kills += chain(lab, blows, most=5)
        _progress(kills, count)
    return kills


def _progress(kills: Sequence[Kill], count: int) -> None:
    done = sum(bool(kill.stage) for kill in kills)
    bad = sum(bool(kill.problems) for kill in kills)
    print(f"{done} of {count} kills, {bad} with something wrong", file=sys.stderr, flush=True)
    for kill in kills:
        if kill.problems and kill not in _SHOWN:
            _SHOWN.append(kill)
            print(f"  {kill.blow} in {kill.stage}:", *kill.problems, sep="\n    ", file=sys.stderr)


_SHOWN: list[Kill] = []


def _tell(kills: Sequence[Kill], seconds: float) -> int:
    hits = Counter((kill.stage, kill.blow) for kill in kills if kill.stage)
    bad = Counter((kill.stage, kill.blow) for kill in kills if kill.problems)
    blows = sorted({blow for _, blow in hits})
    stages = [*STAGES, *sorted({stage for stage, _ in hits} - set(STAGES))]
    width = max(map(len, stages))
    print(" " * width, *blows, "wrong", sep="  ")
    for stage in stages:
        cells = [f"{hits[stage, blow] or '':>{len(blow)}}" for blow in blows]
        wrong = sum(count for (name, _), count in bad.items() if name == stage)
        print(f"{stage:{width}}", *cells, f"{wrong:>5}", sep="  ")
    misses = sum(not kill.stage for kill in kills)
    print(
        f"{sum(hits.values())} kills, {sum(bad.values())} wrong, {misses} came too late; ", end=""
    )
    print(f"{seconds:.0f} s")
    for kill in kills:
        if kill.problems:
            print(f"WRONG: {kill.blow} in {kill.stage}:", *kill.problems, sep="\n  ")
    return bool(bad)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evaluation.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no chain after that")
    parser.add_argument("--keep", help="work here, and leave it")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
