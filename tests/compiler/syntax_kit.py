"""Texts read as if they were files."""

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import to_python


def read(text: str) -> tuple[object, tuple[Diagnostic, ...]]:
    root, found = read_text(Source("f", text))
    return (to_python(root) if root is not None else None), found


def one(text: str) -> Diagnostic:
    _, found = read(text)
    assert len(found) == 1, [finding.message for finding in found]
    return found[0]
