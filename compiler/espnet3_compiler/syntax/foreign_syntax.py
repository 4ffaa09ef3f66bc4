"""What is YAML, but was written as another language, or typed by a word processor.

``(0.9, 0.98)`` inside braces is two keys to YAML; a number with the minus of mathematics is text,
and so are typographic quotes.  Each is one finding here, and is read as what was meant.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.core_schema import core_value
from espnet3_compiler.syntax.tree import Entry, Node, Scalar, Sequence

_MINUS_SIGNS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"))
"""What looks like a minus: hyphens, dashes, and the minus of mathematics."""
_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e"
_QUOTED = rf"[{_QUOTES}](?P<inside>[^\s{_QUOTES}]+)[{_QUOTES}]"
_BLANKS = "\u00a0\u200b\u200c\u200d\u2007\u202f\u2060\u3000"
_TUPLE = r"\((?P<inside>[^()\[\]{}:#\n]*,[^()\[\]{}:#\n]*)\)"
_MARKS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_MARKER = r"(?m)^(?:(?:<{7}|>{7}|\|{7})(?: .*)?|={7})$"


class Typed(Struct, frozen=True):
    """A scalar as it was meant, and the finding about how it is written."""

    value: Scalar
    finding: Diagnostic


def merge_conflict(source: Source, start: int = 0) -> Diagnostic | None:
    """Return R113 for the lines that Git leaves where two versions differ, None without them."""
    if not any(mark in source.text for mark in _MARKS):
        return None
    found = re.compile(_MARKER).finditer(source.text, start)
    spans = [Span(source, *one.span()) for one in found]
    if not spans:
        return None
    return Diagnostic(
        "R113",
        "a merge conflict was left in the file",
        Label(spans[0], "a line of Git"),
        related=tuple(Label(span, "and this") for span in spans[1:]),
        help=("keep one of the two versions, and remove the lines <<<<<<<, ======= and >>>>>>>",),
    )


def read_typed(text: str, span: Span) -> Typed | None:
    """Return what was meant by a plain scalar with typographic characters, None without them.

    What is left must be ASCII: other scripts need joiners and blanks of their own.
    """
    if text.isascii():
        return None
    if (found := re.fullmatch(_QUOTED, text)) and found["inside"].isascii():
        meant = found["inside"]
        shown = f'"{meant}"'
        message = f"{text} stands in typographic quotes, which belong to the text"
        return _typed(Scalar(meant, span), message, shown, certain=False)
    stripped = text.strip(_BLANKS)
    if stripped and stripped != text and stripped.isascii():
        code = ord(next(char for char in text if char in _BLANKS))
        message = f'"{stripped}" stands beside an invisible character, U+{code:04X}'
        return _typed(Scalar(core_value(stripped), span), message, stripped, certain=False)
    number = text.translate(_MINUS_SIGNS)
    if number != text and isinstance(core_value(number), int | float):
        sign = next(char for char in text if char not in number)
        message = f'"{text}" is text: its minus is U+{ord(sign):04X}, not "-"'
        return _typed(Scalar(core_value(number), span), message, number, certain=True)
    return None


def _typed(value: Scalar, message: str, shown: str, *, certain: bool) -> Typed:
    fix = Fix(f"write {shown}", (Edit(value.span, shown),), certain=certain)
    label = Label(value.span, "typed by a word processor, or copied from a page")
    return Typed(value, Diagnostic("R115", message, label, help=(f"write {shown}",), fix=fix))


def python_tuple(node: Node) -> Sequence | None:
    """Return the list that was meant where a plain scalar begins a tuple of Python."""
    if not isinstance(node, Scalar) or node.style != "plain" or node.span.text[:1] != "(":
        return None
    source = node.span.source
    found = re.compile(_TUPLE).match(source.text, node.span.start)
    if found is None or found.end() <= node.span.end:
        return None
    span = Span(source, *found.span())
    words = [word.strip().strip("\"'") for word in found["inside"].split(",")]
    return Sequence(tuple(Scalar(core_value(word), span) for word in words if word), span)


def tuple_finding(node: Sequence) -> Diagnostic:
    """R114: a tuple of Python."""
    inside = node.span.text[1:-1].strip().rstrip(",")
    return Diagnostic(
        "R114",
        f'"{node.span.text}" is no list in YAML, which splits it at its commas',
        Label(node.span, "a tuple of Python"),
        help=(f"a list stands in brackets: [{inside}]",),
        fix=Fix(f"write [{inside}]", (Edit(node.span, f"[{inside}]"),)),
    )


def join_tuples(entries: Iterable[Entry], found: list[Diagnostic]) -> Iterator[Entry]:
    """Yield the entries of a flow mapping, with a list for each tuple that was split into keys."""
    end = 0
    for entry in entries:
        if entry.key.span.start < end:
            continue
        meant = python_tuple(entry.value)
        if meant is None:
            yield entry
            continue
        end = meant.span.end
        _replace_findings(meant, found)
        yield Entry(entry.key, meant)


def join_items(items: Iterable[Node], found: list[Diagnostic]) -> Iterator[Node]:
    """Yield the items of a flow list, with a list for each tuple that was split into items."""
    end = 0
    for item in items:
        if item.span.start < end:
            continue
        meant = python_tuple(item)
        if meant is not None:
            end = meant.span.end
            _replace_findings(meant, found)
        yield meant or item


def _replace_findings(node: Sequence, found: list[Diagnostic]) -> None:
    """Put the finding about a tuple in the place of those about the keys that it was split into."""
    span = node.span
    found[:] = [f for f in found if not span.start <= f.primary.span.start < span.end]
    found.append(tuple_finding(node))
