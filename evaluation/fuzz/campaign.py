"""Gives a surface its inputs, in a process of its own with bounded memory."""

import gc
import hashlib
import os
import random
import resource
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.fuzz.judge import judge, shrink
from evaluation.fuzz.mutate import mutate
from evaluation.fuzz.surfaces import Surface

LIMIT = 10.0  # seconds for one input, on a machine that is busy with other things
MEMORY = 8 << 30  # bytes of address space, of which torch takes about five when it is imported
_GROWTH = 400 << 20  # bytes that a process may grow over its inputs: caches, not a leak
_MOST_FAULTS = 5  # kept of one surface; the rest are counted


@dataclass(frozen=True, slots=True)
class Fault:
    """An input that ended in anything but a report, made short."""

    surface: str
    number: int
    data: bytes
    detail: str


@dataclass(slots=True)
class Tally:
    """What a surface did with its inputs.

    Attributes:
        endings: How many were accepted, refused, or faults.
        slowest: Seconds of the slowest input.
        growth: Bytes that the process grew over all inputs.
        faults: The first few, shortened.
    """

    endings: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    growth: int = 0
    faults: list[Fault] = field(default_factory=list)


def run(surface: Surface, seed: int, numbers: range) -> Tally:
    """Try the inputs of a surface with the given numbers; each follows from seed and number."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    warnings.simplefilter("ignore")  # torch warns of pickles of other protocols, by the thousand
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=_memory()) as scratch:
        directory = Path(scratch) / "recipe"
        directory.mkdir()
        os.chdir(directory)
        attempt = surface.prepare(directory)
        seeds = surface.seeds(directory)
        before = 0
        for count, (number, data) in enumerate(_inputs(surface, seed, numbers, seeds)):
            verdict = judge(attempt, data, LIMIT)
            tally.endings[verdict.ending] += 1
            tally.slowest = max(tally.slowest, verdict.seconds)
            if verdict.ending == "fault" and len(tally.faults) < _MOST_FAULTS:
                short = data if verdict.seconds >= 1 else shrink(attempt, data, LIMIT)
                detail = judge(attempt, short, LIMIT).detail or verdict.detail
                tally.faults.append(Fault(surface.name, number, short, detail))
            if count == min(200, len(numbers) // 2):  # what every process loads once
                before = _resident()
        gc.collect()
        tally.growth = _resident() - before
        os.chdir("/")
    _judge_growth(tally, surface)
    return tally


def _inputs(
    surface: Surface, seed: int, numbers: range, seeds: Sequence[bytes]
) -> Iterator[tuple[int, bytes]]:
    for number in numbers:
        text = f"{seed}/{surface.name}/{number}".encode()
        rng = random.Random(hashlib.sha256(text).digest())
        yield number, mutate(rng, seeds)


def _judge_growth(tally: Tally, surface: Surface) -> None:
    if tally.growth > _GROWTH:
        said = f"the process grew by {tally.growth >> 20} MiB over its inputs"
        tally.faults.append(Fault(surface.name, -1, b"", said))
        tally.endings["fault"] += 1


def _resident() -> int:
    """Return the bytes of memory that this process has now."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * resource.getpagesize()


def _memory() -> str | None:
    """Return a directory in memory where there is one: a million files are written."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
