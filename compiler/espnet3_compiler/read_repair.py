"""Reading on after a syntax error: guess what was meant, and read the text as if it stood there.

A guess counts only if the parser then gets past the place; the tree is used for finding further
mistakes, and the guess becomes the proposed fix.  Where there is no good guess the text has no
tree, so that a wrong guess never brings findings that are only its consequences.
"""

from collections.abc import Callable
from dataclasses import replace

from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.read_moved import Origin, moved_finding, moved_node
from espnet3_compiler.read_place import Attempt, Place, line_end
from espnet3_compiler.read_repairs import Repair, repairs_for
from espnet3_compiler.read_syntax import explain
from espnet3_compiler.source import Source, Span
from espnet3_compiler.tree import Node

MAX_REPAIRS = 10
MAX_CHARACTERS = 200_000


Parse = Callable[[Source], Attempt]


def read_on(source: Source, first: Attempt, parse: Parse) -> tuple[Node | None, list[Diagnostic]]:
    """Return the tree of a text with syntax errors, if it can be guessed, and the findings.

    Args:
        source: The text.
        first: The attempt that failed.
        parse: Parses a text.
    """
    origin = Origin(source, range(len(source.text) + 1))
    text, attempt = source.text, first
    syntax: list[Diagnostic] = []
    while attempt.error is not None:
        finding = explain(attempt.error)
        repair, after = _first_that_helps(text, attempt.error, parse)
        if repair is None or len(syntax) + 1 >= MAX_REPAIRS:
            before = [moved_finding(other, origin) for other in attempt.found]
            return None, [*before, *syntax, moved_finding(finding, origin)]
        syntax.append(moved_finding(_with_fix(finding, repair, attempt.error.source), origin))
        origin = _moved_origin(origin, repair)
        text, attempt = _applied(text, repair), after
    found = [moved_finding(other, origin) for other in attempt.found]
    root = moved_node(attempt.root, origin) if attempt.root is not None else None
    return root, [*found, *syntax]


def _first_that_helps(text: str, error: Place, parse: Parse) -> tuple[Repair | None, Attempt]:
    best: tuple[Repair | None, Attempt] = (None, Attempt(None, (), error))
    if len(text) > MAX_CHARACTERS:
        return best
    for repair in repairs_for(error):
        repaired = _applied(text, repair)
        attempt = parse(replace(error.source, text=repaired))
        if attempt.error is None:
            return repair, attempt
        if best[0] is None and attempt.error.at > _reached(error) + len(repaired) - len(text):
            best = repair, attempt
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


def _moved_origin(origin: Origin, repair: Repair) -> Origin:
    offsets: list[int] = []
    last = 0
    for start, end, new in repair.edits:
        offsets += origin.offsets[last:start]
        offsets += [origin.offsets[start]] * len(new)
        last = end
    return Origin(origin.source, [*offsets, *origin.offsets[last:]])


def _with_fix(finding: Diagnostic, repair: Repair, source: Source) -> Diagnostic:
    edits = tuple(Edit(Span(source, start, end), new) for start, end, new in repair.edits)
    return replace(finding, fix=Fix(repair.title, edits, certain=repair.certain))
