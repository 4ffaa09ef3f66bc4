"""``python -m evaluation.fuzz [--inputs 1000000] [--seed 0] [--only NAME]``: hostile input.

Every door through which somebody else's bytes come in gets its share of the inputs: real files
with things typed over.  Each must end as accepted or refused with a report; a traceback, a hang, a
process that grows, or generated Python of another shape is a fault.  Exit status 1 with any fault.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.fuzz.campaign import Fault, Tally, run
from evaluation.fuzz.surfaces import ALL, Surface

_PART = 5000  # inputs of one process, so that progress is seen and memory is given back


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the inputs, print a table, and save what is wrong."""
    options = _parser().parse_args(arguments)
    chosen = [surface for surface in ALL if options.only in (None, surface.name)]
    start = time.monotonic()
    tallies = {surface.name: Tally() for surface in chosen}
    for name, found in _results(chosen, options):
        _add(tallies[name], found)
        done = sum(tally.endings.total() for tally in tallies.values())
        print(f"\r{done} inputs, {time.monotonic() - start:.0f} s", end="", flush=True)
    print()
    _print(tallies)
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    for fault in faults:
        _save(fault, options.save)
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all surfaces together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--only", choices=[surface.name for surface in ALL])
    parser.add_argument("--at", type=int, help="with --only: this input alone")
    parser.add_argument("--save", type=Path, default=Path("fuzz-faults"), help="where faults go")
    return parser


def _results(chosen: Sequence[Surface], options: argparse.Namespace) -> Iterator[tuple[str, Tally]]:
    work = [
        (surface, options.seed, part)
        for surface in chosen
        for part in _parts(surface, options, alone=len(chosen) == 1)
    ]
    context = multiprocessing.get_context("fork")
    with context.Pool(options.jobs, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_run, [(s.name, seed, part) for s, seed, part in work])


def _parts(surface: Surface, options: argparse.Namespace, alone: bool) -> Iterator[range]:
    if options.at is not None:
        yield range(options.at, options.at + 1)
        return
    count = options.inputs if alone else options.inputs * surface.share // 1000
    for start in range(0, count, _PART):
        yield range(start, min(start + _PART, count))


def _run(work: tuple[str, int, range]) -> tuple[str, Tally]:
    name, seed, numbers = work
    (surface,) = (surface for surface in ALL if surface.name == name)
    return name, run(surface, seed, numbers)


def _add(total: Tally, part: Tally) -> None:
    total.endings.update(part.endings)
    total.slowest = max(total.slowest, part.slowest)
    total.growth = max(total.growth, part.growth)
    total.faults.extend(part.faults)


def _print(tallies: dict[str, Tally]) -> None:
    print(f"{'input':12}{'accepted':>10}{'refused':>10}{'faults':>8}{'slowest s':>11}{'MiB':>6}")
    for name, tally in tallies.items():
        ends = tally.endings
        row = f"{name:12}{ends['accepted']:>10}{ends['refused']:>10}{ends['fault']:>8}"
        print(f"{row}{tally.slowest:>11.3f}{max(tally.growth, 0) >> 20:>6}")
    total = sum((tally.endings for tally in tallies.values()), start=type(ends)())
    print(f"{'all':12}{total['accepted']:>10}{total['refused']:>10}{total['fault']:>8}")


def _save(fault: Fault, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{fault.surface.strip('-').replace(' ', '_')}-{fault.number}"
    path.write_bytes(fault.data)
    print(f"\n{path}: {fault.data[:200]!r}\n{fault.detail}")


if __name__ == "__main__":
    raise SystemExit(main())
