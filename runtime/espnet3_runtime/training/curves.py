"""Writes ``curves.jsonl``: the measured values, one JSON object a line."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_text


class Curves:
    """Appends rows ``{"at": "step" | "epoch", "epoch": 1, "step": 50, "seconds": 3.2, …values}``.

    Epochs count from 1; ``seconds`` is training time, resumed parts included; a value that is not
    finite is null.

    Args:
        path: The file; rows after ``resume_step`` are dropped, as they are measured again.
        resume_step: The step to continue from; None for a new training.
    """

    def __init__(self, path: Path, resume_step: int | None) -> None:
        rows = [] if resume_step is None else _read_rows(path, resume_step)
        before = float(rows[-1]["seconds"]) if rows else 0.0
        write_text(path, "".join(f"{json.dumps(row)}\n" for row in rows))
        self._start = time.monotonic() - before
        self._file = path.open("a", encoding="utf-8")

    def add(self, at: str, epoch: int, step: int, values: Mapping[str, float]) -> None:
        """Write one row.

        Args:
            at: ``step`` or ``epoch``: the span of the values.
            epoch: Number of the epoch, from 1.
            step: How many optimizer steps were taken.
            values: Measured values by name.
        """
        seconds = round(time.monotonic() - self._start, 3)
        row: dict[str, Any] = {"at": at, "epoch": epoch, "step": step, "seconds": seconds}
        row |= {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._file.write(f"{json.dumps(row)}\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read_rows(path: Path, last_step: int) -> list[dict[str, Any]]:
    """Return the rows up to a step; an incomplete last line is dropped."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if row["step"] <= last_step:
                rows.append(row)
    return rows
