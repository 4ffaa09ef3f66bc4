"""Complaints about quotes, brackets and what a text may begin with."""

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.read_place import Place, flow_reference, line_start


def quote(place: Place) -> Diagnostic | None:
    """A quote that is never closed, or a bad escape inside."""
    if "quoted scalar" not in place.words or place.context is None:
        return None
    if "end of stream" in place.words or "document indicator" in place.words:
        return _finding(
            f"the quote {place.source.text[place.context]} is never closed",
            Label(place.rest(place.context), "opened here"),
            f"add a closing {place.source.text[place.context]}",
        )
    start = place.source.text.rfind("\\", place.context, place.at + 1)
    start = place.at if start < 0 else start
    return _finding(
        f'"{place.source.text[start : start + 2]}" is no escape sequence of a double-quoted text',
        Label(place.span(start, start + 2), "unknown escape"),
        "use single quotes, in which a backslash is a backslash, or double the backslash",
    )


def reference(place: Place) -> Diagnostic | None:
    """A ``${…}`` without quotes inside brackets, where ``{`` has another meaning."""
    value = flow_reference(place)
    if value is None:
        return None
    return _finding(
        f'"{value.text}" must stand in quotes inside brackets',
        Label(value, "not in quotes"),
        f'write it in quotes: "{value.text}"',
    )


def bracket(place: Place) -> Diagnostic | None:
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


def first_character(place: Place) -> Diagnostic | None:
    """A text that begins with a reserved character."""
    if "cannot start any token" not in place.words:
        return None
    return _finding(
        f'a text cannot start with "{place.char}"',
        Label(place.rest(place.at), "must stand in quotes"),
        'write it in quotes: "..."',
    )


def anchor(place: Place) -> Diagnostic | None:
    """``*`` or ``&`` without a name."""
    if ("an alias" not in place.words and "an anchor" not in place.words) or place.context is None:
        return None
    char = place.source.text[place.context]
    return _finding(
        f'"{char}" begins {"an alias" if char == "*" else "an anchor"} and needs a name',
        Label(place.rest(place.context), "no name follows"),
        'if it is text, such as a pattern, write it in quotes: "*.wav"',
    )


def tag(place: Place) -> Diagnostic | None:
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


def block_scalar(place: Place) -> Diagnostic | None:
    """Text behind ``|`` or ``>``."""
    if "block scalar" not in place.words or place.context is None:
        return None
    return _finding(
        f'"{place.source.text[place.context]}" must end its line',
        Label(place.rest(place.context), "more text follows"),
        "begin the text on the next line, or write it in quotes",
    )


def stray(place: Place) -> Diagnostic | None:
    """A closing bracket or comma for nothing."""
    char = place.char
    if char and char in "]},":
        return _finding(
            f'the "{char}" is not expected here',
            Label(place.span(place.at, place.at + 1), "nothing is open that it could end"),
            "remove it, or write the text in quotes",
        )
    return None


def end(place: Place) -> Diagnostic | None:
    """The text ends inside something."""
    if place.at < len(place.source.text) or place.source.text.strip() == "":
        return None
    last = len(place.source.text.rstrip())
    opened = max(place.source.text.rfind("[", 0, last), place.source.text.rfind("{", 0, last))
    return _finding(
        "the text ends too early",
        Label(place.span(max(opened, 0), max(opened, 0) + 1), "a bracket may be open here")
        if opened >= 0
        else Label(place.span(last - 1, last), "the end"),
        "close what is open",
    )


def _finding(message: str, place: Label, advice: str, *related: Label) -> Diagnostic:
    return Diagnostic("R101", message, place, related=related, help=(advice,))
