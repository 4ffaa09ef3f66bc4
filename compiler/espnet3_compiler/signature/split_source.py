"""Split the text of a module at its functions and classes, so that only the needed ones are parsed.

``ast.parse`` of ``torch/optim/lr_scheduler.py`` takes 30 ms, and a recipe needs one constructor
of it. So the text is cut into *pieces* (``def`` and ``class`` statements with their decorators)
and a *skeleton* (the rest, with blank lines for the pieces): the skeleton is always parsed, a
piece only when it is needed. Where the skeleton is not Python, the complete text is parsed.
"""

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise

from msgspec import Struct

STRING_OR_COMMENT = (
    r'#[^\n]*|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""|'
    r"'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''|"
    r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|' + r"'[^'\\\n]*(?:\\.[^'\\\n]*)*'"
)
"""A comment, or a text in quotes; for ``re.DOTALL``."""
_DEFINITION_HEAD = r"[ \t]*(?:async[ \t]+)?(def|class)[ \t]+(\w+)"
_FIRST_STATEMENT = r":[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*([ \t]+)\S"


class Piece(Struct, frozen=True, array_like=True):
    """A ``def`` or ``class`` statement: its name and its lines, counted from 1, end included."""

    kind: str
    name: str
    first: int
    last: int


class Branch(Struct, frozen=True):
    """A statement of the skeleton, or a piece at the same level."""

    line: int
    statement: ast.stmt | None
    piece: Piece | None


class ModuleText:
    """The text of a module, with the offsets of its lines and strings."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset of the start of every line, and of the end of the text."""
        lengths = [len(line) + 1 for line in self._all_lines]
        found = [0, *accumulate(lengths[:-1])]
        return found if found[-1] == len(self.text) else [*found, len(self.text)]

    @cached_property
    def _string_bounds(self) -> tuple[list[int], list[int]]:
        spans = [
            m.span() for m in re.finditer(STRING_OR_COMMENT, self.text, re.DOTALL) if "\n" in m[0]
        ]
        return [start for start, _ in spans], [end for _, end in spans]

    def in_string(self, offset: int) -> bool:
        """Return whether an offset is inside a string of several lines."""
        starts, ends = self._string_bounds
        index = bisect_right(starts, offset - 1) - 1
        return index >= 0 and offset < ends[index]

    def line_of(self, offset: int) -> int:
        """Return the line of an offset, counted from 1."""
        return bisect_right(self.line_starts, offset)

    @cached_property
    def _all_lines(self) -> list[str]:
        return self.text.split("\n")

    def lines(self, first: int, last: int) -> str:
        """Return the lines ``first`` to ``last``, both included."""
        ended = last < len(self._all_lines)
        return "\n".join(self._all_lines[first - 1 : last]) + "\n" * ended


def parse_module(source: str) -> ast.Module:
    """Return the tree of a text, without Python's warnings.

    Raises:
        SyntaxError: The text is not Python, or nested too deeply for Python's parser.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except MemoryError:  # raised by Python's parser
            raise SyntaxError("too many nested parentheses or brackets") from None


def module_branches(text: ModuleText) -> list[Branch]:
    """Return the statements and pieces at the top level of a module, in order."""
    pieces = list(_cut_pieces(text, 1, len(text.line_starts) - 1, ""))
    try:
        body = parse_module(_make_skeleton(text, 1, len(text.line_starts) - 1, pieces, "")).body
    except SyntaxError:
        return _branches_of(parse_module(text.text).body, 0)
    return _merge_branches(body, pieces, 0)


def class_branches(text: ModuleText, piece: Piece) -> tuple[ast.ClassDef, list[Branch]]:
    """Return a class without its methods, and the statements and pieces of its body, in order."""
    source = text.lines(piece.first, piece.last)
    body = re.search(_FIRST_STATEMENT, source)
    indent = body[1] if body else ""
    shift = piece.first - 2
    if not indent or source[0] in " \t":
        node = _class_node(source)
        return node, _branches_of(node.body, shift)
    pieces = list(_cut_pieces(text, piece.first + 1, piece.last, indent))
    try:
        node = _class_node(_make_skeleton(text, piece.first, piece.last, pieces, indent + "pass"))
    except SyntaxError:
        node = _class_node(source)
        return node, _branches_of(node.body, shift)
    kept = [item for item in node.body if not isinstance(item, ast.Pass)]
    return node, _merge_branches(kept, pieces, shift)


@lru_cache(maxsize=1 << 12)
def function_node(text: ModuleText, piece: Piece) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """Return the tree of a function, parsed once; its line 2 is the piece's first."""
    node = _single_statement(text.lines(piece.first, piece.last))
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        raise SyntaxError("not a function")  # noqa: TRY004  it is one: the cut was wrong
    return node


