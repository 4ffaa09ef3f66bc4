"""The finding for a syntax error: the parser's message in words for the author of a recipe."""

import re
from collections.abc import Callable

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.parse_error import (
    KEY_WITHOUT_SPACE,
    OPEN_KEY,
    ParseFailure,
    line_start,
    unquoted_flow_value,
)


def explain_failure(failure: ParseFailure) -> Diagnostic:
    """Return the finding for a syntax error."""
    for explain in _EXPLANATIONS:
        if finding := explain(failure):
            return finding
    message = failure.message.strip(": ")
    message = message.replace("expected <document start>", "expected a new document")
    return Diagnostic(
        "R101",
        "the text is not YAML here",
        Label(failure.rest(failure.offset), "not understood"),
        notes=(f"the parser says: {message}",),
    )


def _tab_indentation(failure: ParseFailure) -> Diagnostic | None:
    """A tab in the indentation."""
    text, end = failure.source.text, failure.line.start
    tab = text.find("\t", line_start(text, failure.offset), end)
    if tab < 0 or not (failure.offset <= end or "tab" in failure.message):
        return None
    return Diagnostic(
        "R112",
        "a tab is used for indentation",
        Label(failure.span(tab, end), "YAML indents with spaces only"),
        help=("replace the tab by spaces, two for each level",),
    )


def _quoted_text(failure: ParseFailure) -> Diagnostic | None:
    """A quote that is never closed, or an unknown escape inside."""
    text, start = failure.source.text, failure.start
    if "quoted scalar" not in failure.message or start is None:
        return None
    if failure.is_unclosed_quote:
        return _syntax_error(
            f"the quote {text[start]} is never closed",
            Label(failure.rest(start), "opened here"),
            f"add a closing {text[start]}",
        )
    slash = text.rfind("\\", start, failure.offset + 1)
    slash = failure.offset if slash < 0 else slash
    escape = failure.span(slash, slash + 2)
    return _syntax_error(
        f'"{escape.text}" is no escape sequence of a double-quoted text',
        Label(escape, "unknown escape"),
        "use single quotes, in which a backslash is a backslash, or double the backslash",
    )


def _value_for_later(failure: ParseFailure) -> Diagnostic | None:
    """OmegaConf's ``???`` inside brackets, where ``?`` has another meaning."""
    if not failure.source.text.startswith("???", failure.offset):
        return None
    return _syntax_error(
        "??? is no value",
        Label(failure.span(failure.offset, failure.offset + 3), "not YAML"),
        "write a value; another one for a run is given with --set",
    )


def _unquoted_reference(failure: ParseFailure) -> Diagnostic | None:
    """A ``${…}`` without quotes inside brackets, where ``{`` has another meaning."""
    value = unquoted_flow_value(failure)
    if value is None:
        return None
    return _syntax_error(
        f'"{value.text}" must stand in quotes inside brackets',
        Label(value, "not in quotes"),
        f'write it in quotes: "{value.text}"',
    )


def _brackets(failure: ParseFailure) -> Diagnostic | None:
    """A bracket that is never closed, or a missing comma."""
    text, start, offset = failure.source.text, failure.start, failure.offset
    if start is None or not re.search("flow (sequence|mapping)", failure.message):
        return None
    closing = "]" if text[start] == "[" else "}"
    opened = Label(failure.span(start, start + 1), "opened here")
    if line_start(text, offset) == line_start(text, start) and failure.char.strip():
        return _syntax_error(
            f'"," or "{closing}" is expected here',
            Label(failure.rest(offset), f'a "," or "{closing}" is missing before this'),
            f'separate items with "," and close with "{closing}"',
            opened,
        )
    here = Label(failure.span(offset, offset + 1), f'"{closing}" is missing before here')
    related = (here,) if failure.char.strip() else ()
    message = f'the bracket "{text[start]}" is never closed'
    return _syntax_error(message, opened, f'add "{closing}"', *related)


def _unexpected_colon(failure: ParseFailure) -> Diagnostic | None:
    """A ``:`` where no key can stand: a text with ": ", a line above without one, or an indent."""
    if "mapping values are not allowed" not in failure.message:
        return None
    line, above = failure.line, failure.line_above
    if re.compile(OPEN_KEY).match(failure.source.text, line.start, failure.offset):
        if re.match(KEY_WITHOUT_SPACE, line.text):
            return _missing_colon_or_space(line)
        colon = failure.span(failure.offset, failure.offset + 1)
        return _syntax_error(
            'a text with ": " in it must stand in quotes',
            Label(colon, 'this ":" is not expected'),
            'write it in quotes: "..."',
        )
    if above and not re.match(OPEN_KEY, above.text):
        return _missing_colon_or_space(above, Label(line, "so this does not fit"))
    return _syntax_error(
        "this line is indented more than the block it belongs to",
        Label(line, "unexpected indentation"),
        "give it the indentation of the line before, or quote a text of several lines",
        *((Label(above, "the line before"),) if above else ()),
    )


def _missing_colon(failure: ParseFailure) -> Diagnostic | None:
    """A key without its ``:``."""
    if "simple key" not in failure.message or failure.start is None:
        return None
    return _missing_colon_or_space(failure.rest(failure.start))


