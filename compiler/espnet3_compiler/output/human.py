"""Findings for a terminal: the source, the location, the mistake and what to write instead."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.output.summary import Summary, summary_line
from espnet3_compiler.output.terminal_cells import (
    DisplayLine,
    cell_width,
    clip_line,
    escape_controls,
    fold_text,
)

WIDTH = 120
"""The longest source line in a file, where other lines are as long as they are."""
LEAST_WIDTH = 24
"""Cells of a source line or label on the narrowest terminal."""
LEAST_GUTTER = 2
MOST_UNCHECKED = 10
"""How many targets that were not checked are named."""
COLOURS = {"error": "1;31", "warning": "1;33", "frame": "1;34", "note": "36", "bold": "1"}


def render(
    diagnostics: Iterable[Diagnostic],
    summary: Summary,
    *,
    colour: bool = False,
    columns: int | None = None,
) -> str:
    """Return a report for a terminal, with the totals in its last line.

    Args:
        diagnostics: Findings in the order of the report.
        summary: The totals.
        colour: Whether to use ANSI colours.
        columns: Width of the terminal; None for a file.
    """
    found = tuple(diagnostics)
    blocks = [render_one(diagnostic, colour=colour, columns=columns) for diagnostic in found]
    unchecked = "\n".join(
        "\n".join(fold_text(escape_controls(line), columns, "  "))
        for line in _unchecked_lines(summary.not_checked)
    )
    blocks += [unchecked] if unchecked else []
    total = fold_text(escape_controls(summary_line(found, summary)), columns, "  ")
    return "\n\n".join([*blocks, "\n".join(total)]) + "\n"


def _unchecked_lines(found: Sequence[Diagnostic]) -> Iterator[str]:
    """Yield one line for each of the targets that were not checked; of many, for the first."""
    for item in found[:MOST_UNCHECKED]:
        span = item.primary.span
        yield f"note: {_format_location(span.source, span.start)}: {item.message}"
    if len(found) > MOST_UNCHECKED:
        yield f"note: {len(found) - MOST_UNCHECKED} more were not checked; --format json lists all"


def render_one(diagnostic: Diagnostic, *, colour: bool = False, columns: int | None = None) -> str:
    """Return one finding without a line break at its end.

    Args:
        diagnostic: The finding.
        colour: Whether to use ANSI colours.
        columns: Width of the terminal; None for a file.
    """
    code = BY_NUMBER[diagnostic.code]
    labels = [(diagnostic.primary, "^"), *((label, "-") for label in diagnostic.related)]
    gutter = max(LEAST_GUTTER, *(len(str(_label_line(label))) for label, _ in labels))
    page = _Page(colour, columns, " " * gutter)
    lines = page.headline(f"{code.severity}[{code.number} {code.name}]", diagnostic)
    for index, (source, group) in enumerate(_by_source(labels)):
        lines += [page.bar()] if index else []
        lines += _source_excerpt(source, group, page, ":::" if index else "-->")
    footer = [("help", text) for text in diagnostic.help]
    footer += [("note", text) for text in diagnostic.notes]
    lines += [page.bar()] if footer else []
    for kind, text in footer:
        lines += page.advice(kind, text)
    return "\n".join(line.rstrip() for line in lines)


class _Page(Struct, frozen=True):
    """How lines are written: in colours, how wide, and behind which gutter."""

    colour: bool
    columns: int | None
    gutter: str

    @property
    def room(self) -> int | None:
        """Cells beside the gutter on a terminal."""
        return self.columns and max(self.columns - len(self.gutter) - 3, LEAST_WIDTH)

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if self.colour else text

    def bar(self, number: str = "") -> str:
        return self.paint(f"{number:>{len(self.gutter)}} |", "frame")

    def headline(self, code: str, diagnostic: Diagnostic) -> list[str]:
        """Return the code and the message."""
        text = f"{code}: {escape_controls(diagnostic.message)}"
        width = self.columns and max(self.columns, len(code) + 1)
        first, *rest = fold_text(text, width, f"{self.gutter}   ")
        head = self.paint(code, BY_NUMBER[diagnostic.code].severity)
        bold = [self.paint(line, "bold") for line in (first[len(code) :], *rest)]
        return [head + bold[0], *bold[1:]]

    def advice(self, kind: str, text: str) -> list[str]:
        """Return a help or a note."""
        start = f"{self.gutter} = {kind}: "
        lines = fold_text(start + escape_controls(text), self.columns, " " * len(start))
        bullet = f"{self.paint(f'{self.gutter} =', 'frame')} {self.paint(f'{kind}:', 'note')} "
        return [bullet + lines[0][len(start) :], *lines[1:]]

    def marked(self, marks: str, view: DisplayLine, text: str, style: str) -> list[str]:
        """Return the marks below a source line, and what is said of them."""
        row = f"{marks} {text}".rstrip()
        rows = [(view.start, row)]
        if self.room and view.start + cell_width(row) > self.room:
            start = min(view.start, max(self.room - cell_width(text), 0))
            below = fold_text(text, self.room, "")
            rows = [(view.start, marks), *((start, line) for line in below)]
        return [f"{self.bar()} {' ' * start}{self.paint(line, style)}" for start, line in rows]


def _by_source(labels: list[tuple[Label, str]]) -> list[tuple[Source, list[tuple[Label, str]]]]:
    """Group labels by their source, that of the first label first."""
    groups: dict[tuple[str, str, str], list[tuple[Label, str]]] = {}
    for label, mark in labels:
        source = label.span.source
        groups.setdefault((source.kind, source.name, source.text), []).append((label, mark))
    return [(group[0][0].span.source, group) for group in groups.values()]


def _source_excerpt(
    source: Source, labels: list[tuple[Label, str]], page: _Page, arrow: str
) -> list[str]:
    where = escape_controls(_format_location(source, labels[0][0].span.start))
    lines = [f"{page.paint(page.gutter + arrow, 'frame')} {where}", page.bar()]
    ordered = sorted(labels, key=lambda pair: (_label_line(pair[0]), pair[1] != "^"))
    for number, group in groupby(ordered, key=lambda pair: _label_line(pair[0])):
        lines += _marked_line(source, number, list(group), page)
    return lines


def _format_location(source: Source, start: int) -> str:
    """Return the name, line and column; for an argument of the command line, the argument."""
    if source.kind == "set" and "\n" not in source.text:
        return f"{source.name} {source.text}"
    line, column = source.line_column(start)
    return f"{source.name}:{line}:{column}"


def _marked_line(
    source: Source, number: int, labels: list[tuple[Label, str]], page: _Page
) -> list[str]:
    """Return a source line with a row of marks below it for each label."""
    text, shown = source.line_text(number), ""
    lines: list[str] = []
    for label, mark in labels:
        column = source.line_column(label.span.start)[1] - 1
        end = column + label.span.end - label.span.start
        view = clip_line(text, column, end, page.room or WIDTH)
        if not lines or view.text != shown:
            lines.append(f"{page.bar('' if source.kind == 'set' else str(number))} {view.text}")
        shown = view.text
        marks = mark * (view.end - view.start)
        style = "error" if mark == "^" else "frame"
        lines += page.marked(marks, view, escape_controls(label.text), style)
    return lines


def _label_line(label: Label) -> int:
    return label.span.source.line_column(label.span.start)[0]
