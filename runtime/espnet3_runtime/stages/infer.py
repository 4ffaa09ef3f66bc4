"""The stage ``infer``: run the model over the test sets."""

import json
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.contract import read_contract
from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry, read_entries
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.outputs import read_formats
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


@dataclass
class _DecodingSet:
    """A test set, its shards, and the time and seconds of audio decoded in this run."""

    entry: DatasetEntry
    name: str
    dataset: Any
    shards: list[Shard]
    work: Path
    todo: list[Shard]
    seconds: float = 0.0
    audio: float = 0.0

    def count(self, bar: Bar, items: int, audio: float, seconds: float) -> None:
        self.audio += audio
        self.seconds += seconds
        bar.advance(items)
        if self.audio:
            bar.note(f"RTF {self.seconds / self.audio:.4f}")


def infer(context: StageContext) -> Outputs:
    """Decode every test set; write ``<test>/<output>.scp`` and ``inference.json``.

    An interrupted run continues with the shards that are missing; the directory of a test set
    appears complete or not at all.

    Raises:
        UserError: The config, the data or the results are not as declared.
    """
    from espnet3_runtime.inference.decode import DecodingJob, load_test_set

    config = context.configs["inference"]
    use_threads(config["num_threads"])
    entries = _read_test_entries(config)
    checkpoint = Path(config["checkpoint"]).absolute() if config["checkpoint"] else None
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    job = DecodingJob(config, context.model, checkpoint, directories)
    sha256 = weights_digest(checkpoint) if checkpoint else None
    if not context.resume:
        shutil.rmtree(context.directory / "work", ignore_errors=True)
    context.cleared()
    sets = []
    for entry in entries:
        dataset = load_test_set(config, entry, directories)
        shards = plan_shards(dataset, _length_key(config), config["batch_size"])
        work = context.directory / "work" / str(entry.name)
        ensure_same_plan(work, shards, str(sha256))
        todo = [shard for shard in shards if not is_done(shard, work)]
        sets.append(_DecodingSet(entry, str(entry.name), dataset, shards, work, todo))
    _decode_all(context, job, sets)
    summary: dict[str, Any] = {"schema_version": 1, "checkpoint": None}
    if checkpoint is not None:
        summary["checkpoint"] = {"path": _shown_path(checkpoint, context), "sha256": sha256}
    tokenizer = context.find("train_tokenizer", "tokenizer_model")
    kinds = list(context.upstream_kinds.values())
    if tokenizer is not None and kinds.count("train_tokenizer") == 1:  # of two, who can say whose
        shown, digest = _shown_path(tokenizer, context), weights_digest(tokenizer)
        summary["tokenizer"] = {"path": shown, "sha256": digest}
    summary["tests"] = {test.name: _finish_test_set(context, test) for test in sets}
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


def _decode_all(context: StageContext, job: "DecodingJob", sets: Sequence[_DecodingSet]) -> None:
    parallel = job.config["parallel"]
    most = max(len(test.todo) for test in sets)
    with Workers(parallel, context.recipe_dir, most) as workers:
        predictor = _build_predictor(job) if most and in_process(parallel, most) else None
        for test in sets:
            if not test.todo:
                continue
            done = len(test.dataset) - sum(shard.size for shard in test.todo)
            if done:
                context.log.info("%s: %d items are done already", test.name, done)
            with context.progress(f"infer {test.name}", len(test.dataset)) as bar:
                bar.advance(done)
                if predictor is not None:
                    _decode_here(job, predictor, test, bar)
                else:
                    _decode_on_workers(workers, job, test, bar)


def _build_predictor(job: "DecodingJob") -> "Predictor":
    from espnet3_runtime.inference.device import pick_device
    from espnet3_runtime.inference.predictor import make_predictor

    device = pick_device(job.config["device"])
    return make_predictor(job.config, job.model, device, job.checkpoint)


def _decode_here(job: "DecodingJob", predictor: "Predictor", test: _DecodingSet, bar: Bar) -> None:
    from espnet3_runtime.inference.decode import decode_shards

    last = time.monotonic()

    def count(records: Sequence[InferenceRecord]) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        test.count(bar, len(records), sum(record.seconds for record in records), last - before)

    decode_shards(predictor, test.dataset, test.todo, test.work, job.config, count)


def _decode_on_workers(workers: Workers, job: "DecodingJob", test: _DecodingSet, bar: Bar) -> None:
    from espnet3_runtime.inference.decode import decode_in_worker

    tasks = [(job, test.entry, shard, test.work) for shard in test.todo]
    for number, (audio, seconds) in workers.run(decode_in_worker, tasks):
        test.count(bar, test.todo[number].size, audio, seconds)


def _finish_test_set(context: StageContext, test: _DecodingSet) -> dict[str, Any]:
    target = context.directory / test.name
    records = merge_shards(test.work, test.shards, target, _shown_path(target, context))
    audio = sum(record.seconds for record in records)
    rtf = test.seconds / test.audio if test.audio else None
    if rtf is not None:
        context.result(f"RTF {test.name}", round(rtf, 4))
    context.log.info("%s: %d items", test.name, len(records))
    config = context.configs["inference"]
    formats = read_formats(config["output_artifacts"], read_contract(config["contract"], ""), "")
    declared = {name for name, chosen in formats.items() if chosen.is_declared}
    return {
        "items": len(records),
        "outputs": sorted({name for r in records for name in (*r.outputs, *r.files)}),
        "by_value": sorted({name for r in records for name in r.files} - declared),
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


def _shown_path(path: Path, context: StageContext) -> str:
    """Return a path as SCP files and reports name it: relative to the recipe where possible."""
    inside = path.is_relative_to(context.recipe_dir)
    return (path.relative_to(context.recipe_dir) if inside else path).as_posix()