def statement_at(text: ModuleText, line: int) -> ast.stmt | None:
    """Return the tree of the ``def`` or ``class`` on a line, without decorators; None if none is.

    Args:
        text: The module's text.
        line: The line, from 1.
    """
    source = text.lines(line, line)
    indent = source[: len(source) - len(source.lstrip())]
    piece = next(_cut_pieces(text, line, len(text.line_starts) - 1, indent), None)
    if piece is None or piece.first != line:
        return None
    return _single_statement(text.lines(piece.first, piece.last))


def assigned_value(text: ModuleText, first: int, last: int) -> ast.expr | None:
    """Return the value of the assignment on some lines; None when there is not exactly one.

    Args:
        text: The module's text.
        first: The first line of the assignment, from 1.
        last: Its last line.
    """
    source = text.lines(first, last)
    prefix = "if 1:\n" if source[:1] in " \t" else ""
    try:
        body = parse_module(prefix + source).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    body = body[0].body if prefix and isinstance(body[0], ast.If) else body
    found: ast.expr | None = getattr(body[0], "value", None) if len(body) == 1 else None
    return found


def piece_of(node: ast.stmt, shift: int) -> Piece | None:
    """Return the piece of a ``def`` or ``class`` node, or None for another statement."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    kind = "class" if isinstance(node, ast.ClassDef) else "def"
    return Piece(kind, node.name, first + shift, (node.end_lineno or first) + shift)


def _class_node(source: str) -> ast.ClassDef:
    node = _single_statement(source)
    if not isinstance(node, ast.ClassDef):
        raise SyntaxError("not a class")  # noqa: TRY004  as above
    return node


def _single_statement(source: str) -> ast.stmt:
    if source[:1] in " \t":
        block = parse_module("if 1:\n" + source).body[0]
        assert isinstance(block, ast.If)
        return block.body[0]
    return parse_module("\n" + source).body[0]


def _cut_pieces(text: ModuleText, first: int, last: int, indent: str) -> Iterator[Piece]:
    """Yield the pieces whose first line has exactly the indentation."""
    bounds = [*_statement_starts(text, first, last, indent), text.line_starts[last]]
    opened: int | None = None
    definition = re.compile(_DEFINITION_HEAD)
    for start, end in pairwise(bounds):
        head = definition.match(text.text, start)
        if opened is None:
            opened = start
        if head:
            yield Piece(head[1], head[2], text.line_of(opened), text.line_of(end - 1))
            opened = None
        elif text.text[start + len(indent)] != "@":
            opened = None


def _statement_starts(text: ModuleText, first: int, last: int, indent: str) -> Iterator[int]:
    pattern = re.compile(rf"^{indent}[^\s#)\]}}]", re.MULTILINE)
    for match in pattern.finditer(text.text, text.line_starts[first - 1], text.line_starts[last]):
        if not text.in_string(match.start()):
            yield match.start()


def _make_skeleton(
    text: ModuleText, first: int, last: int, pieces: list[Piece], filler: str
) -> str:
    parts: list[str] = []
    position = text.line_starts[first - 1]
    for piece in pieces:
        parts.append(text.text[position : text.line_starts[piece.first - 1]])
        parts.append(filler + "\n" * (piece.last - piece.first + 1))
        position = text.line_starts[piece.last]
    parts.append(text.text[position : text.line_starts[last]])
    return "".join(parts)


def _merge_branches(body: list[ast.stmt], pieces: list[Piece], shift: int) -> list[Branch]:
    found = [*_branches_of(body, shift), *(Branch(piece.first, None, piece) for piece in pieces)]
    return sorted(found, key=lambda branch: branch.line)


def _branches_of(body: list[ast.stmt], shift: int) -> list[Branch]:
    return [Branch(item.lineno + shift, item, piece_of(item, shift)) for item in body]
