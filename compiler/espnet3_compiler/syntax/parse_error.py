"""The result of parsing a text, and what the parser reports about a syntax error."""

import re
from typing import NamedTuple

from msgspec import Struct
from yaml.error import MarkedYAMLError

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.tree import Node

INDENT = r"(?m)^[ \t]*(?=[^\s#])"
"""The indentation of a line that is neither blank nor a comment."""
KEY_WITHOUT_SPACE = r"(?:- +)*[A-Za-z_~][\w.-]*:(?=[^\s:/])"
"""A key and a value without a space between them; two dots or a slash belong to other texts."""
OPEN_KEY = r"(?:- +)*[^\s#'\"\[{][^#]*?:(?:[ \t]+|$)"
"""A key with its colon at the beginning of a line, and the blanks before its value."""
TRAILING_COMMENT = r"[ \t]+#.*$"
_VALUE_START = r"(?:[,\[{]|[:\-] |^)\s*"


class ParseFailure(Struct, frozen=True):
    """A syntax error as the parser reports it.

    Attributes:
        source: The text.
        offset: Where the parser stopped.
        start: Where the construct began that it was reading, if it says so.
        message: What it says, in lower case.
    """

    source: Source
    offset: int
    start: int | None
    message: str

    @property
    def char(self) -> str:
        """The character at the offset, empty at the end of the text."""
        return self.source.text[self.offset : self.offset + 1]

    @property
    def line(self) -> Span:
        """The line of the offset without its indentation."""
        text, start = self.source.text, line_start(self.source.text, self.offset)
        line = text[start : line_end(text, self.offset)]
        return self.rest(start + len(line) - len(line.lstrip(" \t")))

    @property
    def line_above(self) -> Span | None:
        """The nearest line above with more than a comment, without indentation and comment."""
        end = line_start(self.source.text, self.offset)
        indents = list(re.compile(INDENT).finditer(self.source.text, 0, end))
        return self.content(indents[-1].end()) if indents else None

    @property
    def is_unclosed_quote(self) -> bool:
        """Whether the text ends inside quotes."""
        return "quoted scalar" in self.message and bool(
            re.search("end of stream|document indicator", self.message)
        )

    def span(self, start: int, end: int) -> Span:
        """Return a span of the text, cut where the text ends."""
        return Span(self.source, start, max(start, min(end, len(self.source.text))))

    def rest(self, start: int) -> Span:
        """Return the rest of a line, without white space at its end."""
        end = line_end(self.source.text, start)
        return self.span(start, start + len(self.source.text[start:end].rstrip()))

    def content(self, start: int) -> Span:
        """Return the rest of a line, without a comment at its end."""
        rest = self.rest(start)
        return self.span(start, start + len(re.sub(TRAILING_COMMENT, "", rest.text)))


class ParseResult(NamedTuple):
    """What came of parsing a text: a tree, or the first syntax error."""

    root: Node | None
    found: tuple[Diagnostic, ...]
    error: ParseFailure | None


def locate_failure(source: Source, error: MarkedYAMLError) -> ParseFailure:
    """Return a parser's error with its offsets in the text."""
    problem, context = error.problem_mark, error.context_mark
    offset = problem.index if problem else len(source.text)
    start = context.index if context else None
    message = f"{error.context or ''}: {error.problem or ''}".lower()
    return ParseFailure(source, min(offset, len(source.text)), start, message)


def line_start(text: str, at: int) -> int:
    """Return the offset of the first character of the line of ``at``."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Return the offset of the line break that ends the line of ``at``."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def unquoted_flow_value(failure: ParseFailure) -> Span | None:
    """Return the value around an unquoted ``${`` inside brackets that a parser stopped at."""
    text, at = failure.source.text, failure.offset
    if failure.char != "{" or text[at - 1 : at] != "$" or "flow" not in failure.message:
        return None
    first = line_start(text, at)
    starts = [match.end() for match in re.compile(_VALUE_START).finditer(text, first, at - 1)]
    end, depth = at, 0
    while end < len(text) and text[end] != "\n":
        depth += (text[end] == "{") - (text[end] == "}")
        if depth < 0 or (depth == 0 and text[end] in ",]"):
            break
        end += 1
    return failure.span(max(starts, default=first), len(text[:end].rstrip()))
