"""What was probably meant at the place of a syntax error, the likeliest first."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.explain_error import explain_failure
from espnet3_compiler.syntax.parse_error import (
    KEY_WITHOUT_SPACE,
    TRAILING_COMMENT,
    ParseFailure,
    ParseResult,
    line_end,
    line_start,
    unquoted_flow_value,
)

_INDENT = re.compile(r"[ \t]*")
_VALUE = re.compile(r"[ \t]*(?:- +)*(?:[^\s:'\"\[{][^:\n]*?:[ \t]+|- +)?(?=\S)")

MAX_TABBED = 50
"""Lines whose indentation is guessed one by one."""


class TextRepair(NamedTuple):
    """Replacements ``(start, end, text)`` in the order of the text, and what they do."""

    edits: tuple[tuple[int, int, str], ...]
    title: str
    certain: bool = False


def repairs_for(place: ParseFailure) -> Iterator[TextRepair]:
    """Yield repairs of a syntax error."""
    text, words = place.source.text, place.words
    indent = _INDENT.match(text, line_start(text, place.at))
    if indent and "\t" in indent.group():
        yield from _replace_tabs(text)
    if "quoted scalar" in words:
        yield from _close_quote(place)
    elif reference := unquoted_flow_value(place):
        yield _quote_text(text, reference.start, reference.end)
    elif "flow sequence" in words or "flow mapping" in words:
        yield from _close_bracket(place)
    elif "mapping values are not allowed" in words:
        yield from _repair_colon(place)
    elif "simple key" in words and place.context is not None:
        yield from _add_colon(text, place.context)
    elif any(phrase in words for phrase in ("cannot start any token", "an alias", "an anchor")):
        start = place.at if place.context is None else place.context
        yield _quote_text(text, start, line_end(text, start))
    elif "block mapping" in words or "block collection" in words:
        yield from _repair_indentation(place)
    elif text[place.at : place.at + 1] in ("]", "}"):
        yield TextRepair(((place.at, place.at + 1, ""),), f'remove "{text[place.at]}"')


def _replace_tabs(text: str) -> Iterator[TextRepair]:
    """Replace the tabs of all indentations: by what the neighbours have, or a number of spaces."""
    tabbed = list(re.finditer(r"^[ \t]*\t[ \t]*(?=\S)", text, re.MULTILINE))
    likely = [_likely_indent(text, match.start()) for match in tabbed[:MAX_TABBED]]
    if len(likely) == len(tabbed) and None not in likely:
        edits = [
            (match.start(), match.end(), " " * (width or 0))
            for match, width in zip(tabbed, likely, strict=True)
        ]
        yield TextRepair(tuple(edits), "indent with spaces like the lines around", certain=True)
    for width in (2, 4, 8):
        edits = [
            (match.start(), match.end(), match.group().replace("\t", " " * width))
            for match in tabbed
        ]
        yield TextRepair(tuple(edits), f"indent with {width} spaces for each tab", certain=True)


def _likely_indent(text: str, start: int) -> int | None:
    """Return the indentation of a line by the lines above and below; None where they have tabs."""
    above, line, below = _neighbouring_lines(text, start)
    if "\t" in above + below:
        return None
    before, after = _key_column(above), _key_column(below)
    expected = before + 2 if _ends_with_colon(above) else before
    if below.lstrip().startswith("- ") and _ends_with_colon(line):
        indent = len(below) - len(below.lstrip())
        return indent if indent == expected else max(indent - 2, 0)
    if below and _ends_with_colon(line):
        return max(after - 2, 0)
    if _ends_with_colon(above):
        return after if after > before else before + 2
    levels = 2 * len(re.findall(r"\t", line[: len(line) - len(line.lstrip())]))
    return after if levels == after < before else before


def _neighbouring_lines(text: str, start: int) -> tuple[str, str, str]:
    """Return the line at an offset, and those above and below that hold more than a comment."""
    above = [line for line in text[:start].split("\n") if _has_content(line)]
    line, *rest = text[start:].split("\n")
    return above[-1] if above else "", line, next(filter(_has_content, rest), "")


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _ends_with_colon(line: str) -> bool:
    return TRAILING_COMMENT.sub("", line).rstrip().endswith(":")


def _key_column(line: str) -> int:
    """Return where the key of a line begins, behind the ``- `` of list items."""
    match = re.match(r" *(?:- +)*", line)
    return match.end() if match else 0


def _close_quote(place: ParseFailure) -> Iterator[TextRepair]:
    text, start = place.source.text, place.context
    if start is None:
        return
    if "end of stream" in place.words or "document indicator" in place.words:
        quote = text[start]
        end = line_end(text, start)
        comment = TRAILING_COMMENT.search(text, start, end)
        end = len(text[: comment.start() if comment else end].rstrip())
        yield TextRepair(((end, end, quote),), f"add the closing {quote}", certain=not comment)
        return
    slash = text.rfind("\\", start, place.at + 1)
    if slash >= 0:
        yield TextRepair(((slash, slash, "\\"),), "double the backslash")


def _close_bracket(place: ParseFailure) -> Iterator[TextRepair]:
    """Close the bracket at the end of its line, or add a comma, where it is all on one line."""
    text, start = place.source.text, place.context
    if start is None:
        return
    closing = "]" if text[start] == "[" else "}"
    if line_start(text, place.at) == line_start(text, start) and text[place.at :].strip():
        before = len(text[: place.at].rstrip())
        key = re.compile(r"[^\s,\[\]{}]+$").search(text, start, before)
        if text[place.at] == ":" and key and text[: key.start()].endswith(" "):
            before = len(text[: key.start()].rstrip())
        yield TextRepair(((before, before, ","),), 'add ","')
        end = line_end(text, start)
    else:
        end = line_end(text, start)
        if text[end : place.at].strip() and not _is_next_line(text, end, place.at):
            return
    comment = TRAILING_COMMENT.search(text, start, end)
    end = len(text[: comment.start() if comment else end].rstrip().rstrip(","))
    yield TextRepair(((end, end, closing),), f'close with "{closing}"', certain=not comment)


def _is_next_line(text: str, end: int, at: int) -> bool:
    """Return whether an offset lies in the first line with text after another line."""
    return "\n" not in text[end:at].lstrip()


def _repair_colon(place: ParseFailure) -> Iterator[TextRepair]:
    text = place.source.text
    start = line_start(text, place.at)
    value = _VALUE.match(text, start)
    if (
        value
        and value.end() > start
        and ":" in text[start : value.end()]
        and value.end() <= place.at
    ):
        yield _quote_text(text, value.end(), line_end(text, place.at))
        return
    above = place.line_above(place.at)
    if above is None:
        return
    first, end = above.start, above.end
    if not re.search(r":(?=\s|$)", text[first:end]):
        yield from _add_colon(text, first)
    else:
        yield from _match_indentation(text, start, first)


def _add_colon(text: str, start: int) -> Iterator[TextRepair]:
    line = text[start : line_end(text, start)]
    if tight := KEY_WITHOUT_SPACE.match(line):
        at = start + tight.end()
        yield TextRepair(((at, at, " "),), 'add a space after ":"', certain=True)
    word = re.match(r"[\w.-]+(?= +\S)", line)
    if word:
        at = start + word.end()
        yield TextRepair(((at, at, ":"),), 'add ":"')
    end = start + len(TRAILING_COMMENT.sub("", line).rstrip())
    yield TextRepair(((end, end, ":"),), 'add ":"')


def _add_dash(text: str, start: int) -> Iterator[TextRepair]:
    """Begin an item where a line stands exactly below the text of the item before it."""
    above = next(
        (line for line in reversed(text[:start].split("\n")[:-1]) if _has_content(line)), ""
    )
    item = re.match(r" *- +(?=\S)", above)
    if item and item.end() == start - line_start(text, start):
        yield TextRepair(((start - 2, start, "- "),), 'add "- "')


def _quote_text(text: str, start: int, end: int) -> TextRepair:
    comment = TRAILING_COMMENT.search(text, start, end)
    end = len(text[: comment.start() if comment else end].rstrip())
    return TextRepair(
        ((start, end, json.dumps(text[start:end], ensure_ascii=False)),),
        "write the text in quotes",
        certain=not comment,
    )


def _repair_indentation(place: ParseFailure) -> Iterator[TextRepair]:
    """Move a block that fits nowhere to the indentation of the line before it or of its parent."""
    text = place.source.text
    start = line_start(text, place.at)
    if text[start : place.at].strip():
        return
    yield from _add_dash(text, place.at)
    if above := place.line_above(place.at):
        yield from _match_indentation(text, start, above.start)
    if place.context is not None:
        yield from _match_indentation(text, start, place.context)


def _match_indentation(text: str, start: int, like: int) -> Iterator[TextRepair]:
    """Give a line, and those below it that are indented as much, the indent of another line."""
    wanted = like - line_start(text, like)
    indent = _INDENT.match(text, start)
    assert indent
    have = indent.end() - start
    if have == wanted:
        return
    edits = []
    at = start
    while at < len(text):
        match = _INDENT.match(text, at)
        assert match
        end = line_end(text, at)
        if text[at:end].strip():
            if match.end() - at < have:
                break
            edits.append((at, match.end(), " " * (match.end() - at - have + wanted)))
        at = text.find("\n", at) + 1 or len(text)
    yield TextRepair(tuple(edits), f"indent with {wanted} spaces")


MAX_CHARACTERS = 200_000
"""Longer texts are not parsed again and again for a fix."""

ParseFunction = Callable[[Source], ParseResult]


def syntax_finding(error: ParseFailure, parse: ParseFunction) -> Diagnostic:
    """Return the finding for a syntax error, with a fix where one helps.

    Args:
        error: Where the parser stopped.
        parse: Parses a text.
    """
    finding = explain_failure(error)
    repair = _find_repair(error, parse)
    if repair is None:
        return finding
    edits = tuple(Edit(Span(error.source, start, end), new) for start, end, new in repair.edits)
    return replace(finding, fix=Fix(repair.title, edits, certain=repair.certain))


def _find_repair(error: ParseFailure, parse: ParseFunction) -> TextRepair | None:
    """Return the first repair after which all is YAML, or else the parser gets past the place."""
    best: TextRepair | None = None
    text = error.source.text
    if len(text) > MAX_CHARACTERS:
        return None
    for repair in repairs_for(error):
        repaired = _apply_repair(text, repair)
        after = parse(replace(error.source, text=repaired)).error
        if after is None:
            return repair
        if best is None and after.at > _furthest_offset(error) + len(repaired) - len(text):
            best = repair
    return best


def _furthest_offset(error: ParseFailure) -> int:
    """Return how far the text was understood: an open quote swallows what follows its line."""
    if "quoted scalar" in error.words and error.context is not None:
        return line_end(error.source.text, error.context)
    return error.at


def _apply_repair(text: str, repair: TextRepair) -> str:
    for start, end, new in reversed(repair.edits):
        text = text[:start] + new + text[end:]
    return text
