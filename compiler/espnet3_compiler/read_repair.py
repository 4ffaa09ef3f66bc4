"""The fix that is offered for a syntax error: the first guess that brings the parser further.

The text is not read on as if the guess stood there: a wrong one would bring findings that are only
its consequences.
"""

from collections.abc import Callable
from dataclasses import replace

from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.read_place import Attempt, Place, line_end
from espnet3_compiler.read_repairs import Repair, repairs_for
from espnet3_compiler.read_syntax import explain
from espnet3_compiler.source import Source, Span

MAX_CHARACTERS = 200_000
"""Longer texts are not parsed again and again for a fix."""

Parse = Callable[[Source], Attempt]


def syntax_finding(error: Place, parse: Parse) -> Diagnostic:
    """Return the finding for a syntax error, with a fix where one helps.

    Args:
        error: Where the parser stopped.
        parse: Parses a text.
    """
    finding = explain(error)
    repair = _first_that_helps(error, parse)
    if repair is None:
        return finding
    edits = tuple(Edit(Span(error.source, start, end), new) for start, end, new in repair.edits)
    return replace(finding, fix=Fix(repair.title, edits, certain=repair.certain))


def _first_that_helps(error: Place, parse: Parse) -> Repair | None:
    """Return the first repair after which all is YAML, or else the parser gets past the place."""
    best: Repair | None = None
    text = error.source.text
    if len(text) > MAX_CHARACTERS:
        return None
    for repair in repairs_for(error):
        repaired = _applied(text, repair)
        after = parse(replace(error.source, text=repaired)).error
        if after is None:
            return repair
        if best is None and after.at > _reached(error) + len(repaired) - len(text):
            best = repair
    return best


def _reached(error: Place) -> int:
    """Return how far the text was understood: an open quote swallows what follows its line."""
    if "quoted scalar" in error.words and error.context is not None:
        return line_end(error.source.text, error.context)
    return error.at


def _applied(text: str, repair: Repair) -> str:
    for start, end, new in reversed(repair.edits):
        text = text[:start] + new + text[end:]
    return text
