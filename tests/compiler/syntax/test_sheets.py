"""What becomes of texts: the tree with its places, the findings, and the text after their fixes."""

import re
from pathlib import Path

import pytest

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.read import read_text
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, children
from tests.compiler.sheet_kit import Row, row_name, sheet
from tests.compiler.told_kit import told

HERE = Path(__file__).parent
CODE = re.compile(r"<U\+([0-9A-F]{4})>")
"""A character that cannot be seen in a sheet."""


def decoded(text: str) -> str:
    return CODE.sub(lambda match: chr(int(match[1], base=16)), text)


def encoded(text: str) -> str:
    return re.sub(r"[^\n\t\x20-\x7e]", lambda match: f"<U+{ord(match[0]):04X}>", text)


def after(text: str, finding: Diagnostic) -> str:
    assert finding.fix
    for edit in sorted(finding.fix.edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def tree(node: Node, name: str = "") -> list[str]:
    """Return a line for every node: its value, style and text, and the way that it came."""
    steps = "".join(f" <- {step.how} {step.span.text!r}" for step in node.via)
    if isinstance(node, Scalar):
        return [f"{name} = {node.value!r} {node.style} {node.span.text!r}{steps}"]
    lines = [f"{name}: {type(node).__name__.lower()} {node.span.text!r}{steps}"]
    if isinstance(node, Mapping):
        for entry in node:
            key = entry.key
            way = "".join(f" <- {step.how} {step.span.text!r}" for step in key.via)
            lines.append(f"{name}.{entry.name} key {key.style} {key.span.text!r}{way}")
    for step, child in children(node):
        lines += tree(child, f"{name}.{step}")
    return lines


def words(node: Node) -> list[str]:
    """Return where every word of the texts of a tree stands."""
    if not isinstance(node, Scalar):
        return [line for _, child in children(node) for line in words(child)]
    if not isinstance(node.value, str):
        return []
    lines = []
    for word in re.finditer(r"\S+", node.value):
        span = scalar_span(node, *word.span())
        line, column = span.source.line_column(span.start)
        lines.append(f"{word[0]!a} at {line}:{column} {span.text!a}")
    return lines


@pytest.mark.parametrize("row", sheet(HERE / "texts.txt"), ids=row_name)
def test_what_becomes_of_a_text(row: Row) -> None:
    text = decoded(row.text)
    root, found = read_text(Source("f", text))
    lines = told(found)
    for finding in found:
        if finding.fix and len(found) == 1:
            mended = after(text, finding)
            again = [each.code for each in read_text(Source("f", mended))[1]]
            lines += [f"mended ({', '.join(again) or 'clean'}):", mended.rstrip("\n")]
    lines += tree(root) if root is not None else []
    row.check(encoded("\n".join(lines)))


@pytest.mark.parametrize("row", sheet(HERE / "words.txt"), ids=row_name)
def test_where_words_stand(row: Row) -> None:
    root, _ = read_text(Source("f", decoded(row.text)))
    assert root is not None
    row.check("\n".join(words(root)))
