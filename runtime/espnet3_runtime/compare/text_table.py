"""A comparison as a table on a terminal."""

from collections.abc import Sequence

from espnet3_runtime.compare.comparison import Comparison
from espnet3_runtime.compare.read_runs import ComparedRun
from espnet3_runtime.compare.scores import format_difference
from espnet3_runtime.compare.settings import as_text
from espnet3_runtime.metrics.table import as_text as text_table
from espnet3_runtime.process.progress import format_duration

_MOST_KEYS = 8
_WIDEST = 28


def comparison_text(comparison: Comparison, most: int) -> str:
    """Return the table of all runs, and what was left out.

    Args:
        comparison: The runs.
        most: How many lines are shown; the best come first.
    """
    keys = list(comparison.keys)[:_MOST_KEYS]
    head = ["run", *comparison.scores, *(comparison.keys[key] for key in keys)]
    head += ["time", "parameters", "date", "commit"]
    pairs = list(zip(comparison.runs, comparison.labels, strict=True))[:most]
    rows = [_run_cells(run, label, comparison, keys) for run, label in pairs]
    lines = [text_table([head, *rows])] if rows else []
    hidden = len(comparison.runs) - len(rows)
    lines += [f"… and {hidden} more runs: --rows {len(comparison.runs)}"] if hidden else []
    others = list(comparison.keys.values())[_MOST_KEYS:]
    if others:
        lines.append(f"{len(others)} more settings differ: {', '.join(others)}")
    lines += [f"left out: {one.path}: {one.reason}" for one in comparison.left_out]
    return "\n".join(lines)


def _run_cells(
    run: ComparedRun, label: str, comparison: Comparison, keys: Sequence[str]
) -> list[str]:
    cells = [label]
    for name in comparison.scores:
        score = run.scores.get(name)
        apart = format_difference(score, comparison.best[name]) if score else ""
        cells.append(f"{score.text} ({apart})" if score and apart else score.text if score else "")
    cells += [_cut(as_text(run.settings[key]) if key in run.settings else "") for key in keys]
    return [
        *cells,
        "" if run.seconds is None else format_duration(run.seconds),
        "" if run.parameters is None else f"{run.parameters:,}",
        run.finished[:16].replace("T", " "),
        run.commit,
    ]


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
