"""The stage ``infer``: run the model over the test sets."""

import json
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.contract import read_contract
from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry, read_entries
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.shards import (
    InferenceRecord,
    Shard,
    ensure_same_plan,
    is_done,
    merge_shards,
    plan_shards,
)
from espnet3_runtime.process.dask_workers import Workers, in_process, use_threads
from espnet3_runtime.stage import Bar, Outputs, StageContext
from espnet3_runtime.weights import weights_digest

if TYPE_CHECKING:
    from espnet3_runtime.inference.decode import DecodingJob
    from espnet3_runtime.inference.predictor import Predictor

SUMMARY = "inference.json"
Tick = Callable[[int, float, float], None]
"""Takes the number of items decoded since, the seconds of their audio, and the seconds it took."""


@dataclass(frozen=True)
class DecodingSet:
    """A test set, its shards and where they go."""

    entry: DatasetEntry
    name: str
    dataset: Any
    shards: list[Shard]
    work: Path


def infer(context: StageContext) -> Outputs:
    """Decode every test set; write ``<test>/<output>.scp`` and ``inference.json``.

    A run that was cut off goes on with the shards it has; the directory of a test set appears
    whole or not at all.

    Raises:
        UserError: The config, the data or the results are not as declared.
    """
    from espnet3_runtime.inference.decode import DecodingJob, load_test_set

    config = context.configs["inference"]
    use_threads(config["num_threads"])
    entries = _read_test_entries(config)
    checkpoint = Path(config["checkpoint"]).absolute() if config["checkpoint"] else None
    job = DecodingJob(
        config, context.model, checkpoint, DatasetDirectories(context.recipe_dir, context.data_dir)
    )
    sha256 = weights_digest(checkpoint) if checkpoint else None
    if not context.resume:
        shutil.rmtree(context.directory / "work", ignore_errors=True)
    context.cleared()
    sets = []
    for entry in entries:
        dataset = load_test_set(config, entry, job.directories)
        shards = plan_shards(dataset, _length_key(config), config["batch_size"])
        work = context.directory / "work" / str(entry.name)
        ensure_same_plan(work, shards, str(sha256))
        sets.append(DecodingSet(entry, str(entry.name), dataset, shards, work))
    speeds = _decode_all(context, job, sets)
    summary: dict[str, Any] = {
        "schema_version": 1,
        "checkpoint": {"path": _shown_path(checkpoint, context), "sha256": sha256}
        if sha256
        else None,
        "tests": {
            test.name: _finish_test_set(context, test, speeds.get(test.name)) for test in sets
        },
    }
    _remove_old_sets(context.directory, summary["tests"])
    write_json(context.directory / SUMMARY, summary)
    shutil.rmtree(context.directory / "work", ignore_errors=True)
    return {"inference_dir": context.directory}


def _read_test_entries(config: ConfigView) -> Sequence[DatasetEntry]:
    entries = read_entries(config["dataset"], "test")
    names = [entry.name for entry in entries]
    where = f"{config.where}.dataset.test"
    if not entries:
        raise UserError("there is no test set", where=where, hint="list at least one")
    for name in names:
        if not name or names.count(name) > 1:
            raise UserError(f'two test sets are called "{name}"', where=where)
        if name == "work":
            raise UserError('a test set cannot be called "work"', where=where)
    return entries


def _length_key(config: ConfigView) -> str | None:
    contract = read_contract(config["contract"], "")
    audio = [field.name for field in contract.inputs if field.kind == "audio"] if contract else []
    key = config["input_key"]
    names = [key] if isinstance(key, str) else list(key or ())
    return next(iter([*audio, *names]), None)


@dataclass
class DecodingSpeed:
    """What was decoded in this run, as opposed to found from an earlier one; on all workers."""

    seconds: float = 0.0
    audio: float = 0.0


