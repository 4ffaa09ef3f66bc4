"""What came of parsing a text; the place of a complaint, and the lines around it."""

import re
from typing import NamedTuple

from yaml.error import MarkedYAMLError

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.tree import Node

KEY_WITHOUT_SPACE = re.compile(r"(?:- +)*[A-Za-z_~][\w.-]*:(?=[^\s:/])")
"""A key and a value without a space between them; two dots or a slash belong to other texts."""
OPEN_KEY = re.compile(r"(?:- +)*[^\s#'\"\[{][^#]*?:(?:[ \t]+|$)")
"""A key with its colon at the beginning of a line, and the blanks before its value."""
_VALUE_START = re.compile(r"(?:[,\[{]|[:\-] |^)\s*")
TRAILING_COMMENT = re.compile(r"[ \t]+#.*$")


class ParseFailure(NamedTuple):
    """A complaint: the text, where it arose, where its construct began, and the parser's words."""

    source: Source
    at: int
    context: int | None
    words: str

    @property
    def char(self) -> str:
        """The character at the place, empty at the end of the text."""
        return self.source.text[self.at : self.at + 1]

    def span(self, start: int, end: int) -> Span:
        """Return a stretch of the text, as far as it goes."""
        return Span(self.source, start, max(start, min(end, len(self.source.text))))

    def rest(self, start: int) -> Span:
        """Return what follows in the line, without white space at its end."""
        end = line_end(self.source.text, start)
        return self.span(start, start + len(self.source.text[start:end].rstrip()))

    def content(self, start: int) -> Span:
        """Return what follows in the line, without a comment at its end."""
        rest = self.rest(start)
        return self.span(start, start + len(TRAILING_COMMENT.sub("", rest.text)))

    def line(self, at: int) -> Span:
        """Return the line of an offset without its indentation."""
        start = line_start(self.source.text, at)
        line = self.source.text[start : line_end(self.source.text, at)]
        return self.rest(start + len(line) - len(line.lstrip(" \t")))

    def line_above(self, at: int) -> Span | None:
        """Return the nearest line above that is neither blank nor a comment, less its indent."""
        start = line_start(self.source.text, at)
        while start > 0:
            start = line_start(self.source.text, start - 1)
            line = self.line(start)
            if line.text and not line.text.startswith("#"):
                return self.content(line.start)
        return None


class ParseResult(NamedTuple):
    """What came of parsing a text: a tree, or the place of the first syntax error."""

    root: Node | None
    found: tuple[Diagnostic, ...]
    error: ParseFailure | None


def locate_failure(source: Source, error: MarkedYAMLError, start: int) -> ParseFailure:
    """Return where a parser complains.

    Args:
        source: The file.
        error: What the parser says.
        start: The offset in the file at which the parser began.
    """
    problem, context = error.problem_mark, error.context_mark
    at = start + problem.index if problem else len(source.text)
    began = start + context.index if context else None
    words = f"{error.context or ''}: {error.problem or ''}".lower()
    return ParseFailure(source, min(at, len(source.text)), began, words)


def line_start(text: str, at: int) -> int:
    """Return the offset of the first character of the line of ``at``."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Return the offset of the line break that ends the line of ``at``."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def unquoted_flow_value(place: ParseFailure) -> Span | None:
    """Return the value around an unquoted ``${`` inside brackets that a parser stumbled over."""
    text, at = place.source.text, place.at
    if place.char != "{" or text[at - 1 : at] != "$" or "flow" not in place.words:
        return None
    first = line_start(text, at)
    starts = [match.end() for match in _VALUE_START.finditer(text, first, at - 1)]
    end, depth = at, 0
    while end < len(text) and text[end] != "\n":
        depth += (text[end] == "{") - (text[end] == "}")
        if depth < 0 or (depth == 0 and text[end] in ",]"):
            break
        end += 1
    return place.span(max(starts, default=first), len(text[:end].rstrip()))
