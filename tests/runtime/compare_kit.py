"""Experiments as runs leave them, written by hand: receipts, curves, scores, aligned utterances."""

import json
from pathlib import Path

from espnet3_runtime.incremental.receipts import OutputRecord, Receipt, write_receipt
from espnet3_runtime.trackers.run_records import write_training_record

GIT = {"commit": "0123456789abcdef", "branch": "main", "remote": None, "dirty": False}
SAID = {"u1": "one two three", "u2": "four five", "u3": "six"}


def write_training(
    exp: Path,
    stage: str,
    settings: dict[str, object],
    *,
    loss: float = 0.5,
    day: int = 1,
    dirty: bool = False,
    status: str = "done",
    error: str | None = None,
    epochs: int = 4,
) -> str:
    """Write what a train stage leaves; return the path of its best checkpoint."""
    recipe_dir = exp.parents[1]
    place = (exp / stage).relative_to(recipe_dir).as_posix()
    criterion = {f"best_model_criterion[0][{i}]": x for i, x in enumerate(["valid/loss", 3, "min"])}
    values = {"seed": 0, **criterion, **settings}
    made = OutputRecord(f"{place}/best.ckpt", f"sha of {place}", "s", 10, 1)
    receipt = Receipt(
        stage,
        status,  # type: ignore[arg-type]
        f"2026-03-{day:02d}T10:00:00+00:00",
        f"2026-03-{day:02d}T10:20:00+00:00",
        60.0 * day,
        inputs={
            "what": "train",
            "configs": {"training": {"name": stage, "values": values}},
            "model": {"_target_": "src.model.M", "stats": {"late": "${stages.s.x}", "digest": "1"}},
            "init_from": None,
            "upstream": {},
        },
        outputs={"best_checkpoint": made} if status == "done" else {},
        results={"best valid/loss": f"{loss:.4g} (epoch {epochs})"},
        error=error,
        provenance={"git": {**GIT, "dirty": dirty}},
    )
    write_receipt(exp, receipt)
    (exp / stage).mkdir(parents=True, exist_ok=True)
    if status == "done":
        write_training_record(exp / stage, {"parameters": 1000 * day}, ())
    rows = [
        {"at": "epoch", "epoch": n, "step": 10 * n, "seconds": n, "valid/loss": loss * (9 - n) / 4,
         "train/loss": loss * (9 - n) / 5, "lr": 0.1 / n}
        for n in range(1, epochs + 1)
    ]  # fmt: skip
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (exp / stage / "curves.jsonl").write_text(text)
    return made.path


def write_scores(
    exp: Path,
    stage: str,
    checkpoint: str,
    heard: dict[str, str],
    *,
    beam: int = 1,
    better: bool | None = False,
    said: dict[str, str] = SAID,
) -> None:
    """Write what infer and measure leave; ``heard`` are the hypotheses that are not as said."""
    infer = f"infer_{stage}"
    inputs = {
        "what": "infer",
        "configs": {"inference": {"name": infer, "values": {"beam": beam}}},
        "model": None,
        "upstream": {},
    }
    write_receipt(exp, Receipt(infer, "done", "2026-03-01T11:00:00+00:00", inputs=inputs))
    inputs = {"what": "measure", "configs": {}, "upstream": {f"{infer}.inference_dir": "x"}}
    when = "2026-03-28T12:00:00+00:00"
    write_receipt(exp, Receipt(stage, "done", when, when, 1.0, inputs=inputs))
    records = [_aligned(utt_id, text, heard.get(utt_id, text)) for utt_id, text in said.items()]
    errors = sum(record["errors"] for record in records)
    rate = 100 * errors / sum(record["length"] for record in records)
    directory = exp / stage / "test" / "wer"
    directory.mkdir(parents=True)
    lines = (json.dumps(record) + "\n" for record in records)
    (directory / "utterances.jsonl").write_text("".join(lines))
    about = {"target": "espnet3_runtime.metrics.wer.WER", "inputs": {}, "unit": "%"}
    about |= {"headline": "wer", "higher_is_better": better}
    place = checkpoint.removesuffix("/best.ckpt")
    report = {
        "metrics": {"wer": {"test": {"wer": rate, "words": 6}}},
        "about": {"wer": about},
        "checkpoint": {"path": checkpoint, "sha256": f"sha of {place}"},
    }
    (exp / stage / "metrics.json").write_text(json.dumps(report))


def _aligned(utt_id: str, said: str, heard: str) -> dict[str, object]:
    pairs = list(zip(said.split(), heard.split(), strict=True))
    steps = [["equal" if a == b else "substitute", a, b] for a, b in pairs]
    return {
        "utt_id": utt_id,
        "errors": sum(a != b for a, b in pairs),
        "length": len(pairs),
        "steps": steps,
    }
