"""Find out what is being typed: the text is read with a mark in the place of the word.

A text that is being typed is seldom YAML, so several readings are tried: the word as a key, as a
value, with the lines below left out, and without other lines that are wrong themselves.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.lsp.readable import without_other_lines
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Node, Path, children

MARK = "espnet3completesthis"
_WORD_BEFORE = re.compile(r"[^\s,\[\]{}\"'#]*$")
_WORD_AFTER = re.compile(r"[\w./-]*")
_REFERENCE = re.compile(r"\$\{([^{}]*)$")
_ITEM = re.compile(r"[ \t]*(?:-[ \t]+)*$")
_CLOSING = {"{": "}", "[": "]"}


class Cursor(Struct, frozen=True):
    """What is being typed.

    Attributes:
        kind: ``key``, ``value``, or ``reference`` inside ``${``.
        path: The path of the mapping that gets the key, or of the value.
        word: What stands before the cursor.
        start: Where the word begins.
        end: Where it ends, behind the cursor.
        tree: The text as it was read, with the mark in it.
        closed: Of a key, whether its colon is there; of a reference, whether its brace is.
    """

    kind: str
    path: Path
    word: str
    start: int
    end: int
    tree: Mapping
    closed: bool = False


def find_cursor(text: str, offset: int) -> Cursor | None:
    """Return what is being typed at an offset, or None where that cannot be read."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    if re.search(r"(?:^|\s)#", line):
        return None
    if reference := _REFERENCE.search(line):
        return _in_reference(text, offset, reference[1])
    before = _WORD_BEFORE.search(line)
    after = _WORD_AFTER.match(text, offset)
    assert before
    assert after
    start, end = offset - len(before[0]), after.end()
    colon = re.match(r"[ \t]*:", text[end:])
    alone = _ITEM.match(line[: before.start()]) is not None
    keyed = [MARK] if colon else [f"{MARK}:", MARK] if alone else [MARK, f"{MARK}:"]
    for found in _readings(text, start, end, keyed):
        kind, path, tree = found
        return Cursor(kind, path, before[0], start, end, tree, colon is not None)
    return None


def _in_reference(text: str, offset: int, inner: str) -> Cursor | None:
    opened = offset - len(inner) - 2
    after = re.compile(r"[\w.]*").match(text, offset)
    assert after
    closed = text.startswith("}", after.end())
    for _, path, tree in _readings(text, opened, after.end() + closed, [MARK, f'"{MARK}"']):
        start = offset - len(inner.rpartition(".")[2])
        return Cursor("reference", path, inner, start, after.end(), tree, closed)
    return None


def _readings(
    text: str, start: int, end: int, marks: list[str]
) -> Iterator[tuple[str, Path, Mapping]]:
    """Yield the readings that are YAML and hold the mark."""
    yield from _readings_of(text, start, end, marks)
    if (mended := without_other_lines(text, start)) not in (text, None):
        yield from _readings_of(str(mended), start, end, marks)


def _readings_of(
    text: str, start: int, end: int, marks: list[str]
) -> Iterator[tuple[str, Path, Mapping]]:
    """Yield the readings of one text."""
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    begun = text[text.rfind("\n", 0, start) + 1 : start]
    closing = "".join(reversed([_CLOSING[one] for one in _open_brackets(begun)]))
    rest = [text[end:], text[end:line_end] + closing + text[line_end:]]
    rest += [text[end:line_end], text[end:line_end] + closing, closing]
    for after in dict.fromkeys(rest):
        for mark in marks:
            node, _ = read_text(Source("", text[:start] + mark + after))
            found = _find_mark(node, ()) if node else None
            if found and isinstance(node, Mapping):
                yield (*found, node)


def _open_brackets(line: str) -> list[str]:
    """Return the brackets of a line that nothing closes, texts in quotes and ``${…}`` left out."""
    left: list[str] = []
    for one in re.sub(r"\"[^\"]*\"|'[^']*'|\$\{[^{}]*\}", "", line):
        if one in _CLOSING:
            left.append(one)
        elif left and one == _CLOSING[left[-1]]:
            left.pop()
    return left


def _find_mark(node: Node, path: Path) -> tuple[str, Path] | None:
    if isinstance(node, Mapping) and any(MARK in entry.name for entry in node):
        return "key", path
    for step, child in children(node):
        if found := _find_mark(child, (*path, step)):
            return found
    if MARK in str(getattr(node, "value", "")):
        return "value", path
    return None