def _missing_colon_or_space(line: Span, *related: Label) -> Diagnostic:
    if re.match(KEY_WITHOUT_SPACE, line.text):
        message = f'"{line.text}" needs a space after the ":"'
        return _syntax_error(message, Label(line, "read as one text"), 'write "key: value"')
    message = f'"{line.text}" has no ":" after it'
    return _syntax_error(message, Label(line, 'a ":" is missing'), 'write "key: value"', *related)


def _unexpected_dash(failure: ParseFailure) -> Diagnostic | None:
    """A list item behind a key."""
    if "sequence entries are not allowed" not in failure.message:
        return None
    return _syntax_error(
        'a list item "- " cannot begin here',
        Label(failure.span(failure.offset, failure.offset + 1), "unexpected"),
        'begin the list on the next line, or write "[a, b]"',
    )


_PATTERN_HELP = 'if it is text, such as a pattern, write it in quotes: "*.wav"'
_INDICATORS = {
    "cannot start any token": (
        'a text cannot start with "{}"',
        "must stand in quotes",
        'write it in quotes: "..."',
    ),
    "an alias": ('"{}" begins an alias and needs a name', "no name follows", _PATTERN_HELP),
    "an anchor": ('"{}" begins an anchor and needs a name', "no name follows", _PATTERN_HELP),
    "block scalar": (
        '"{}" must end its line',
        "more text follows",
        "begin the text on the next line, or write it in quotes",
    ),
}
"""By a phrase of the parser's: message, label and help."""


def _indicator(failure: ParseFailure) -> Diagnostic | None:
    """A text that begins with a character that means something in YAML."""
    for phrase, (message, label, advice) in _INDICATORS.items():
        if phrase in failure.message:
            text = failure.rest(failure.offset if failure.start is None else failure.start)
            return _syntax_error(message.format(text.text[:1]), Label(text, label), advice)
    return None


def _malformed_tag(failure: ParseFailure) -> Diagnostic | None:
    """A tag that cannot even be read."""
    if "tag" not in failure.message or "directive" in failure.message:
        return None
    start = failure.source.text.rfind("!", 0, failure.offset + 1)
    tag = failure.rest(failure.offset if start < 0 else start)
    return Diagnostic(
        "R103",
        f'the tag "{tag.text}" is not allowed: a recipe is plain data',
        Label(tag, "a YAML tag"),
        help=("remove the tag, or write the text in quotes",),
    )


def _stray_character(failure: ParseFailure) -> Diagnostic | None:
    """A closing bracket or comma where nothing is open."""
    if failure.char not in ("]", "}", ",", ":"):
        return None
    return _syntax_error(
        f'the "{failure.char}" is not expected here',
        Label(
            failure.span(failure.offset, failure.offset + 1), "nothing is open that it could end"
        ),
        "remove it, or write the text in quotes",
    )


def _unexpected_end(failure: ParseFailure) -> Diagnostic | None:
    """The text ends inside brackets or something else."""
    text = failure.source.text.rstrip()
    if failure.offset < len(failure.source.text) or not text:
        return None
    opened = max(text.rfind("["), text.rfind("{"))
    label = Label(failure.span(len(text) - 1, len(text)), "the end")
    if opened >= 0:
        label = Label(failure.span(opened, opened + 1), "a bracket may be open here")
    return _syntax_error("the text ends too early", label, "close what is open")


def _text_after_quote(failure: ParseFailure) -> Diagnostic | None:
    """Text behind a closing quote."""
    text = failure.source.text
    before = text[line_start(text, failure.offset) : failure.offset].rstrip()
    if "block mapping" not in failure.message or before[-1:] not in ("'", '"'):
        return None
    return _syntax_error(
        "text follows after a closing quote",
        Label(failure.rest(failure.offset), "outside the quotes"),
        "put the whole text in quotes; inside them write '' for ' or \\\" for \"",
    )


def _wrong_indentation(failure: ParseFailure) -> Diagnostic | None:
    """A line that fits no block."""
    if not re.search("block (mapping|collection)", failure.message):
        return None
    kind = 'a "key: value"' if "block mapping" in failure.message else 'a list item "- "'
    block = failure.rest(failure.start) if failure.start is not None else None
    return _syntax_error(
        f"{kind} with the indentation of its block is expected here",
        Label(failure.rest(failure.offset), "does not fit the block"),
        "give all lines of a block the same indentation",
        *((Label(block, "the block begins here"),) if block else ()),
    )


def _syntax_error(message: str, label: Label, advice: str, *related: Label) -> Diagnostic:
    return Diagnostic("R101", message, label, related=related, help=(advice,))


_EXPLANATIONS: tuple[Callable[[ParseFailure], Diagnostic | None], ...] = (
    _tab_indentation,
    _quoted_text,
    _value_for_later,
    _unquoted_reference,
    _brackets,
    _unexpected_colon,
    _missing_colon,
    _unexpected_dash,
    _indicator,
    _malformed_tag,
    _stray_character,
    _unexpected_end,
    _text_after_quote,
    _wrong_indentation,
)
