"""The lines and tables that a person reads while stages run."""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from espnet3_runtime.build.lock import Build
from espnet3_runtime.incremental.plan import Verdict
from espnet3_runtime.incremental.receipts import Receipt, Unreadable
from espnet3_runtime.process.progress import format_duration
from espnet3_schemas.build_records import Stage
from espnet3_schemas.terminal import takes_colour, terminal_columns

_ACTION_WORDS = {"run": "runs", "maybe": "may run", "skip": "skipped"}
_MOST_REASONS = 3
_MOST_RESULTS = 4
_LEAST_COLUMN = 20
_INDENT = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table at the end."""

    stage: str
    status: str
    seconds: float | None = None
    outputs: Sequence[str] = ()
    results: Mapping[str, float | str] = field(default_factory=dict)


def print_line(text: str) -> None:
    """Print a line at once, and in one piece: threads print the lines of other stages."""
    print(f"{text}\n", end="", flush=True)


def print_problem(text: str) -> None:
    """Print an error or a warning on stderr."""
    sys.stdout.flush()
    head, newline, more = text.partition("\n")
    text = f"{_fold_line(head, _INDENT, sys.stderr)}{newline}{more}"
    word, colon, rest = text.partition(":")
    line = f"{_colored_text(word + colon, '1;31', sys.stderr)}{rest}\n"
    print(line, end="", file=sys.stderr, flush=True)


def show_plan(build: Build, verdicts: Sequence[Verdict], most: int | None = _MOST_REASONS) -> None:
    """Print which stages will run, and why.

    Args:
        build: The compiled recipe.
        verdicts: What happens to each wanted stage.
        most: How many reasons are shown for a stage; None shows all.
    """
    print_line(f"{build.recipe}  {build.exp_dir}")
    width = max((len(verdict.stage.name) for verdict in verdicts), default=0)
    for verdict in verdicts:
        word = _ACTION_WORDS[verdict.action]
        line = f"  {verdict.stage.name:<{width}}  {word:<8} {_format_reasons(verdict, most)}"
        print_line(_fold_line(line, width + 13))
    if most is None:
        _show_logs(verdict.stage for verdict in verdicts)


def _show_logs(stages: Iterable[Stage]) -> None:
    """Print where the logs of stages lie that are not in the directory of their stage."""
    for stage in stages:
        if stage.log_dir is not None:
            print_line(f"log of {stage.name}: {stage.log_dir}/{stage.name}.log")


def show_groups(groups: Sequence[Sequence[str]], most: int) -> None:
    """Print which stages run side by side.

    Args:
        groups: Stages that wait for none of their group, in the order of the groups.
        most: How many run at a time.
    """
    print_line(f"side by side, up to {most} at a time; each starts when what it needs has ended")
    for number, names in enumerate(groups, start=1):
        print_line(f"  {number}  {' | '.join(names)}")


def show_header(verdict: Verdict, number: int, count: int) -> None:
    """Print the line above a stage's own output.

    Args:
        verdict: The stage and why it runs.
        number: Its number among the wanted stages, from 1.
        count: How many stages are wanted.
    """
    stage = verdict.stage
    kind = "" if stage.run == stage.name else stage.run or f"{stage.call}()"
    about = [name for name in (kind, stage.model, *dict.fromkeys(stage.configs.values())) if name]
    head = _colored_text(f"[{number}/{count}] {stage.name}", "1", sys.stdout)
    print_line(f"{head}  ({', '.join(about)})" if about else head)


def show_list(
    build: Build,
    receipts: Mapping[str, Receipt | Unreadable | None],
    descriptions: Mapping[str, str],
) -> None:
    """Print every stage with its kind, its inputs and its state.

    Args:
        build: The compiled recipe.
        receipts: The receipt of each stage, by name.
        descriptions: One line for each stage, by name.
    """
    rows = [("stage", "runs", "reads", "last run", "")]
    for stage in build.stages:
        reads = " ".join(dict.fromkeys([*stage.configs.values(), stage.model or ""])).strip()
        kind, receipt = stage.run or f"{stage.call}()", receipts[stage.name]
        state = "unusable" if receipt else "-"
        if isinstance(receipt, Receipt):
            state = f"{receipt.status} {receipt.latest_minute}"
        rows.append((stage.name, kind, reads or "-", state, descriptions[stage.name]))
    print_line(f"{build.recipe}  {build.exp_dir}")
    _print_table(rows)
    _show_logs(build.stages)


def show_summary(rows: Sequence[Row]) -> None:
    """Print the table at the end of a run."""
    cells = [("stage", "status", "time", "made")]
    for row in rows:
        time = "-" if row.seconds is None else format_duration(row.seconds)
        results = [f"{name} {value}" for name, value in row.results.items()]
        made = ", ".join(results[:_MOST_RESULTS] or row.outputs) or "-"
        if len(results) > _MOST_RESULTS:
            made += f" and {len(results) - _MOST_RESULTS} more"
        cells.append((row.stage, row.status, time, made))
    print_line("")
    _print_table(cells)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        print_line(_fold_line(f"  {line}".rstrip(), 2 + sum(widths[:-1]) + 2 * len(widths[:-1])))


def _fold_line(line: str, start: int, stream: TextIO | None = None) -> str:
    """Return a line that fits the terminal, what is too much of its last column below that.

    Args:
        line: The line.
        start: Where its last column starts.
        stream: Where it goes, standard output by default.
    """
    columns = terminal_columns(stream or sys.stdout)
    if columns is None or len(line) <= columns or columns - start < _LEAST_COLUMN:
        return line
    room = columns - start
    below = textwrap.wrap(line[start:], room, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * start}".join([line[:start] + below[0], *below[1:]])


def _format_reasons(verdict: Verdict, most: int | None) -> str:
    reasons = verdict.reasons[:most]
    text = "; ".join(reasons)
    if len(reasons) < len(verdict.reasons):
        text += f"; and {len(verdict.reasons) - len(reasons)} more"
    if verdict.action == "maybe":
        return f"if {text}"
    return f"{text}; it goes on from there" if verdict.resume else text


def _colored_text(text: str, code: str, stream: TextIO) -> str:
    return f"\033[{code}m{text}\033[0m" if takes_colour(stream) else text
