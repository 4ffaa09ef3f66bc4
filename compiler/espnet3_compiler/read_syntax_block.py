"""Complaints about lines: indentation, missing colons, list items."""

import re

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.read_place import TIGHT, Place, line_start
from espnet3_compiler.source import Span

_OPEN_KEY = re.compile(r"(?:- +)*[^\s#'\"\[{][^#]*?:(?:[ \t]|$)")


def tab(place: Place) -> Diagnostic | None:
    """A tab in the indentation."""
    text = place.source.text
    start = line_start(text, place.at)
    indent = re.compile(r"[ \t]*").match(text, start)
    assert indent
    tab = text.find("\t", start, indent.end())
    if tab < 0 or not (place.at <= indent.end() or "tab" in place.words):
        return None
    return Diagnostic(
        "R112",
        "a tab is used for indentation",
        Label(place.span(tab, indent.end()), "YAML indents with spaces only"),
        help=("replace the tab by spaces, two for each level",),
    )


def colon(place: Place) -> Diagnostic | None:
    """A ``:`` where no key can stand: a text with ": ", a line above without one, or an indent."""
    if "mapping values are not allowed" not in place.words:
        return None
    line, above = place.line(place.at), place.line_above(place.at)
    if _OPEN_KEY.match(place.source.text, line.start, place.at):
        here = Label(place.span(place.at, place.at + 1), 'this ":" is not expected')
        return _finding(
            'a text with ": " in it must stand in quotes', here, 'write it in quotes: "..."'
        )
    if above and TIGHT.match(above.text):
        return _tight(above)
    if above and not _OPEN_KEY.match(above.text):
        return _finding(
            f'"{above.text}" has no ":" after it',
            Label(above, 'a ":" is missing'),
            'write "key: value"',
            Label(line, "so this does not fit"),
        )
    return _finding(
        "this line is indented more than the block it belongs to",
        Label(line, "unexpected indentation"),
        "give it the indentation of the line before, or quote a text of several lines",
        *((Label(above, "the line before"),) if above else ()),
    )


def missing_colon(place: Place) -> Diagnostic | None:
    """A key without its ``:``."""
    if "simple key" not in place.words or place.context is None:
        return None
    if TIGHT.match(place.rest(place.context).text):
        return _tight(place.rest(place.context))
    return _finding(
        f'"{place.rest(place.context).text}" has no ":" after it',
        Label(place.rest(place.context), 'a ":" is missing'),
        'write "key: value"',
    )


def dash(place: Place) -> Diagnostic | None:
    """A list item behind a key."""
    if "sequence entries are not allowed" not in place.words:
        return None
    return _finding(
        'a list item "- " cannot begin here',
        Label(place.span(place.at, place.at + 1), "unexpected"),
        'begin the list on the next line, or write "[a, b]"',
    )


def after_quote(place: Place) -> Diagnostic | None:
    """Text behind a closing quote."""
    text = place.source.text
    before = text[line_start(text, place.at) : place.at].rstrip()
    if "block mapping" not in place.words or before[-1:] not in ("'", '"'):
        return None
    return _finding(
        "text follows after a closing quote",
        Label(place.rest(place.at), "outside the quotes"),
        "put the whole text in quotes; inside them write '' for ' or \\\" for \"",
    )


def indentation(place: Place) -> Diagnostic | None:
    """A line that fits no block."""
    if "block mapping" not in place.words and "block collection" not in place.words:
        return None
    related: tuple[Label, ...] = ()
    if place.context is not None:
        related = (Label(place.rest(place.context), "the block begins here"),)
    kind = 'a "key: value"' if "block mapping" in place.words else 'a list item "- "'
    return Diagnostic(
        "R101",
        f"{kind} with the indentation of its block is expected here",
        Label(place.rest(place.at), "does not fit the block"),
        related=related,
        help=("give all lines of a block the same indentation",),
    )


def _tight(line: Span) -> Diagnostic:
    return Diagnostic(
        "R101",
        f'"{line.text}" needs a space after the ":"',
        Label(line, "read as one text"),
        help=('write "key: value"',),
    )


def _finding(message: str, place: Label, advice: str, *related: Label) -> Diagnostic:
    return Diagnostic("R101", message, place, related=related, help=(advice,))
