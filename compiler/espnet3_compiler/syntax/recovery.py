"""The one fix that is offered with a syntax error: the likeliest after which the text is YAML."""

import json
import re
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.explain_error import explain_failure
from espnet3_compiler.syntax.parse_error import (
    INDENT,
    KEY_WITHOUT_SPACE,
    OPEN_KEY,
    ParseFailure,
    ParseResult,
    line_end,
    line_start,
    unquoted_flow_value,
)

MAX_CHARACTERS = 200_000  # longer texts are not parsed again for a fix
_TAB_INDENT = re.compile(r"^[ \t]*\t[ \t]*(?=\S)", re.MULTILINE)


def syntax_finding(failure: ParseFailure, parse: Callable[[Source], ParseResult]) -> Diagnostic:
    """Return the finding for a syntax error, with a fix where one helps."""
    return replace(explain_failure(failure), fix=_find_fix(failure, parse))


def _find_fix(failure: ParseFailure, parse: Callable[[Source], ParseResult]) -> Fix | None:
    """Return the first fix after which all is YAML, or else the parser gets past the error."""
    text, reached = failure.source.text, failure.offset
    best: Fix | None = None
    if len(text) > MAX_CHARACTERS:
        return None
    if "quoted scalar" in failure.message and failure.start is not None:
        reached = line_end(text, failure.start)  # an open quote swallows what follows its line
    for fix in _candidates(failure):
        fixed = text
        for edit in reversed(fix.edits):
            fixed = fixed[: edit.span.start] + edit.text + fixed[edit.span.end :]
        after = parse(replace(failure.source, text=fixed)).error
        if after is None:
            return fix
        if best is None and after.offset > reached + len(fixed) - len(text):
            best = replace(fix, certain=False)  # more is wrong, perhaps because of it
    return best


def _candidates(failure: ParseFailure) -> Iterator[Fix]:
    message, start, line = failure.message, failure.start, failure.line
    if "\t" in failure.source.text[line_start(failure.source.text, line.start) : line.start]:
        yield from _replace_tabs(failure.source)
    if reference := unquoted_flow_value(failure):
        yield _quote(reference, certain='"' not in reference.text)
    elif "mapping values are not allowed" in message:
        yield from _repair_colon(failure, line)
    elif any(phrase in message for phrase in ("cannot start any token", "an alias", "an anchor")):
        rest = failure.content(failure.offset if start is None else start)
        yield from [_quote(rest)] if rest.text else []  # a line may hold nothing but a tab
    elif start is None:
        return
    elif "quoted scalar" in message:
        yield from _repair_quote(failure, start)
    elif "flow sequence" in message or "flow mapping" in message:
        yield from _close_bracket(failure, start)
    elif "simple key" in message:
        yield from _add_colon(failure, start)
    elif line.start == failure.offset and (
        "block mapping" in message or "block collection" in message
    ):
        yield from _repair_indentation(failure, line, start)


def _replace_tabs(source: Source) -> Iterator[Fix]:
    """Replace the tabs of all indentations; a single one by what the lines around it have."""
    tabbed = list(_TAB_INDENT.finditer(source.text))
    if len(tabbed) == 1:
        edit = Edit(Span(source, *tabbed[0].span()), " " * _likely_indent(tabbed[0]))
        yield Fix("indent with spaces like the lines around", (edit,), certain=True)
    for number in (2, 4, 8):
        indents = (match.group().replace("\t", " " * number) for match in tabbed)
        edits = tuple(map(Edit, (Span(source, *match.span()) for match in tabbed), indents))
        yield Fix(f"indent with {number} spaces for each tab", edits, certain=True)


def _likely_indent(tab: re.Match[str]) -> int:
    """Return the indentation that the lines above and below suggest for a line with a tab."""
    above = ["", *_content_lines(tab.string[: tab.start()])][-1]
    line, below, *_ = [*_content_lines(tab.string[tab.start() :]), "", ""]
    expected = len(above) - len(above.lstrip(" -")) + 2 * above.endswith(":")
    column = len(below) - len(below.lstrip())
    if below and line.endswith(":") and (below[column:][:2] != "- " or column != expected):
        return max(column - 2, 0)
    return column if above.endswith(":") and column > expected else expected


