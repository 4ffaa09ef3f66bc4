"""What a person reads while stages run."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.plan import Verdict
from espnet3_runtime.incremental.receipts import Receipt, Unreadable
from espnet3_runtime.process.progress import format_duration
from espnet3_schemas.build_records import Stage

_ACTION_WORDS = {"run": "runs", "maybe": "may run", "skip": "skipped"}
_MOST_REASONS = 3
_MOST_RESULTS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table at the end."""

    stage: str
    status: str
    seconds: float | None = None
    outputs: Sequence[str] = ()
    results: Mapping[str, float | str] = field(default_factory=dict)


def print_line(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print an error or a warning."""
    sys.stdout.flush()
    word, colon, rest = text.partition(":")
    print(f"{_colored_text(word + colon, '1;31', sys.stderr)}{rest}", file=sys.stderr, flush=True)


def show_plan(build: Build, verdicts: Sequence[Verdict], most: int | None = _MOST_REASONS) -> None:
    """Print what will run, and why.

    Args:
        build: The compiled recipe.
        verdicts: What happens to each wanted stage.
        most: How many reasons are shown for a stage; None shows all.
    """
    print_line(f"{build.recipe}  {build.exp_dir}")
    width = max((len(verdict.stage.name) for verdict in verdicts), default=0)
    for verdict in verdicts:
        word = _ACTION_WORDS[verdict.action]
        print_line(f"  {verdict.stage.name:<{width}}  {word:<8} {_format_reasons(verdict, most)}")


def show_header(verdict: Verdict, number: int, count: int) -> None:
    """Print the line above a stage's own output.

    Args:
        verdict: The stage and why it runs.
        number: Its number among the wanted stages, from 1.
        count: How many stages are wanted.
    """
    head = f"[{number}/{count}] {verdict.stage.name}"
    about = ", ".join(_describe_stage(verdict.stage))
    print_line(f"{_colored_text(head, '1', sys.stdout)}{f'  ({about})' if about else ''}")


def show_skip(verdict: Verdict, number: int, count: int) -> None:
    """Print that a stage is up to date.

    Args:
        verdict: The stage and why it is skipped.
        number: Its number among the wanted stages, from 1.
        count: How many stages are wanted.
    """
    print_line(f"[{number}/{count}] {verdict.stage.name}  {verdict.reasons[0]}")


def show_list(
    build: Build,
    receipts: Mapping[str, Receipt | Unreadable | None],
    descriptions: Mapping[str, str],
) -> None:
    """Print every stage with what it runs, what it reads, and how it stands.

    Args:
        build: The compiled recipe.
        receipts: What each stage left behind, by name.
        descriptions: One line for each stage, by name.
    """
    rows = [("stage", "runs", "reads", "last run", "")]
    for stage in build.stages:
        reads = " ".join(dict.fromkeys([*stage.configs.values(), stage.model or ""])).strip()
        what = stage.run or f"{stage.call}()"
        state = _describe_receipt(receipts[stage.name])
        rows.append((stage.name, what, reads or "-", state, descriptions[stage.name]))
    print_line(f"{build.recipe}  {build.exp_dir}")
    _print_table(rows)


def show_summary(rows: Sequence[Row]) -> None:
    """Print the table at the end of a run."""
    cells = [("stage", "status", "time", "made")]
    for row in rows:
        time = "-" if row.seconds is None else format_duration(row.seconds)
        made = _first_results([f"{name} {value}" for name, value in row.results.items()])
        cells.append((row.stage, row.status, time, made or ", ".join(row.outputs) or "-"))
    print_line("")
    _print_table(cells)


def _first_results(results: Sequence[str]) -> str:
    more = len(results) - _MOST_RESULTS
    return ", ".join(results[:_MOST_RESULTS]) + (f" and {more} more" if more > 0 else "")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        print_line(f"  {line}".rstrip())


def _describe_stage(stage: Stage) -> list[str]:
    kind = [] if stage.run == stage.name else [stage.run or f"{stage.call}()"]
    return [*kind, *([stage.model] if stage.model else []), *dict.fromkeys(stage.configs.values())]


def _format_reasons(verdict: Verdict, most: int | None) -> str:
    reasons = verdict.reasons[:most]
    text = "; ".join(reasons)
    if len(reasons) < len(verdict.reasons):
        text += f"; and {len(verdict.reasons) - len(reasons)} more"
    if verdict.action == "maybe":
        return f"if {text}"
    return f"{text}; it goes on from there" if verdict.resume else text


def _describe_receipt(receipt: Receipt | Unreadable | None) -> str:
    if isinstance(receipt, Receipt):
        return f"{receipt.status} {_format_minute(receipt)}"
    return "unusable" if receipt else "-"


def _format_minute(receipt: Receipt) -> str:
    return (receipt.finished or receipt.started)[:16].replace("T", " ")


def _colored_text(text: str, code: str, stream: TextIO) -> str:
    plain = not stream.isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\033[{code}m{text}\033[0m"
