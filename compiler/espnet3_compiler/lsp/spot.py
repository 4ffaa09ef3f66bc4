"""The key or value at an offset of a YAML text, and the reference in it."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.nodes import Call, JoinedKey, Lookup, Template
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.filesystem import Buffers, buffer_of
from espnet3_compiler.syntax.read import load_source, read_text
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, children


class Spot(Struct, frozen=True):
    """What stands at an offset.

    Attributes:
        path: Its path, which ends with the key if it is one.
        scalar: The key or value.
        is_key: Whether it is a key.
        tree: The text.
    """

    path: Path
    scalar: Scalar
    is_key: bool
    tree: Mapping


def read_tree(path: FilePath, buffers: Buffers) -> Mapping | None:
    """Return the tree of a file as the editor holds it; None where it is not YAML."""
    text = buffer_of(path, buffers)
    source = Source(path.name, text, path=path) if text is not None else None
    if source is None:
        source, _ = load_source(path, path.name, path.parent)
    node, _ = read_text(source) if source else (None, ())
    return node if isinstance(node, Mapping) else None


def find_spot(tree: Mapping, offset: int) -> Spot | None:
    """Return the key or value at an offset, its ends included."""
    return _find_below(tree, tree, (), offset)


def _find_below(tree: Mapping, node: Node, path: Path, offset: int) -> Spot | None:
    if isinstance(node, Scalar):
        return Spot(path, node, is_key=False, tree=tree) if covers(node.span, offset) else None
    if isinstance(node, Mapping):
        for entry in node:
            if covers(entry.key.span, offset):
                return Spot((*path, entry.name), entry.key, is_key=True, tree=tree)
    for step, child in children(node):
        if covers(child.span, offset) and (
            found := _find_below(tree, child, (*path, step), offset)
        ):
            return found
    return None


def covers(span: Span, offset: int) -> bool:
    """Return whether an offset lies in a span, or at its end."""
    return span.start <= offset <= span.end


def lookups_in(scalar: Scalar) -> Iterator[Lookup]:
    """Yield every ``${a.b}`` of a text, those inside others after them."""
    if isinstance(scalar.value, str) and "${" in scalar.value:
        pieces, _ = parse(scalar)
        yield from _lookups_of(pieces)


def _lookups_of(pieces: Template) -> Iterator[Lookup]:
    for piece in pieces:
        if isinstance(piece, Lookup):
            yield piece
            for key in piece.keys:
                if isinstance(key.name, JoinedKey):
                    yield from _lookups_of(key.name.parts)
                elif not isinstance(key.name, str):
                    yield from _lookups_of((key.name,))
        elif isinstance(piece, Call):
            for argument in piece.arguments:
                yield from _lookups_of(argument.parts)


def lookup_at(scalar: Scalar, offset: int) -> tuple[Lookup, int] | None:
    """Return the innermost reference at an offset, and the index of the step there."""
    found = [one for one in lookups_in(scalar) if covers(one.span, offset)]
    if not found:
        return None
    lookup = min(found, key=lambda one: one.span.end - one.span.start)
    steps = [index for index, key in enumerate(lookup.keys) if covers(key.span, offset)]
    return lookup, (steps[0] if steps else len(lookup.keys) - 1)


def lookup_names(lookup: Lookup) -> tuple[str, ...] | None:
    """Return the steps of a reference; None where one of them is a reference itself."""
    names = tuple(key.name for key in lookup.keys if isinstance(key.name, str))
    return names if len(names) == len(lookup.keys) else None
