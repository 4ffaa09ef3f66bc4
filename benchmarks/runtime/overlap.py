"""Inference with slow storage on both sides, beside its reading, model and writing alone."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.runtime.timing import Lap, Report, Verdict, in_turns, middle, recorded, table
from benchmarks.runtime.workspace import changed, context_of
from espnet3_runtime.data.dataset_entries import DatasetDirectories, read_entries
from espnet3_runtime.inference.decode import load_test_set, make_reader, write_result
from espnet3_runtime.inference.outputs import OutputFormat, read_formats
from espnet3_runtime.inference.predictor import Predictor, make_predictor
from espnet3_runtime.inference.shards import Shard, ShardPart, plan_shards
from espnet3_runtime.stage import StageContext
from espnet3_runtime.stages.infer import infer

STAGE, READING, MODEL, WRITING = "our infer stage", "reading alone", "model alone", "writing alone"
MOST = 1.1
READ_SECONDS, WRITE_SECONDS = 0.030, 0.025
"""So long storage takes for an item.  To wait takes no core, so that two are enough for all."""
BATCH = 4  # one batch is read before the model begins, and one is written after its end
_HERE = "benchmarks.runtime.overlap"


def read_slowly(sample: dict[str, Any]) -> dict[str, Any]:
    """Wait as for storage elsewhere (a transform)."""
    time.sleep(READ_SECONDS)
    return sample


def write_slowly(value: Any, path: str) -> str:
    """Write an array as to storage elsewhere (a writer)."""
    time.sleep(WRITE_SECONDS)
    np.save(f"{path}.npy", value)
    return f"{path}.npy"


class WithAudio:
    """A runner that gives the audio beside the text, in one array that it fills at each call."""

    def __init__(self, runner: Callable[..., list[dict[str, Any]]]) -> None:
        self._runner = runner
        self._buffer = torch.empty(0)

    def __call__(self, model: Any, speech: torch.Tensor, **batch: Any) -> list[dict[str, Any]]:
        """Return text and audio; ``speech`` has shape ``(B, samples)``."""
        results = self._runner(model, speech=speech, **batch)
        self._buffer = self._buffer.resize_(speech.shape).copy_(speech)
        return [
            {**result, "speech": audio} for result, audio in zip(results, self._buffer, strict=True)
        ]


@dataclass(frozen=True)
class _Parts:
    """What the stage does, part by part."""

    context: StageContext
    predictor: Predictor
    shards: list[Shard]
    formats: dict[str, OutputFormat]
    batches: list[Any]
    results: list[Any]

    def reader(self) -> Iterable[Any]:
        config = self.context.configs["inference"]
        directories = DatasetDirectories(self.context.recipe_dir, self.context.data_dir)
        (entry,) = read_entries(config["dataset"], "test")
        dataset = load_test_set(config, entry, directories)
        return make_reader(self.predictor.preparation, dataset, self.shards, config)

    def decode(self) -> Iterable[Any]:
        for records, batch in self.batches:
            yield self.predictor.run([record.utt_id for record in records], batch)

    def write(self, directory: Path) -> None:
        part = ShardPart(directory)
        for (records, _), results in zip(self.batches, self.results, strict=True):
            for record, result in zip(records, results, strict=True):
                write_result(part, self.formats, record, result)
        part.complete()


def measure(directory: Path, rounds: int) -> Report:
    """Time the stage with one loader process, and each part alone over the same batches."""
    context = _slow(context_of(directory, "infer"), workers=1)
    parts = _parts(context)
    count = sum(shard.size for shard in parts.shards)

    def lap(work: Callable[[], Any]) -> Callable[[], Lap]:
        def timed() -> Lap:
            laps: list[Lap] = []
            with recorded(laps):
                work()
            return laps[0].per(count)

        return timed

    ways = {
        STAGE: lambda: infer(context),
        READING: lambda: list(parts.reader()),
        MODEL: lambda: list(parts.decode()),
        WRITING: lambda: parts.write(directory / "written"),
    }
    laps = in_turns({name: lap(way) for name, way in ways.items()}, rounds)
    ours = _written(context)
    infer(_slow(context, workers=0))
    same = ours == _written(context)
    slowest = [max(one.wall for one in some) for some in zip(*list(laps.values())[1:], strict=True)]
    quotients = [one.wall / most for one, most in zip(laps[STAGE], slowest, strict=True)]
    value, spread = middle(quotients)
    lines = [f"overlap: an utterance, {count} a lap, by the clock"]
    lines += [
        table(laps, "utt"),
        f"  the same bytes as one after another: {'yes' if same else 'NO'}",
    ]
    what = "infer: the stage / the slowest part alone"
    met = same and value <= MOST
    return Report("\n".join(lines), [Verdict(what, value, spread, f"<= {MOST:.2f}", met)])


def _slow(context: StageContext, workers: int) -> StageContext:
    config = context.configs["inference"].plain()
    (test,) = config["dataset"]["test"]
    runner = config["runner"]
    if runner["_target_"] != f"{_HERE}.WithAudio":
        runner = {"_target_": f"{_HERE}.WithAudio", "runner": runner}
    transform = {"_target_": f"{_HERE}.read_slowly", "_partial_": True}
    changes = {
        "dataset.test": [{**test, "transform": transform}],
        "dataloader.num_workers": workers,
        "batch_size": BATCH,
        "runner": runner,
        "output_keys": ["text", "speech"],
        "contract": None,
        "output_artifacts": {"speech": {"writer": {"_target_": f"{_HERE}.write_slowly"}}},
    }
    return changed(context, "inference", changes)


def _parts(context: StageContext) -> _Parts:
    config = context.configs["inference"]
    (entry,) = read_entries(config["dataset"], "test")
    dataset = load_test_set(config, entry, DatasetDirectories(context.recipe_dir, context.data_dir))
    shards = plan_shards(dataset, "speech", config["batch_size"])
    predictor = make_predictor(config, context.model, "cpu", Path(config["checkpoint"]).absolute())
    formats = read_formats(config["output_artifacts"], None, "")
    batches = list(make_reader(predictor.preparation, dataset, shards, config))
    parts = _Parts(context, predictor, shards, formats, batches, [])
    return _Parts(context, predictor, shards, formats, batches, list(parts.decode()))


def _written(context: StageContext) -> dict[str, bytes]:
    files = (path for path in (context.directory / "test").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}
