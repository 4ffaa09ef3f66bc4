"""``python -m evaluation.faults``: which planted faults do the product's own tests notice?

``record`` runs the suite once and notes which tests run each line (twenty minutes on two cores);
``record --also TEST …`` notes only these in addition.
``sample [--count 320] [--seed 1] [--room ROOM …]`` plants so many faults, as many in every folder,
each kind equally often, and runs the tests of the line; it prints killed, survived and hung by
folder, and every survivor as file, line, change.  ``again`` plants the survivors in the ``--log``
of such a run once more; ``--also TEST …`` runs new tests first.  ``fixed`` plants the few faults in
``fixed.json`` and runs one test for each, as CI does: exit code 1 if one survives.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from evaluation.faults.cover import Cover, load, record, within
from evaluation.faults.model import PACKAGES, ROOT, Fault
from evaluation.faults.operators import KINDS, find_faults
from evaluation.faults.trial import Trial, attempt, copy_repository, make_environment

FIXED = Path(__file__).with_name("fixed.json")
_HANG = 60.0
"""Seconds beyond what the tests take without a fault after which they hang."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _parse(argv)
    if options.command == "record":
        record(options.folder, options.also)
        return 0
    if options.command == "fixed":
        return _fixed(options.jobs)
    cover = load(options.folder)
    faults = list(sample(options.count, options.seed, options.room))
    if options.command == "again":
        faults = list(survivors(options.log))
    trials = []
    with options.log.with_suffix(".new").open("w", encoding="utf-8") as log:
        for trial in _attempts(_chosen(faults, cover, options), options.jobs):
            trials.append(trial)
            log.write(json.dumps(asdict(trial)) + "\n")
            log.flush()
            print(f"{len(trials)} of {len(faults)}: {trial.end}", file=sys.stderr, flush=True)
    options.log.with_suffix(".new").replace(options.log)
    tell(trials)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evaluation.faults", description=__doc__)
    parser.add_argument("command", choices=("record", "sample", "again", "fixed"))
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", nargs="+", help="folders such as runtime/training (all)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=150, help="seconds of tests for each (150)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".faults", help="what record noted")
    parser.add_argument("--log", type=Path, default=ROOT / ".faults/trials.jsonl")
    parser.add_argument("--also", nargs="+", default=[], help="tests that the record lacks")
    return parser.parse_args(argv)


def survivors(log: Path) -> Iterator[Fault]:
    """Read the faults of a run that nothing noticed, where their text still stands."""
    for line in log.read_text(encoding="utf-8").splitlines():
        trial = json.loads(line)
        fault = Fault(**trial["fault"])
        data = (ROOT / fault.file).read_bytes()
        there = data[fault.start :].startswith(fault.good.encode())
        if there and trial["end"] in {"survived", "untested"}:
            yield fault


def sample(count: int, seed: int, rooms: Sequence[str] | None) -> Iterator[Fault]:
    """Draw faults: from every folder in turn, of every kind in turn, no two on one line."""
    by_room: dict[str, dict[str, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for path in (path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))):
        for fault in find_faults(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")):
            by_room[fault.room][fault.kind].append(fault)
    draw = random.Random(seed)
    streams = [
        _shuffled(by_room[room], draw) for room in sorted(by_room) if room in (rooms or by_room)
    ]
    while streams and count:
        for stream in streams[:count]:
            fault = next(stream, None)
            if fault is None:
                streams.remove(stream)
            else:
                count -= 1
                yield fault


def _shuffled(by_kind: dict[str, list[Fault]], draw: random.Random) -> Iterator[Fault]:
    lines = set()
    for found in by_kind.values():
        draw.shuffle(found)
    kinds = [kind for kind in KINDS if kind in by_kind]
    draw.shuffle(kinds)
    while any(by_kind.values()):
        for kind in kinds:
            if by_kind[kind]:
                fault = by_kind[kind].pop()
                if (fault.file, fault.line) not in lines:
                    lines.add((fault.file, fault.line))
                    yield fault


def _chosen(
    faults: Iterable[Fault], cover: Cover, options: argparse.Namespace
) -> Iterator[tuple[Fault, list[str], int, float]]:
    for fault in faults:
        tests = cover.tests(fault)
        chosen = within(cover, tests, options.limit)
        limit = _HANG + 3 * sum(cover.seconds[name] for name in chosen)
        if options.also:
            chosen, limit = [*options.also, *chosen], limit + 300
        yield fault, chosen, len(tests), limit


def _attempts(work: Iterable[tuple], jobs: int) -> Iterator[Trial]:
    """Run trials side by side, each in a copy of the repository."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        sound: set[str] = set()
        for number in range(jobs):
            copy_repository(Path(folder, str(number)))
            make_environment(Path(folder, str(number)))
            copies.put(Path(folder, str(number)))

        def run(fault: Fault, tests: Sequence[str], covering: int, limit: float) -> Trial:
            root = copies.get()
            try:
                return attempt(fault, tests, covering, root, limit, sound)
            finally:
                copies.put(root)

        yield from pool.map(lambda words: run(*words), list(work))


def tell(trials: Sequence[Trial]) -> None:
    """Print a table by folder, and every fault that nothing noticed."""
    print(f"{'folder':24} {'killed':>6} {'survived':>8} {'hung':>5} {'untested':>8} {'noticed':>8}")
    for room in (*sorted({trial.fault.room for trial in trials}), ""):
        ends = [trial.end for trial in trials if room in ("", trial.fault.room)]
        counts = [ends.count(end) for end in ("killed", "survived", "hung", "untested")]
        share = (counts[0] + counts[2]) / len(ends)
        print("{:24} {:6} {:8} {:5} {:8} {:8.0%}".format(room or "all", *counts, share))
    for trial in trials:
        if trial.end in {"survived", "untested"}:
            fault = trial.fault
            tried = f"{trial.tried} of {trial.covering} tests"
            print(f"{fault.file}:{fault.line}: {fault.kind}: {fault.change} ({trial.end}; {tried})")


def _fixed(jobs: int) -> int:
    entries = json.loads(FIXED.read_text(encoding="utf-8"))
    work = []
    for entry in entries:
        text = (ROOT / entry["file"]).read_text(encoding="utf-8")
        if text.count(entry["good"]) != 1:
            print(f"{entry['file']} holds {entry['good']!r} not once: choose another fault")
            return 1
        start = len(text[: text.index(entry["good"])].encode())
        line = text[: text.index(entry["good"])].count("\n") + 1
        fault = Fault(entry["kind"], entry["file"], line, start, entry["good"], entry["bad"])
        work.append((fault, [entry["test"]], 1, _HANG))
    trials = list(_attempts(work, jobs))
    tell(trials)
    return int(any(trial.end not in {"killed", "hung"} for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
