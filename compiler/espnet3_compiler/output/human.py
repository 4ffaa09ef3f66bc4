"""Findings for a terminal: the source, the location, the mistake and what to write instead."""

from collections.abc import Iterable
from itertools import groupby

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.output.summary import Summary, summary_line
from espnet3_compiler.output.terminal_cells import clip_line, escape_controls

WIDTH = 120
LEAST_GUTTER = 2
COLOURS = {"error": "1;31", "warning": "1;33", "frame": "1;34", "note": "36", "bold": "1"}


def render(
    diagnostics: Iterable[Diagnostic],
    summary: Summary,
    *,
    colour: bool = False,
    width: int = WIDTH,
) -> str:
    """Return a report for a terminal, with the totals in its last line.

    Args:
        diagnostics: Findings in the order of the report.
        summary: The totals.
        colour: Whether to use ANSI colours.
        width: Longest source line in cells before it is clipped.
    """
    found = tuple(diagnostics)
    blocks = [render_one(diagnostic, colour=colour, width=width) for diagnostic in found]
    return "\n\n".join([*blocks, escape_controls(summary_line(found, summary))]) + "\n"


def render_one(diagnostic: Diagnostic, *, colour: bool = False, width: int = WIDTH) -> str:
    """Return one finding without a line break at its end.

    Args:
        diagnostic: The finding.
        colour: Whether to use ANSI colours.
        width: Longest source line in cells before it is clipped.
    """
    paint = _Painter(colour)
    code = BY_NUMBER[diagnostic.code]
    head = paint(f"{code.severity}[{code.number} {code.name}]", code.severity)
    lines = [f"{head}{paint(': ' + escape_controls(diagnostic.message), 'bold')}"]
    labels = [(diagnostic.primary, "^"), *((label, "-") for label in diagnostic.related)]
    gutter = max(LEAST_GUTTER, *(len(str(_label_line(label))) for label, _ in labels))
    for index, (source, group) in enumerate(_by_source(labels)):
        lines.extend([_gutter_bar(gutter, paint)] if index else [])
        lines.extend(_source_excerpt(source, group, gutter, width, paint, first=index == 0))
    footer = _footer_lines(diagnostic, gutter, paint)
    lines.extend([_gutter_bar(gutter, paint), *footer] if footer else [])
    return "\n".join(line.rstrip() for line in lines)


class _Painter:
    """Colours text, or leaves it alone."""

    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if self._on else text


def _by_source(labels: list[tuple[Label, str]]) -> list[tuple[Source, list[tuple[Label, str]]]]:
    """Group labels by their source, that of the first label first."""
    groups: dict[tuple[str, str, str], list[tuple[Label, str]]] = {}
    for label, mark in labels:
        source = label.span.source
        given = source.text if source.kind == "set" else ""
        groups.setdefault((source.kind, source.name, given), []).append((label, mark))
    return [(group[0][0].span.source, group) for group in groups.values()]


def _source_excerpt(
    source: Source,
    labels: list[tuple[Label, str]],
    gutter: int,
    width: int,
    paint: _Painter,
    *,
    first: bool,
) -> list[str]:
    arrow = paint(" " * gutter + ("-->" if first else ":::"), "frame")
    where = _format_location(source, labels[0][0].span.start)
    lines = [f"{arrow} {escape_controls(where)}", _gutter_bar(gutter, paint)]
    ordered = sorted(labels, key=lambda pair: (_label_line(pair[0]), pair[1] != "^"))
    for number, group in groupby(ordered, key=lambda pair: _label_line(pair[0])):
        lines.extend(_marked_line(source, number, list(group), gutter, width, paint))
    return lines


def _format_location(source: Source, start: int) -> str:
    """Return the name, line and column; for an argument of the command line, the argument."""
    if source.kind == "set" and "\n" not in source.text:
        return f"{source.name} {source.text}"
    line, column = source.line_column(start)
    return f"{source.name}:{line}:{column}"


def _marked_line(
    source: Source,
    number: int,
    labels: list[tuple[Label, str]],
    gutter: int,
    width: int,
    paint: _Painter,
) -> list[str]:
    """Return a source line with a row of marks below it for each label."""
    text = source.line_text(number)
    rows = []
    for label, mark in labels:
        column = source.line_column(label.span.start)[1] - 1
        view = clip_line(text, column, column + label.span.end - label.span.start, width)
        marks = mark * (view.end - view.start)
        style = "error" if mark == "^" else "frame"
        row = paint(f"{marks} {escape_controls(label.text)}".rstrip(), style)
        rows.append((view.text, f"{' ' * view.start}{row}"))
    lines = []
    for index, (view_text, row) in enumerate(rows):
        if index == 0 or view_text != rows[index - 1][0]:
            shown_number = "" if source.kind == "set" else number
            lines.append(f"{paint(f'{shown_number:>{gutter}} |', 'frame')} {view_text}")
        lines.append(f"{_gutter_bar(gutter, paint)} {row}")
    return lines


def _gutter_bar(gutter: int, paint: _Painter) -> str:
    return paint(f"{' ' * gutter} |", "frame")


def _footer_lines(diagnostic: Diagnostic, gutter: int, paint: _Painter) -> list[str]:
    texts = [("help", text) for text in diagnostic.help]
    texts += [("note", text) for text in diagnostic.notes]
    margin = " " * gutter
    return [
        f"{paint(f'{margin} =', 'frame')} {paint(f'{kind}:', 'note')} {escape_controls(text)}"
        for kind, text in texts
    ]


def _label_line(label: Label) -> int:
    return label.span.source.line_column(label.span.start)[0]
