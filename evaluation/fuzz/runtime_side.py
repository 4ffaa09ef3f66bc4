"""Input of the runtime: locks, receipts, results, tables, bundles and checkpoints of others."""

import io
import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, read_late_values, resolve_references
from espnet3_runtime.build.lock import load_build
from espnet3_runtime.data.table import Table
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import plan_stages
from espnet3_runtime.incremental.receipts import Receipt, read_receipt
from espnet3_runtime.inference.scp import read_scp
from espnet3_schemas import LOCK
from evaluation.fuzz import built
from evaluation.fuzz.judge import Try

_ENVIRON = {"HOME": "/home/me", "B": "b"}


def lock_seeds(directory: Path) -> Sequence[bytes]:
    """Return the lock of a build."""
    return [(directory / built.BUILD / LOCK).read_bytes()]


def loads_build(directory: Path) -> Try:
    """Return what reads a lock and every config and model of it."""
    built.compiled(directory)
    build = directory / built.BUILD

    def attempt(data: bytes) -> bool:
        (build / LOCK).write_bytes(data)
        loaded = load_build(build)
        for name in loaded.configs:
            loaded.config(name)
        for name in loaded.models:
            loaded.model(name)
        for stage in loaded.stages:
            loaded.arguments(stage)
        return True

    return attempt


def late_seeds(directory: Path) -> Sequence[bytes]:
    """Return the table of late values of a build, and one with every kind of part."""
    parts = ["a", {"stage": "s", "output": "o"}, {"env": "B", "default": [{"env": "HOME"}]}]
    lock = json.loads(built.compiled(directory)[LOCK])
    tables = [lock["late_values"], {"${x}": parts, "${y}": [{"env": "C", "default": None}]}]
    return [json.dumps(table).encode() for table in tables]


def binds(_directory: Path) -> Try:
    """Return what fills in a table of late values."""
    values = lookup(lambda reference, _: f"/exp/{reference.stage}", _ENVIRON)

    def attempt(data: bytes) -> bool:
        try:
            table = json.loads(data)
        except (ValueError, RecursionError):
            return False
        late = read_late_values(table, LOCK)
        resolve_references(list(late), late, values, "training")
        return True

    return attempt


def receipt_seeds(directory: Path) -> Sequence[bytes]:
    """Return a receipt."""
    return [path.read_bytes() for path in directory.glob("exp/*/stages/*.json")]


def plans(directory: Path) -> Try:
    """Return what decides about a stage by a receipt."""
    stage = "create_dataset"  # the first: it needs no other one
    exp = built.experiment(directory, stage, "summary")
    build = load_build(directory / built.BUILD)

    def attempt(data: bytes) -> bool:
        (exp / "stages" / f"{stage}.json").write_bytes(data)
        verdicts = plan_stages(build, Experiment(build), [stage])
        assert verdicts[0].action == "run", "its output does not exist"
        return isinstance(read_receipt(exp, stage), Receipt)

    return attempt


_SHOWN = ("measure/metrics.json", "measure/test/examples.json", "train/curves.jsonl")
_ABOUT = {"headline": "WER", "unit": "%", "inputs": {"hyp": "text"}, "target": "a.WER"}
_METRICS = {
    "schema_version": 1,
    "checkpoint": {"path": "exp/x/train/best.ckpt", "sha256": "0" * 64},
    "metrics": {"wer": {"test": {"WER": 4.2, "errors": 21, "length": 500}}},
    "about": {"wer": _ABOUT},
}
_STEPS = [["equal", "one", "one"], ["substitute", "two", "too"]]
_EXAMPLE = {
    "utt_id": "a",
    "rank": "worst",
    "metric": "wer",
    "errors": 1,
    "length": 2,
    "audio": None,
    "steps": _STEPS,
}


def metrics_seeds(_directory: Path) -> Sequence[bytes]:
    """Return results as the stage ``measure`` writes them, and rows of learning curves."""
    rows = b'{"step": 1, "epoch": 0, "train/loss": 2.5}\n{"step": 2, "valid/loss": 2.0}\n'
    return [json.dumps(_METRICS, indent=1).encode(), rows, json.dumps([_EXAMPLE]).encode()]


def reports(directory: Path) -> Try:
    """Return what draws the report from results, examples and curves."""
    from espnet3_runtime.report import write_report

    exp = built.experiment(directory, "measure", "metrics")
    build = load_build(directory / built.BUILD)
    whole = json.dumps(_METRICS).encode()
    paths = [exp / name for name in _SHOWN]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)

    def attempt(data: bytes) -> bool:
        for path in paths:
            path.write_bytes(data)
        if data[:1] == b"[":  # examples are looked for where there are results
            paths[0].write_bytes(whole)
        write_report(exp, build)
        return True

    return attempt


def scp_seeds(_directory: Path) -> Sequence[bytes]:
    """Return SCP files."""
    return [b"a1 one two\na2 three\n", b"a1 /x/a.wav\n\na2 \n", "é eins zwei\n".encode()]


def reads_scp(directory: Path) -> Try:
    """Return what reads an SCP file."""
    return _reads(directory / "text", read_scp)


def table_seeds(_directory: Path) -> Sequence[bytes]:
    """Return tab-separated tables."""
    return [b"utt_id\tpath\ttext\na\tx.wav\tone two\nb\ty.wav\t\n", b"a\n1\n2", b"a\tb\r\n1\t2\r\n"]


def reads_table(directory: Path) -> Try:
    """Return what reads every row of a table."""

    def rows(path: Path) -> object:
        table = Table(path)
        return [table[index] for index in range(len(table))]

    return _reads(directory / "table.tsv", rows)


def _reads(path: Path, read: Callable[[Path], object]) -> Try:
    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        read(path)
        return True

    return attempt


def meta_seeds(directory: Path) -> Sequence[bytes]:
    """Return the table of contents of a bundle."""
    return [(directory / "bundle.json").read_bytes()]


def bundled_seeds(directory: Path) -> Sequence[bytes]:
    """Return the config of a bundle."""
    return [(directory / "inference.yaml").read_bytes()]


def opens(name: str) -> Callable[[Path], Try]:
    """Return what loads a bundle of which one file is foreign, without trust."""

    def prepare(directory: Path) -> Try:
        from espnet3_runtime.publication.model import InferenceModel

        built.bundle(directory)
        InferenceModel.from_packed(directory, device="cpu")

        def attempt(data: bytes) -> bool:
            if name == "bundle.json":
                (directory / name).write_bytes(data)
            else:
                built.sign(directory, {name: data})
            InferenceModel.from_packed(directory, device="cpu")
            return True

        return attempt

    return prepare


def checkpoint_seeds(_directory: Path) -> Sequence[bytes]:
    """Return a checkpoint of torch's two formats, and one in safetensors' layout."""
    import torch

    found = []
    for zipped in (True, False):
        buffer = io.BytesIO()
        state = {"state_dict": {"weight": torch.zeros(2, 3)}, "epoch": 1}
        torch.save(state, buffer, _use_new_zipfile_serialization=zipped)
        found.append(buffer.getvalue())
    header: dict[str, Any] = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    return [*found, struct.pack("<Q", len(text)) + text + b"\x00" * 4]


def reads_weights(name: str) -> Callable[[Path], Try]:
    """Return what reads the weights in a file."""

    def prepare(directory: Path) -> Try:
        from espnet3_runtime.weights import read_weights

        def attempt(data: bytes) -> bool:
            for path in (directory / name, directory / "x.safetensors"):
                path.write_bytes(data)
            read_weights(directory / "x.safetensors" if data[8:9] == b"{" else directory / name)
            return True

        return attempt

    return prepare
