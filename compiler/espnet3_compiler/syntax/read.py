"""Read YAML texts into trees: a file that is no YAML gives findings, never a traceback."""

from functools import lru_cache, partial
from pathlib import Path

from yaml.error import MarkedYAMLError
from yaml.reader import Reader

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import NO_BUFFERS, Buffers, OutsideRoot, buffer_of, read_error
from espnet3_compiler.syntax.build_tree import TreeBuilderState, read_documents
from espnet3_compiler.syntax.foreign_syntax import merge_conflict
from espnet3_compiler.syntax.parse_error import ParseResult, locate_failure
from espnet3_compiler.syntax.parser import make_parser
from espnet3_compiler.syntax.tree import Mapping, Node

MAX_BYTES = 2_000_000
"""Larger files are refused: a recipe is written by hand."""


def read_file(
    path: Path, name: str, root: Path, buffers: Buffers = NO_BUFFERS
) -> tuple[Mapping | None, Source | None, tuple[Diagnostic, ...]]:
    """Read a file that must hold one mapping.

    Args:
        path: The file.
        name: Its name in reports.
        root: The folder that the file must lie in, links followed.
        buffers: Texts that stand in for files.

    Returns:
        The mapping, None where there is none; the text, None if the file cannot be read; and the
        findings.
    """
    source, found = load_source(path, name, root, buffers)
    if source is None or found:
        return None, source, found
    return _read_mapping(path, name, source.text)


@lru_cache(maxsize=64)
def _read_mapping(
    path: Path, name: str, text: str
) -> tuple[Mapping | None, Source, tuple[Diagnostic, ...]]:
    """Read a text once, however many configs name its file, and however often it is checked."""
    source = Source(name, text, path=path)
    node, found = read_text(source)
    if isinstance(node, Mapping):
        return node, source, found
    if node is None and found:
        return None, source, found
    return None, source, (*found, _no_mapping(source, node))


def read_text(source: Source, start: int = 0) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    """Read the YAML document that begins at an offset of a text.

    Returns:
        The root, None if the text is not YAML or holds nothing; and the findings.
    """
    if bad := _disallowed_span(source, start):
        return None, (_disallowed_character(bad),)
    if conflict := merge_conflict(source, start):
        return None, (conflict,)
    root, found, failure = _parse_document(source, start)
    if failure is None:
        return root, found
    from espnet3_compiler.syntax.recovery import syntax_finding  # a right text does not need it

    return None, (*found, syntax_finding(failure, partial(_parse_document, start=start)))


def _parse_document(source: Source, start: int) -> ParseResult:
    text = "\n" * start + source.text[start:]  # the offsets of the parser are those in the source
    state = TreeBuilderState(source, make_parser(text))
    try:
        return ParseResult(read_documents(state), tuple(state.found), None)
    except MarkedYAMLError as error:
        return ParseResult(None, tuple(state.found), locate_failure(source, error))


def load_source(
    path: Path, name: str, root: Path, buffers: Buffers = NO_BUFFERS
) -> tuple[Source | None, tuple[Diagnostic, ...]]:
    """Read the text of a file; a byte order mark is left out.

    Args:
        path: The file.
        name: Its name in reports.
        root: The folder that the file must lie in, links followed.
        buffers: Texts that stand in for files.
    """
    empty = Source(name, "", path=path)
    if error := read_error(path, root, buffers):
        return None, (unreadable_file(Label(Span(empty, 0, 0)), name, error),)
    if (text := buffer_of(path, buffers)) is not None:
        return Source(name, text.removeprefix("\ufeff"), path=path), ()
    try:
        if path.stat().st_size > MAX_BYTES:
            return None, (_file_too_large(empty),)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        return None, (unreadable_file(Label(Span(empty, 0, 0)), name, error),)
    try:
        return Source(name, data.decode("utf-8-sig"), path=path), ()
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()  # the bytes after a byte order mark
        source = Source(name, data.decode("utf-8-sig", errors="replace"), path=path)
        return source, (_not_utf8(Span(source, len(before), len(before) + 1), data),)


def unreadable_file(label: Label, name: str, error: OSError | ValueError) -> Diagnostic:
    """R701: a file that is not there or cannot be read; R702: one that lies elsewhere.

    Args:
        label: Where the file is named.
        name: Its name in messages.
        error: Why it could not be read.
    """
    if isinstance(error, OutsideRoot):
        message = f'"{name}" leads through a link out of the recipe directory'
        return Diagnostic("R702", message, label, help=("put a copy in the place of the link",))
    if isinstance(error, FileNotFoundError):
        return Diagnostic("R701", f'the file "{name}" does not exist', label)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Diagnostic("R701", f'the file "{name}" cannot be read: {reason.lower()}', label)


def _no_mapping(source: Source, root: Node | None) -> Diagnostic:
    if root is None or not root.span.text:
        label = Label(Span(source, 0, 0), "nothing here")
        return Diagnostic("R109", f'"{source.name}" is empty', label, help=('write "key: value"',))
    return Diagnostic(
        "R109",
        f'"{source.name}" holds no mapping of keys to values',
        Label(root.span, 'expected "key: value" lines'),
    )


def _disallowed_span(source: Source, start: int) -> Span | None:
    """Return the first character that the parser refuses, or that is a byte order mark."""
    refused = Reader.NON_PRINTABLE.search(source.text, start)
    end = refused.start() if refused else len(source.text)
    mark = source.text.find("\ufeff", start, end)
    at = mark if mark >= 0 else end
    return Span(source, at, at + 1) if at < len(source.text) else None


def _disallowed_character(span: Span) -> Diagnostic:
    return Diagnostic(
        "R108",
        f"the character U+{ord(span.text):04X} is not allowed in YAML",
        Label(span, "a control character"),
        help=("remove it, or write it as an escape in double quotes",),
    )


def _not_utf8(span: Span, data: bytes) -> Diagnostic:
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return Diagnostic(
        "R108",
        f'"{span.source.name}" is not UTF-8 text{" but UTF-16" if utf16 else ""}',
        Label(span, "the first byte that is not UTF-8"),
        help=("save the file as UTF-8",),
    )


def _file_too_large(source: Source) -> Diagnostic:
    return Diagnostic(
        "R105",
        f'"{source.name}" is larger than {MAX_BYTES // 1_000_000} MB',
        Label(Span(source, 0, 0)),
        help=("keep data such as token lists in files of their own",),
    )
