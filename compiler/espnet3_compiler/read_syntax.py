"""What a YAML parser's complaint means for the person who wrote the text.

libyaml and PyYAML word their complaints differently but agree on the places, so the text at the
place decides and the parser's words only choose between a few families.
"""

import re
from typing import NamedTuple

from yaml.error import MarkedYAMLError

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.source import Source, Span

_OPEN_KEY = re.compile(r"[ \t]*(?:- +)*[^\s#'\"\[{][^#]*?:(?:[ \t]|$)")


class Place(NamedTuple):
    """A complaint: the text, where it arose, where its construct began, and the parser's words."""

    source: Source
    at: int
    context: int | None
    words: str


def place_of(source: Source, error: MarkedYAMLError, start: int) -> Place:
    """Return where a parser that began at ``start`` complains."""
    problem, context = error.problem_mark, error.context_mark
    at = start + problem.index if problem else len(source.text)
    words = f"{error.context or ''}: {error.problem or ''}".lower()
    return Place(
        source, min(at, len(source.text)), start + context.index if context else None, words
    )


def explain(place: Place) -> Diagnostic:
    """Return the finding for a complaint."""
    return next(finding for family in _FAMILIES if (finding := family(place)))


def line_start(text: str, at: int) -> int:
    """Return the offset of the first character of the line of ``at``."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Return the offset of the line break that ends the line of ``at``."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _span(place: Place, start: int, end: int) -> Span:
    return Span(place.source, start, max(start, end))


def _rest(place: Place, start: int) -> Span:
    end = line_end(place.source.text, start)
    return _span(place, start, start + len(place.source.text[start:end].rstrip()))


def _char(place: Place) -> str:
    return place.source.text[place.at : place.at + 1]


def _tab(place: Place) -> Diagnostic | None:
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
        Label(_span(place, tab, indent.end()), "YAML indents with spaces only"),
        help=("replace the tab by spaces, two for each level",),
    )


def _quote(place: Place) -> Diagnostic | None:
    if "quoted scalar" not in place.words or place.context is None:
        return None
    if "end of stream" in place.words or "document indicator" in place.words:
        return Diagnostic(
            "R101",
            f"the quote {place.source.text[place.context]} is never closed",
            Label(_rest(place, place.context), "opened here"),
            help=(f"add a closing {place.source.text[place.context]}",),
        )
    start = place.source.text.rfind("\\", place.context, place.at + 1)
    start = place.at if start < 0 else start
    return Diagnostic(
        "R101",
        f'"{place.source.text[start : start + 2]}" is no escape sequence of a double-quoted text',
        Label(_span(place, start, start + 2), "unknown escape"),
        help=("use single quotes, in which a backslash is a backslash, or double the backslash",),
    )


def _bracket(place: Place) -> Diagnostic | None:
    if "flow sequence" not in place.words and "flow mapping" not in place.words:
        return None
    if place.context is None:
        return None
    text = place.source.text
    bracket = text[place.context]
    closing = "]" if bracket == "[" else "}"
    opened = _span(place, place.context, place.context + 1)
    if line_start(text, place.at) == line_start(text, place.context) and _char(place).strip():
        return Diagnostic(
            "R101",
            f'"," or "{closing}" is expected here',
            Label(_rest(place, place.at), f'a "," or "{closing}" is missing before this'),
            related=(Label(opened, "opened here"),),
            help=(f'separate items with "," and close with "{closing}"',),
        )
    return Diagnostic(
        "R101",
        f'the bracket "{bracket}" is never closed',
        Label(opened, "opened here"),
        related=(
            Label(_span(place, place.at, place.at + 1), f'"{closing}" is missing before here'),
        )
        if _char(place).strip()
        else (),
        help=(f'add "{closing}"',),
    )


def _colon(place: Place) -> Diagnostic | None:
    if "mapping values are not allowed" not in place.words:
        return None
    text = place.source.text
    start = line_start(text, place.at)
    here = Label(_span(place, place.at, place.at + 1), 'this ":" is not expected')
    if _OPEN_KEY.match(text, start, place.at):
        return Diagnostic(
            "R101",
            'a text with ": " in it must stand in quotes',
            here,
            help=('write it in quotes: "..."',),
        )
    before = text[:start].rstrip()
    above = line_start(before, len(before))
    if (
        before
        and not _OPEN_KEY.match(before, above)
        and not before[above:].lstrip().startswith("#")
    ):
        return Diagnostic(
            "R101",
            f'"{before[above:].strip()}" has no ":" after it',
            Label(_span(place, above + _indent(before, above), len(before)), 'a ":" is missing'),
            related=(Label(_rest(place, start + _indent(text, start)), "so this does not fit"),),
            help=('write "key: value"',),
        )
    return Diagnostic(
        "R101",
        "this line is indented more than the block it belongs to",
        Label(_rest(place, start + _indent(text, start)), "unexpected indentation"),
        related=(
            Label(_span(place, above + _indent(before, above), len(before)), "the line before"),
        ),
        help=("give it the indentation of the line before, or quote a text of several lines",),
    )


def _indent(text: str, start: int) -> int:
    return len(text) - start - len(text[start:].lstrip(" \t")) if start < len(text) else 0


def _missing_colon(place: Place) -> Diagnostic | None:
    if "simple key" not in place.words or place.context is None:
        return None
    return Diagnostic(
        "R101",
        f'"{_rest(place, place.context).text}" has no ":" after it',
        Label(_rest(place, place.context), 'a ":" is missing'),
        help=('write "key: value"',),
    )


def _dash(place: Place) -> Diagnostic | None:
    if "sequence entries are not allowed" not in place.words:
        return None
    return Diagnostic(
        "R101",
        'a list item "- " cannot begin here',
        Label(_span(place, place.at, place.at + 1), "unexpected"),
        help=('begin the list on the next line, or write "[a, b]"',),
    )


def _first_character(place: Place) -> Diagnostic | None:
    if "cannot start any token" not in place.words:
        return None
    return Diagnostic(
        "R101",
        f'a text cannot start with "{_char(place)}"',
        Label(_rest(place, place.at), "must stand in quotes"),
        help=('write it in quotes: "..."',),
    )


def _anchor(place: Place) -> Diagnostic | None:
    if ("an alias" not in place.words and "an anchor" not in place.words) or place.context is None:
        return None
    char = place.source.text[place.context]
    return Diagnostic(
        "R101",
        f'"{char}" begins {"an alias" if char == "*" else "an anchor"} and needs a name',
        Label(_rest(place, place.context), "no name follows"),
        help=('if it is text, such as a pattern, write it in quotes: "*.wav"',),
    )


def _tag(place: Place) -> Diagnostic | None:
    if "tag" not in place.words or "directive" in place.words:
        return None
    start = place.source.text.rfind("!", 0, place.at + 1)
    start = place.at if start < 0 else start
    return Diagnostic(
        "R103",
        f'the tag "{_rest(place, start).text}" is not allowed: a recipe is plain data',
        Label(_rest(place, start), "a YAML tag"),
        help=("remove the tag, or write the text in quotes",),
    )


def _block_scalar(place: Place) -> Diagnostic | None:
    if "block scalar" not in place.words or place.context is None:
        return None
    return Diagnostic(
        "R101",
        f'"{place.source.text[place.context]}" must end its line',
        Label(_rest(place, place.context), "more text follows"),
        help=("begin the text on the next line, or write it in quotes",),
    )


def _stray(place: Place) -> Diagnostic | None:
    char = _char(place)
    if char and char in "]},":
        return Diagnostic(
            "R101",
            f'the "{char}" is not expected here',
            Label(_span(place, place.at, place.at + 1), "nothing is open that it could end"),
            help=("remove it, or write the text in quotes",),
        )
    return None


def _after_quote(place: Place) -> Diagnostic | None:
    text = place.source.text
    before = text[line_start(text, place.at) : place.at].rstrip()
    if "block mapping" not in place.words or before[-1:] not in ("'", '"'):
        return None
    return Diagnostic(
        "R101",
        "text follows after a closing quote",
        Label(_rest(place, place.at), "outside the quotes"),
        help=("put the whole text in quotes; inside them write '' for ' or \\\" for \"",),
    )


def _indentation(place: Place) -> Diagnostic | None:
    if "block mapping" not in place.words and "block collection" not in place.words:
        return None
    related: tuple[Label, ...] = ()
    if place.context is not None:
        related = (Label(_rest(place, place.context), "the block begins here"),)
    kind = 'a "key: value"' if "block mapping" in place.words else 'a list item "- "'
    return Diagnostic(
        "R101",
        f"{kind} with the indentation of its block is expected here",
        Label(_rest(place, place.at), "does not fit the block"),
        related=related,
        help=("give all lines of a block the same indentation",),
    )


def _end(place: Place) -> Diagnostic | None:
    if place.at < len(place.source.text) or place.source.text.strip() == "":
        return None
    last = len(place.source.text.rstrip())
    opened = max(place.source.text.rfind("[", 0, last), place.source.text.rfind("{", 0, last))
    return Diagnostic(
        "R101",
        "the text ends too early",
        Label(_span(place, max(opened, 0), max(opened, 0) + 1), "a bracket may be open here")
        if opened >= 0
        else Label(_span(place, last - 1, last), "the end"),
        help=("close what is open",),
    )


def _otherwise(place: Place) -> Diagnostic:
    words = place.words.strip(": ").replace("expected <document start>", "expected a new document")
    return Diagnostic(
        "R101",
        "the text is not YAML here",
        Label(_rest(place, place.at), "not understood"),
        notes=(f"the parser says: {words}",),
    )


_FAMILIES = (
    _tab,
    _quote,
    _bracket,
    _colon,
    _missing_colon,
    _dash,
    _first_character,
    _anchor,
    _tag,
    _block_scalar,
    _stray,
    _end,
    _after_quote,
    _indentation,
    _otherwise,
)
