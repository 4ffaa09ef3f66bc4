"""Statistics: our stage beside a bare loop, and two workers beside one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.runtime.bare import Utterances, loader
from benchmarks.runtime.timing import (
    Goal,
    Lap,
    Report,
    Verdict,
    in_turns,
    middle,
    recorded,
    table,
    verdict,
)
from benchmarks.runtime.workspace import changed, context_of
from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.stage import StageContext
from espnet3_runtime.stages.collect_stats import collect_stats

OURS, LOOP = "our collect_stats stage", "bare loop"
GOAL = Goal(OURS, LOOP, 1.10)
SPEED_UP = 1.7
LONG_SECONDS, LONG_SPEED_UP = 600.0, 1.9
"""Work that takes one worker ten minutes, and how much faster two do it, their start included."""
ITEMS = 9600
"""Utterances for two workers, at least; the slice is repeated until it has so many."""
WARM = 1536
"""Utterances before the lap of the workers; each of two has come to its second or third piece."""


def measure(directory: Path, rounds: int) -> Report:
    """Time the stage beside the loop, then two workers beside one."""
    context = changed(context_of(directory, "collect_stats"), "training", {"dataset.valid": []})
    config = context.configs["training"]
    size = config["collect_stats"]["batch_size"]
    limit = config["dataset"]["train"][0]["data_src_args"]["limit"]

    def ours() -> Lap:
        laps: list[Lap] = []
        with recorded(laps):
            collect_stats(context)
        return laps[0].per(limit)

    def bare() -> Lap:
        laps: list[Lap] = []
        with recorded(laps):
            bare_loop(context, limit, size, directory / "bare.npz")
        return laps[0].per(limit)

    laps = in_turns({OURS: ours, LOOP: bare}, rounds)
    same = _same(context.outputs["feats_stats"], directory / "bare.npz")
    lines = [f"collect_stats: an utterance, {limit} a lap, in batches of {size}"]
    lines += [table(laps, "utt"), f"  both find the same: {'yes' if same else 'NO'}"]
    workers = _workers(context, limit, min(rounds, 3))
    own = verdict("collect_stats", laps, GOAL)
    return Report("\n".join([*lines, workers.text]), [own, *workers.verdicts])


def bare_loop(context: StageContext, limit: int, size: int, path: Path) -> None:
    """Write count, sum and sum of squares of the features, and the lengths."""
    config = context.configs["training"]
    module = instantiate(config["collect_stats"]["features"]).eval()
    data = Utterances("train", limit, config["dataset"]["preprocessor"]["tokenizer"])
    batches = [range(at, min(at + size, limit)) for at in range(0, limit, size)]
    count, total, square = 0, 0.0, 0.0
    lengths: dict[str, list[Any]] = {"speech": [], "text": [], "feats": []}
    with torch.inference_mode():
        for _, batch in loader(data, batches):
            feats, feats_lengths = module(batch["speech"], batch["speech_lengths"])
            inside = torch.arange(feats.shape[1]) < feats_lengths[:, None]
            frames = feats[inside].double()
            count += len(frames)
            total = total + frames.sum(0)
            square = square + frames.square().sum(0)
            lengths["speech"].append(batch["speech_lengths"].numpy())
            lengths["text"].append(batch["text_lengths"].numpy())
            lengths["feats"].append(feats_lengths.numpy())
    joined = {name: np.concatenate(parts) for name, parts in lengths.items()}
    np.savez(path, count=count, sum=total, sum_square=square, **joined)


def _same(ours: Path, bare: Path) -> bool:
    with np.load(ours) as one, np.load(bare) as other:
        return all(np.allclose(one[key], other[key]) for key in ("count", "sum", "sum_square"))


@dataclass(frozen=True)
class Moment:
    """At what time, and after how many CPU seconds of all processes, how many items were done."""

    wall: float
    cpu: float
    done: int


class Moments:
    """Progress that keeps when it was told what."""

    def __init__(self) -> None:
        self.all: list[Moment] = []

    @contextmanager
    def __call__(self, _description: str, total: int | None = None) -> Iterator["Moments"]:
        del total
        yield self

    def advance(self, count: int = 1) -> None:
        done = count + (self.all[-1].done if self.all else 0)
        self.all.append(Moment(time.perf_counter(), _cpu(), done))

    def add_note(self, text: str) -> None:
        pass

    def lap(self, skip: int) -> Lap:
        """Return the seconds of an item, from when the first ``skip`` items were done."""
        first = next(one for one in self.all if one.done >= skip)
        last = self.all[-1]
        return Lap(last.cpu - first.cpu, last.wall - first.wall).per(last.done - first.done)


def _cpu() -> float:
    here = psutil.Process()
    total = 0.0
    for process in (here, *here.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _workers(context: StageContext, limit: int, rounds: int) -> Report:
    entry = context.configs["training"].plain()["dataset"]["train"][0]
    copies = -(-ITEMS // limit)
    whole: list[float] = []
    starts: list[float] = []  # seconds beyond what the items take once the workers run

    def run(workers: int) -> Lap:
        changes = {"dataset.train": [entry] * copies, "parallel.n_workers": workers}
        moments = Moments()
        started = time.perf_counter()
        collect_stats(replace(changed(context, "training", changes), progress=moments))
        lap = moments.lap(WARM)
        if workers > 1:
            whole.append(time.perf_counter() - started)
            starts.append(whole[-1] - lap.wall * limit * copies)
        return lap

    laps = in_turns({"one worker": lambda: run(1), "two workers": lambda: run(2)}, rounds)
    pairs = list(zip(laps["one worker"], laps["two workers"], strict=True))
    value, spread = middle([one.wall / two.wall for one, two in pairs])
    idle = median(2 * one.cpu / two.cpu for one, two in pairs)
    long, middle_half = middle(
        [
            LONG_SECONDS / (start + LONG_SECONDS * two.wall / one.wall)
            for start, (one, two) in zip(starts[1:], pairs, strict=True)
        ]
    )
    lines = [
        f"collect_stats: an utterance, {limit * copies} a lap without the first {WARM}",
        table(laps, "utt"),
        f"  the whole stage with two workers: {median(whole):.1f} s",
        f"  of which their start and the end take {median(starts):.1f} s",
        f"  by the CPU seconds of all processes, two idle cores would be {idle:.2f} times as fast",
    ]
    what = "collect_stats: speed of two workers / one"
    met = Verdict(what, value, spread, f">= {SPEED_UP:.2f}", value >= SPEED_UP)
    what = "collect_stats: ten minutes' work, two workers with their start / one"
    goal = f">= {LONG_SPEED_UP:.2f}"
    with_start = Verdict(what, long, middle_half, goal, long >= LONG_SPEED_UP)
    return Report("\n".join(lines), [met, with_start])
