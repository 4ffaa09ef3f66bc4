"""Complaints about quotes, brackets and what a text may begin with."""

import re

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.parse_error import (
    KEY_WITHOUT_SPACE,
    OPEN_KEY,
    ParseFailure,
    line_start,
    unquoted_flow_value,
)


def quoted_scalar(place: ParseFailure) -> Diagnostic | None:
    """A quote that is never closed, or a bad escape inside."""
    if "quoted scalar" not in place.words or place.context is None:
        return None
    if "end of stream" in place.words or "document indicator" in place.words:
        return _syntax_error(
            f"the quote {place.source.text[place.context]} is never closed",
            Label(place.rest(place.context), "opened here"),
            f"add a closing {place.source.text[place.context]}",
        )
    start = place.source.text.rfind("\\", place.context, place.at + 1)
    start = place.at if start < 0 else start
    return _syntax_error(
        f'"{place.source.text[start : start + 2]}" is no escape sequence of a double-quoted text',
        Label(place.span(start, start + 2), "unknown escape"),
        "use single quotes, in which a backslash is a backslash, or double the backslash",
    )


def unquoted_reference(place: ParseFailure) -> Diagnostic | None:
    """A ``${…}`` without quotes inside brackets, where ``{`` has another meaning."""
    value = unquoted_flow_value(place)
    if value is None:
        return None
    return _syntax_error(
        f'"{value.text}" must stand in quotes inside brackets',
        Label(value, "not in quotes"),
        f'write it in quotes: "{value.text}"',
    )


def flow_collection(place: ParseFailure) -> Diagnostic | None:
    """A bracket that is never closed, or a missing comma."""
    if "flow sequence" not in place.words and "flow mapping" not in place.words:
        return None
    if place.context is None:
        return None
    text = place.source.text
    bracket = text[place.context]
    closing = "]" if bracket == "[" else "}"
    opened = place.span(place.context, place.context + 1)
    if line_start(text, place.at) == line_start(text, place.context) and place.char.strip():
        return Diagnostic(
            "R101",
            f'"," or "{closing}" is expected here',
            Label(place.rest(place.at), f'a "," or "{closing}" is missing before this'),
            related=(Label(opened, "opened here"),),
            help=(f'separate items with "," and close with "{closing}"',),
        )
    return Diagnostic(
        "R101",
        f'the bracket "{bracket}" is never closed',
        Label(opened, "opened here"),
        related=(Label(place.span(place.at, place.at + 1), f'"{closing}" is missing before here'),)
        if place.char.strip()
        else (),
        help=(f'add "{closing}"',),
    )


def reserved_character(place: ParseFailure) -> Diagnostic | None:
    """A text that begins with a reserved character."""
    if "cannot start any token" not in place.words:
        return None
    return _syntax_error(
        f'a text cannot start with "{place.char}"',
        Label(place.rest(place.at), "must stand in quotes"),
        'write it in quotes: "..."',
    )


def unnamed_anchor(place: ParseFailure) -> Diagnostic | None:
    """``*`` or ``&`` without a name."""
    if ("an alias" not in place.words and "an anchor" not in place.words) or place.context is None:
        return None
    char = place.source.text[place.context]
    return _syntax_error(
        f'"{char}" begins {"an alias" if char == "*" else "an anchor"} and needs a name',
        Label(place.rest(place.context), "no name follows"),
        'if it is text, such as a pattern, write it in quotes: "*.wav"',
    )


def malformed_tag(place: ParseFailure) -> Diagnostic | None:
    """A tag that cannot even be read."""
    if "tag" not in place.words or "directive" in place.words:
        return None
    start = place.source.text.rfind("!", 0, place.at + 1)
    start = place.at if start < 0 else start
    return Diagnostic(
        "R103",
        f'the tag "{place.rest(start).text}" is not allowed: a recipe is plain data',
        Label(place.rest(start), "a YAML tag"),
        help=("remove the tag, or write the text in quotes",),
    )


def block_scalar(place: ParseFailure) -> Diagnostic | None:
    """Text behind ``|`` or ``>``."""
    if "block scalar" not in place.words or place.context is None:
        return None
    return _syntax_error(
        f'"{place.source.text[place.context]}" must end its line',
        Label(place.rest(place.context), "more text follows"),
        "begin the text on the next line, or write it in quotes",
    )


def stray_indicator(place: ParseFailure) -> Diagnostic | None:
    """A closing bracket or comma for nothing."""
    char = place.char
    if char and char in "]},":
        return _syntax_error(
            f'the "{char}" is not expected here',
            Label(place.span(place.at, place.at + 1), "nothing is open that it could end"),
            "remove it, or write the text in quotes",
        )
    return None


