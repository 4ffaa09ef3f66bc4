"""Scores as a table of text or Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any


def format_value(value: float, unit: str) -> str:
    """Return a number with its unit, for example ``4.12 %``."""
    text = str(value) if isinstance(value, int) else f"{value:.2f}" if unit else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def score_rows(scores: Mapping[str, Any]) -> list[list[str]]:
    """Return the content of ``metrics.json`` as rows: a head, then one for each test set."""
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]] = scores["metrics"]
    tests = list(dict.fromkeys(test for by_test in metrics.values() for test in by_test))
    body = [
        [test, *(_format_cell(scores["about"][name], metrics[name].get(test)) for name in metrics)]
        for test in tests
    ]
    return [["test set", *metrics], *body]


def _format_cell(about: Mapping[str, Any], numbers: Mapping[str, float] | None) -> str:
    return format_value(numbers[about["headline"]], about["unit"]) if numbers else ""


def as_text(table: Sequence[Sequence[str]]) -> str:
    """Return rows as columns of plain text; numbers are aligned at the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table."""
    head, *body = ["| " + " | ".join(row) + " |" for row in table]
    rule = "| --- |" + " ---: |" * (len(table[0]) - 1)
    return "\n".join([head, rule, *body])