def _decode_all(
    context: StageContext, job: "DecodingJob", sets: Sequence[DecodingSet]
) -> dict[str, DecodingSpeed]:
    parallel = job.config["parallel"]
    left = {
        test.name: [shard for shard in test.shards if not is_done(shard, test.work)]
        for test in sets
    }
    most = max(map(len, left.values()))
    here = in_process(parallel, most)
    speeds = {}
    with Workers(parallel, context.recipe_dir, most) as workers:
        predictor = _build_predictor(job) if here and most else None
        for test in sets:
            todo = left[test.name]
            if not todo:
                continue
            with _measure_speed(context, test, todo) as (speed, tick):
                if predictor is not None:
                    _decode_here(job, predictor, test, todo, tick)
                else:
                    _decode_on_workers(workers, job, test, todo, tick)
            speeds[test.name] = speed
    return speeds


@contextmanager
def _measure_speed(
    context: StageContext, test: DecodingSet, todo: Sequence[Shard]
) -> Iterator[tuple["DecodingSpeed", Tick]]:
    """Show a bar, and measure what is decoded while the block runs."""
    skipped = len(test.dataset) - sum(shard.size for shard in todo)
    if skipped:
        context.log.info("%s: %d items are done already", test.name, skipped)
    with context.progress(f"infer {test.name}", len(test.dataset)) as bar:
        bar.advance(skipped)
        speed = DecodingSpeed()
        yield speed, partial(_count_decoded, bar, speed)


def _build_predictor(job: "DecodingJob") -> "Predictor":
    from espnet3_runtime.inference.device import pick_device
    from espnet3_runtime.inference.predictor import make_predictor

    device = pick_device(job.config["device"])
    return make_predictor(job.config, job.model, device, job.checkpoint)


def _decode_here(
    job: "DecodingJob",
    predictor: "Predictor",
    test: DecodingSet,
    shards: Sequence[Shard],
    tick: Tick,
) -> None:
    from espnet3_runtime.inference.decode import decode_shards

    last = time.monotonic()

    def count(records: Sequence[InferenceRecord]) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        tick(len(records), sum(record.seconds for record in records), last - before)

    decode_shards(predictor, test.dataset, shards, test.work, job.config, count)


def _decode_on_workers(
    workers: Workers, job: "DecodingJob", test: DecodingSet, shards: Sequence[Shard], tick: Tick
) -> None:
    from espnet3_runtime.inference.decode import decode_in_worker

    tasks = [(job, test.entry, shard, test.work) for shard in shards]
    for number, (audio, seconds) in workers.run(decode_in_worker, tasks):
        tick(shards[number].size, audio, seconds)


def _count_decoded(
    bar: Bar, speed: DecodingSpeed, count: int, audio: float, seconds: float
) -> None:
    speed.audio += audio
    speed.seconds += seconds
    bar.advance(count)
    if speed.audio:
        bar.note(f"RTF {speed.seconds / speed.audio:.4f}")


def _finish_test_set(
    context: StageContext, test: DecodingSet, speed: DecodingSpeed | None
) -> dict[str, Any]:
    target = context.directory / test.name
    records = merge_shards(test.work, test.shards, target, _shown_path(target, context))
    audio = sum(record.seconds for record in records)
    rtf = speed.seconds / speed.audio if speed and speed.audio else None
    if rtf is not None:
        context.result(f"RTF {test.name}", round(rtf, 4))
    context.log.info("%s: %d items", test.name, len(records))
    return {
        "items": len(records),
        "outputs": sorted({name for r in records for name in (*r.outputs, *r.files)}),
        "columns": sorted({name for record in records for name in record.columns}),
        "audio_seconds": round(audio, 3),
        "rtf": round(rtf, 6) if rtf is not None else None,
    }


def _remove_old_sets(directory: Path, current: Collection[str]) -> None:
    """Remove results of test sets that the config no longer names."""
    try:
        before = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))["tests"]
    except (OSError, ValueError, KeyError):
        return
    for name in set(before) - set(current):
        shutil.rmtree(directory / name, ignore_errors=True)


def _shown_path(path: Path | None, context: StageContext) -> str:
    """Return a path as SCP files and reports name it: relative to the recipe where possible."""
    if path is None:
        return ""
    inside = path.is_relative_to(context.recipe_dir)
    return (path.relative_to(context.recipe_dir) if inside else path).as_posix()