def _content_lines(text: str) -> list[str]:
    lines = (re.sub(r"(^|[ \t]+)#.*", "", line).rstrip() for line in text.split("\n"))
    return list(filter(None, lines))


def _repair_quote(failure: ParseFailure, start: int) -> Iterator[Fix]:
    if failure.is_unclosed_quote:
        quote, content = failure.source.text[start], failure.content(start)
        edit = _insert(failure, content.end, quote)
        yield Fix(f"add the closing {quote}", (edit,), certain=_is_one_text(failure, content))
    elif (slash := failure.source.text.rfind("\\", start, failure.offset + 1)) >= 0:
        yield Fix("double the backslash", (_insert(failure, slash, "\\"),))


def _close_bracket(failure: ParseFailure, start: int) -> Iterator[Fix]:
    """Close the bracket at the end of its line, or add a comma, where it is all on one line."""
    text, at, content = failure.source.text, failure.offset, failure.content(start)
    if at < content.end:
        item = re.compile(r"[^\s,\[\]{}]+$").search(text, start, at) if text[at] == ":" else None
        end = len(text[: item.start() if item else at].rstrip())
        yield Fix('add ","', (_insert(failure, end, ","),))
    elif "\n" in text[line_end(text, start) : at].strip():
        return  # the bracket holds more lines
    closing = "]" if text[start] == "[" else "}"
    edit = _insert(failure, start + len(content.text.rstrip(",")), closing)
    yield Fix(f'close with "{closing}"', (edit,), certain=failure.rest(start) == content)


def _repair_colon(failure: ParseFailure, line: Span) -> Iterator[Fix]:
    if key := re.compile(OPEN_KEY).match(failure.source.text, line.start, failure.offset):
        yield from _add_colon(failure, line.start)
        yield _quote(failure.content(key.end()))
    elif above := failure.line_above:
        if not re.match(OPEN_KEY, above.text):
            yield from _add_colon(failure, above.start)
        yield from _match_indentation(failure, line, above)


def _add_colon(failure: ParseFailure, start: int) -> Iterator[Fix]:
    line = failure.content(start)
    if tight := re.match(KEY_WITHOUT_SPACE, line.text):
        space = _insert(failure, start + tight.end(), " ")
        yield Fix('add a space after ":"', (space,), certain=True)
    if word := re.match(r"(?:- +)*[\w.-]+(?= +\S)", line.text):
        yield Fix('add ":"', (_insert(failure, start + word.end(), ":"),))
    yield Fix('add ":"', (_insert(failure, line.end, ":"),))


def _repair_indentation(failure: ParseFailure, line: Span, start: int) -> Iterator[Fix]:
    """Move a line, the one above it, or a block to the indentation of a neighbour."""
    if above := failure.line_above:
        item = re.match(r"- +(?=\S)", above.text)
        if item and _column(above) + item.end() == _column(line):
            yield Fix('add "- "', (Edit(failure.span(line.start - 2, line.start), "- "),))
        moves = [(line, above), (above, line), (line, failure.rest(start))]
        for moved, like in sorted(moves, key=lambda move: abs(_column(move[0]) - _column(move[1]))):
            yield from _match_indentation(failure, moved, like)


def _match_indentation(failure: ParseFailure, line: Span, like: Span) -> Iterator[Fix]:
    """Give a line the indentation of another one: it alone, or with all below it as deep as it."""
    have, wanted = _column(line), _column(like)
    edits: list[Edit] = []
    for indent in re.compile(INDENT).finditer(failure.source.text, line.start - have):
        width = len(indent.group())
        if width < have:
            break
        edits.append(Edit(failure.span(*indent.span()), " " * (width - have + wanted)))
    for moved in (edits[:1], edits):
        yield Fix(f"indent with {wanted} spaces", tuple(moved))


def _column(span: Span) -> int:
    return span.start - line_start(span.source.text, span.start)


def _quote(span: Span, *, certain: bool = False) -> Fix:
    edit = Edit(span, json.dumps(span.text, ensure_ascii=False))
    return Fix("write the text in quotes", (edit,), certain)


def _is_one_text(failure: ParseFailure, content: Span) -> bool:
    """Return whether nothing suggests that the rest of a line is more than one text."""
    return failure.rest(content.start) == content and not re.search(r"[][{}]", content.text)


def _insert(failure: ParseFailure, at: int, text: str) -> Edit:
    return Edit(failure.span(at, at), text)
