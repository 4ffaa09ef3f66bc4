"""Measure a comparison of many experiments: time to read them, time and size of the page.

``python -m benchmarks.compare [--rows 300 3000] [--utterances 200]``

Each row is an experiment as a run leaves it: receipts of a training, an inference and a
measurement, curves, scores and aligned utterances.  The last column is the time for a row over
that of the smallest number of rows: 1.0 is linear.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.compare.comparison import make_comparison
from espnet3_runtime.compare.page import write_index
from espnet3_runtime.compare.text_table import comparison_text

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WHEN = "2026-01-02T03:04:05+00:00"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(prog="benchmarks.compare", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--utterances", type=int, default=200)
    options = parser.parse_args(argv)
    print(f"{'rows':>6}{'read s':>10}{'table s':>10}{'page s':>10}{'page MB':>10}{'a row':>8}")
    _measure_experiments(2, options.utterances)  # imports what the first one would pay for
    first = 0.0
    for count in sorted(options.rows):
        seconds, size = _measure_experiments(count, options.utterances)
        each = sum(seconds) / count
        first = first or each
        cells = "".join(f"{one:10.2f}" for one in (*seconds, size / 1e6))
        print(f"{count:6}{cells}{each / first:8.2f}")
    return 0


def _measure_experiments(count: int, utterances: int) -> tuple[list[float], int]:
    with tempfile.TemporaryDirectory(prefix="espnet3-benchmark-") as name:
        exp = Path(name) / "exp"
        for number in range(count):
            _write_experiment(exp / f"e{number:05d}", number, utterances)
        return _measure(exp)


def _measure(exp: Path) -> tuple[list[float], int]:
    clocks = [time.perf_counter()]
    comparison = make_comparison([str(exp)])
    clocks.append(time.perf_counter())
    comparison_text(comparison, len(comparison.runs))
    clocks.append(time.perf_counter())
    write_index(comparison, exp / "index.html")
    clocks.append(time.perf_counter())
    seconds = [after - before for before, after in itertools.pairwise(clocks)]
    return seconds, (exp / "index.html").stat().st_size


def _write_experiment(directory: Path, number: int, utterances: int) -> None:
    rng = random.Random(number)
    place = f"exp/{directory.name}"
    values = {f"key{index}": index for index in range(80)}
    values |= {"optimizer.lr": 10 ** -rng.uniform(2, 4), "seed": number}
    made = {
        "path": f"{place}/train/best.ckpt",
        "sha256": "0",
        "signature": "",
        "size": 1,
        "files": 1,
    }
    training = {"what": "train", "configs": {"training": {"name": "t", "values": values}}}
    _write_receipt(directory, "train", training, {"best_checkpoint": made})
    decoding = {"what": "infer", "configs": {"inference": {"name": "i", "values": {"beam": 4}}}}
    _write_receipt(directory, "infer", decoding, {})
    scoring = {"what": "measure", "upstream": {"infer.inference_dir": "0"}}
    _write_receipt(directory, "measure", scoring, {})
    rows = [
        {"at": "epoch", "epoch": n, "step": n * 100, "seconds": n, "valid/loss": 1 / n, "lr": 0.1}
        for n in range(1, 31)
    ]
    _write_lines(directory / "train" / "curves.jsonl", rows)
    records = [_utterance(index, rng) for index in range(utterances)]
    _write_lines(directory / "measure" / "test" / "wer" / "utterances.jsonl", records)
    about = {"headline": "wer", "unit": "%", "target": "x.WER", "inputs": {}}
    report = {
        "metrics": {"wer": {"test": {"wer": rng.uniform(1, 30)}}},
        "about": {"wer": {**about, "higher_is_better": False}},
        "checkpoint": {key: made[key] for key in ("path", "sha256")},
    }
    (directory / "measure" / "metrics.json").write_text(json.dumps(report))


def _utterance(index: int, rng: random.Random) -> dict[str, Any]:
    said = [WORDS[(index + place) % 10] for place in range(8)]
    heard = [rng.choice(WORDS) if rng.random() < 0.1 else word for word in said]
    steps = [["equal" if a == b else "substitute", a, b] for a, b in zip(said, heard, strict=True)]
    errors = sum(step[0] != "equal" for step in steps)
    return {"utt_id": f"utt{index:05d}", "errors": errors, "length": 8, "steps": steps}


def _write_receipt(
    directory: Path, stage: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> None:
    (directory / "stages").mkdir(parents=True, exist_ok=True)
    packages = {f"package{index}": "1.0" for index in range(120)}
    receipt = {
        "schema_version": 1,
        "stage": stage,
        "status": "done",
        "started": WHEN,
        "finished": WHEN,
        "seconds": 60.0,
        "inputs": inputs,
        "outputs": outputs,
        "provenance": {"git": {"commit": "0" * 40, "dirty": False}, "packages": packages},
    }
    (directory / "stages" / f"{stage}.json").write_text(json.dumps(receipt))


def _write_lines(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


if __name__ == "__main__":
    sys.exit(main())