def unexpected_end(place: ParseFailure) -> Diagnostic | None:
    """The text ends inside something."""
    if place.at < len(place.source.text) or place.source.text.strip() == "":
        return None
    last = len(place.source.text.rstrip())
    opened = max(place.source.text.rfind("[", 0, last), place.source.text.rfind("{", 0, last))
    return _syntax_error(
        "the text ends too early",
        Label(place.span(max(opened, 0), max(opened, 0) + 1), "a bracket may be open here")
        if opened >= 0
        else Label(place.span(last - 1, last), "the end"),
        "close what is open",
    )


def _syntax_error(message: str, place: Label, advice: str, *related: Label) -> Diagnostic:
    return Diagnostic("R101", message, place, related=related, help=(advice,))


def tab_indentation(place: ParseFailure) -> Diagnostic | None:
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


def unexpected_colon(place: ParseFailure) -> Diagnostic | None:
    """A ``:`` where no key can stand: a text with ": ", a line above without one, or an indent."""
    if "mapping values are not allowed" not in place.words:
        return None
    line, above = place.line(place.at), place.line_above(place.at)
    if OPEN_KEY.match(place.source.text, line.start, place.at):
        if KEY_WITHOUT_SPACE.match(line.text):
            return _missing_space(line)
        here = Label(place.span(place.at, place.at + 1), 'this ":" is not expected')
        return _syntax_error(
            'a text with ": " in it must stand in quotes', here, 'write it in quotes: "..."'
        )
    if above and KEY_WITHOUT_SPACE.match(above.text):
        return _missing_space(above)
    if above and not OPEN_KEY.match(above.text):
        return _syntax_error(
            f'"{above.text}" has no ":" after it',
            Label(above, 'a ":" is missing'),
            'write "key: value"',
            Label(line, "so this does not fit"),
        )
    return _syntax_error(
        "this line is indented more than the block it belongs to",
        Label(line, "unexpected indentation"),
        "give it the indentation of the line before, or quote a text of several lines",
        *((Label(above, "the line before"),) if above else ()),
    )


def missing_colon(place: ParseFailure) -> Diagnostic | None:
    """A key without its ``:``."""
    if "simple key" not in place.words or place.context is None:
        return None
    if KEY_WITHOUT_SPACE.match(place.rest(place.context).text):
        return _missing_space(place.rest(place.context))
    return _syntax_error(
        f'"{place.rest(place.context).text}" has no ":" after it',
        Label(place.rest(place.context), 'a ":" is missing'),
        'write "key: value"',
    )


def unexpected_dash(place: ParseFailure) -> Diagnostic | None:
    """A list item behind a key."""
    if "sequence entries are not allowed" not in place.words:
        return None
    return _syntax_error(
        'a list item "- " cannot begin here',
        Label(place.span(place.at, place.at + 1), "unexpected"),
        'begin the list on the next line, or write "[a, b]"',
    )


def text_after_quote(place: ParseFailure) -> Diagnostic | None:
    """Text behind a closing quote."""
    text = place.source.text
    before = text[line_start(text, place.at) : place.at].rstrip()
    if "block mapping" not in place.words or before[-1:] not in ("'", '"'):
        return None
    return _syntax_error(
        "text follows after a closing quote",
        Label(place.rest(place.at), "outside the quotes"),
        "put the whole text in quotes; inside them write '' for ' or \\\" for \"",
    )


def wrong_indentation(place: ParseFailure) -> Diagnostic | None:
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


def _missing_space(line: Span) -> Diagnostic:
    return Diagnostic(
        "R101",
        f'"{line.text}" needs a space after the ":"',
        Label(line, "read as one text"),
        help=('write "key: value"',),
    )


def explain_failure(place: ParseFailure) -> Diagnostic:
    """Return the finding for a complaint."""
    families = (family(place) for family in EXPLANATIONS)
    return next((finding for finding in families if finding), _unrecognised_syntax(place))


def _unrecognised_syntax(place: ParseFailure) -> Diagnostic:
    words = place.words.strip(": ").replace("expected <document start>", "expected a new document")
    return Diagnostic(
        "R101",
        "the text is not YAML here",
        Label(place.rest(place.at), "not understood"),
        notes=(f"the parser says: {words}",),
    )


EXPLANATIONS = (
    tab_indentation,
    quoted_scalar,
    unquoted_reference,
    flow_collection,
    unexpected_colon,
    missing_colon,
    unexpected_dash,
    reserved_character,
    unnamed_anchor,
    malformed_tag,
    block_scalar,
    stray_indicator,
    unexpected_end,
    text_after_quote,
    wrong_indentation,
)
