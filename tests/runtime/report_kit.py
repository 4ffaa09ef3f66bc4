"""An experiment for reports, written by hand: lock, receipts, curves, scores, examples, a log."""

import json

import numpy as np

from espnet3_runtime.data.audio import write_wav
from espnet3_runtime.incremental.receipts import OutputRecord, Receipt, write_receipt

STAGES = {
    "create_dataset": [],
    "collect_stats": ["create_dataset"],
    "train": ["create_dataset", "collect_stats"],
    "infer": ["create_dataset", "train"],
    "measure": ["infer"],
    "export": ["train"],
}


def stage(name, needs):
    call = "src.export.to_onnx" if name == "export" else None
    return {
        "name": name,
        "run": None if call else name,
        "call": call,
        "configs": {"training": "training"} if name == "train" else {},
        "model": "ctc" if name == "train" else None,
        "init_from": None,
        "needs": needs,
        "reads": [],
        "outputs": {},
    }


def make_build(folder):
    """Write a compiled recipe; returns (experiment, build)."""
    build = folder / "build"
    (build / "conf").mkdir(parents=True)
    (build / "conf/training.yaml").write_text("lr: 0.1\nname: <script>alert(1)</script>\n")
    lock = {
        "schema_version": 2,
        "recipe": "tiny/asr",
        "system": "espnet3_runtime.systems.asr.ASRSystem",
        "manifest": "../recipe.yaml",
        "recipe_dir": "..",
        "exp_tag": "tiny",
        "exp_dir": "exp/tiny",
        "data_dir": "data",
        "sources": [{"path": "recipe.yaml", "sha256": "f" * 64}],
        "set": ["training.lr=0.1"],
        "configs": {
            "training": {"role": "training", "file": "conf/training.yaml", "sha256": "0" * 64}
        },
        "models": {},
        "stages": [stage(name, needs) for name, needs in STAGES.items()],
        "late_values": {},
    }
    (build / "recipe.lock.json").write_text(json.dumps(lock))
    experiment = folder / "exp/tiny"
    experiment.mkdir(parents=True)
    return experiment, build


def done(
    experiment,
    name,
    *,
    status="done",
    error=None,
    results=None,
    seconds=2.0,
    read=None,
    dirty=False,
):
    record = OutputRecord(f"exp/tiny/{name}/x", "a" * 64, "s", 2_500_000, 1)
    receipt = Receipt(
        name,
        status,
        f"2026-01-02T03:0{seconds:.0f}:00+00:00",
        finished=f"2026-01-02T03:1{seconds:.0f}:00+00:00",
        seconds=seconds,
        inputs={"upstream": read or {}},
        outputs={"x": record},
        results=results or {},
        error=error,
        provenance={
            "git": {"commit": "c" * 40, "branch": "main", "dirty": dirty},
            "host": "box",
            "device": f"device of {name}",
            "python": "3.11",
            "packages": {"other": "3", "numpy": "2", "torch": "1"},
        },
    )
    write_receipt(experiment, receipt)


def fill(experiment):
    """Let every stage but the last have run."""
    for name in list(STAGES)[:-1]:
        done(experiment, name, results={"size": "3 MB"})
    rows = [
        {"at": "step", "epoch": 1, "step": s, "seconds": 1.0, "train/loss": 9 / s, "lr": 0.1}
        for s in range(1, 101)
    ]
    rows.append({"at": "epoch", "epoch": 1, "step": 100, "seconds": 2.0, "valid/loss": 0.25})
    (experiment / "train").mkdir()
    (experiment / "train/curves.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows) + '{"at": "st'
    )
    (experiment / "train/train.log").write_text(
        "2026-01-01 10:00:00,000 INFO    espnet3.train: fine\n"
        "2026-01-01 10:00:01,000 WARNING espnet3.train: <b>a batch was skipped</b>\n"
    )
    measure = experiment / "measure"
    (measure / "test/audio").mkdir(parents=True)
    write_wav(measure / "test/audio/00.wav", np.zeros(16), 16000)
    scores = {
        "metrics": {"wer": {"test": {"wer": 12.5, "words": 8, "utterances_wrong": 1}}},
        "about": {
            "wer": {
                "headline": "wer",
                "unit": "%",
                "target": "espnet3_runtime.metrics.wer.WER",
                "inputs": {"ref": "dataset:text", "hyp": "text"},
            }
        },
        "checkpoint": {"path": "exp/tiny/train/best.ckpt", "sha256": "d" * 64},
    }
    (measure / "metrics.json").write_text(json.dumps(scores))
    steps = [["equal", "one", "one"], ["substitute", "<two>", "too"]]
    add_utterances(measure / "test", "wer", [("utt<1>", steps), ("utt2", steps[:1])])
    columns = {"speaker": ["<ann>", "bob"], "seconds": [0.5, None]}
    text = json.dumps({"utt_ids": ["utt<1>", "utt2"], "columns": columns})
    (measure / "test/columns.json").write_text(text)
    example = {"utt_id": "utt<1>", "rank": "worst", "audio": "audio/00.wav"}
    (measure / "test/examples.json").write_text(json.dumps([example]))


def add_utterances(folder, metric, utterances):
    """Write ``utterances.jsonl`` of a metric from pairs of id and steps."""
    (folder / metric).mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "utt_id": utt_id,
            "errors": sum(kind != "equal" for kind, _, _ in steps),
            "length": sum(kind != "insert" for kind, _, _ in steps),
            "steps": steps,
        }
        for utt_id, steps in utterances
    ]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / metric / "utterances.jsonl").write_text(text)
