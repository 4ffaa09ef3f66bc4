"""``run.py --verify``: hash every output again and compare it with its receipt."""

from collections.abc import Sequence

from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.receipts import OutputRecord, Receipt, Unreadable
from espnet3_runtime.launch import console
from espnet3_schemas.build_records import Stage
from espnet3_schemas.exit_codes import CLEAN, MISTAKES


def verify(experiment: Experiment, names: Sequence[str]) -> int:
    """Compare the outputs of some stages with their receipts; print differences, return 0 or 1."""
    wrong: dict[str, None] = {}
    count = bad = 0
    for name in names:
        stage, receipt = experiment.build.stage(name), experiment.receipt(name)
        if not isinstance(receipt, Receipt) or receipt.status != "done":
            state = "has not run"
            if isinstance(receipt, Unreadable):
                state = f"its receipt is unusable: {receipt.reason}"
            elif receipt is not None:
                state = f"has not finished: {receipt.status}"
            console.print_line(f"  {name}  {state}")
            wrong |= {name: None} if isinstance(receipt, Unreadable) else {}
            continue
        for output, record in receipt.outputs.items():
            fault = _describe_fault(experiment, stage, record)
            count, bad = count + 1, bad + bool(fault)
            wrong |= {name: None} if fault else {}
            console.print_line(f"  {name}.{output}  {fault or 'ok'}  {record.path}")
    console.print_line(f"{count} outputs, {bad} not as made")
    if wrong:
        console.print_problem(f"to make them again: run.py --force --stages {' '.join(wrong)}")
    return MISTAKES if wrong else CLEAN


def _describe_fault(experiment: Experiment, stage: Stage, record: OutputRecord) -> str:
    """Return how an output differs from its record; empty when it does not."""
    if experiment.current_hash(stage, record) == record.sha256:
        return ""
    now = experiment.current_signature(stage, record)
    if now is None:
        return "missing"
    if now.files != record.files:
        return f"altered ({now.files:,} files, made {record.files:,})"
    if now.size != record.size:
        return f"altered ({now.size:,} bytes, made {record.size:,})"
    return "altered (other bytes, as many as before)"
