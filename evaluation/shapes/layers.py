"""Layers of the recipes' own models that take more or fewer values than they get."""

import ast
import random
from collections.abc import Iterator
from pathlib import Path

from evaluation.shapes.model import Mistake, Mistakes

LAYERS = ("BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "GRU", "LSTM", "LayerNorm", "Linear")
"""Layers of ``torch.nn`` whose first argument is the size of what they get."""


def wrong_inputs(recipe: Path, rng: random.Random) -> Mistakes:
    """The first argument of a layer, some more or less than it should be."""
    for path in sorted((recipe / "src").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = [0]
        for line in text.splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        for size in _sizes(ast.parse(text)):
            start = lines[size.lineno - 1] + size.col_offset
            end = lines[(size.end_lineno or 0) - 1] + (size.end_col_offset or 0)
            wrong = f"({text[start:end]}) + {rng.choice((1, 2, 3, 8))}"
            yield Mistake("input size of a layer", f"src/{path.name}", start, end, wrong)


def _sizes(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            owner = node.func.value
            named = isinstance(owner, ast.Name) and owner.id == "nn"
            deeper = isinstance(owner, ast.Attribute) and owner.attr == "nn"
            if node.func.attr in LAYERS and (named or deeper):
                yield node.args[0]
