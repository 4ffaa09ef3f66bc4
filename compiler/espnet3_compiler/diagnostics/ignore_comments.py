"""Comments that silence warnings on their line: ``# espnet3: ignore R212``, in YAML and Python."""

import io
import re
import tokenize
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.diagnostics.codes import BY_NUMBER
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span

MARK = "espnet3:"
_COMMENT = r"(?<!\S)#[ \t]*espnet3:[^\n]*"
_CODES = r"#[ \t]*espnet3:[ \t]*ignore[ \t]+(R\d+(?:[ \t]*,[ \t]*R\d+)*)(?![^\s])"
_CODE = r"R\d+"


class IgnoreComment(Struct, frozen=True):
    """A comment that is meant for this program.

    Attributes:
        span: From its ``#`` to the end of its line.
        codes: Where it names a code; nothing if it has another form.
    """

    span: Span
    codes: tuple[Span, ...]


def is_ignored(finding: Diagnostic) -> bool:
    """Return whether a finding is a warning that a comment on its line names."""
    source = finding.primary.span.source
    if (
        BY_NUMBER[finding.code].severity == "error"
        or source.path is None
        or MARK not in source.text
    ):
        return False
    line, _ = source.line_column(finding.primary.span.start)
    return any(
        code.text == finding.code
        for comment in find_comments(source)
        for code in comment.codes
        if source.line_column(code.start)[0] == line
    )


def find_comments(source: Source) -> Iterator[IgnoreComment]:
    """Yield the comments of a file that are meant for this program."""
    if MARK not in source.text:
        return
    python = source.path is not None and source.path.suffix == ".py"
    real = _python_comments(source) if python else None
    for found in re.finditer(_COMMENT, source.text):
        if real is None or found.start() in real:
            yield _read_comment(source, found.start(), found.end())


def _read_comment(source: Source, start: int, end: int) -> IgnoreComment:
    span = Span(source, start, start + len(source.text[start:end].rstrip()))
    listed = re.compile(_CODES).match(source.text, start, end)
    first = listed.start(1) if listed else start
    found = re.compile(_CODE).finditer(source.text, first, listed.end(1)) if listed else ()
    return IgnoreComment(span, tuple(Span(source, one.start(), one.end()) for one in found))


def _python_comments(source: Source) -> set[int] | None:
    """Return where the comments of a module begin; texts in it may look like some."""
    lines = [0, *(found.end() for found in re.finditer("\n", source.text))]
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source.text).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    return {
        lines[token.start[0] - 1] + token.start[1]
        for token in tokens
        if token.type == tokenize.COMMENT
    }
