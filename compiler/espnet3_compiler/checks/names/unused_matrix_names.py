"""Names of a matrix that nothing in their group uses: its rows would do the same work again.

Passes: ``matrix: {lr: [1e-3, 3e-4]}`` with ``optimizer: {lr: "${matrix.lr}"}``.
Fails: the same without ``${matrix.lr}``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.row_ids import ID
from espnet3_compiler.syntax.tree import Scalar


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R212, once for each name."""
    if not recipe.complete or resolved.incomplete:
        return
    fetched = {one.target[-1] for one in resolved.references if one.target[:1] == (MATRIX,)}
    if ID in fetched:  # what takes the id may take it apart
        return
    for name, key in _names_of_matrices(recipe).items():
        if name not in fetched and not is_mentioned(name, recipe):
            yield unused_name(key, "nothing uses", "the rows do not differ by it")


def is_mentioned(name: str, recipe: Recipe) -> bool:
    """Return whether a manifest has ``matrix.NAME`` somewhere, in names of stages for example."""
    return re.search(rf"\bmatrix\.{re.escape(name)}(?!\w)", recipe.source.text) is not None


def _names_of_matrices(recipe: Recipe) -> dict[str, Scalar]:
    """Return the names of all matrices, each where it stands first."""
    found: dict[str, Scalar] = {}
    for row in recipe.rows.values():
        for entry in row:
            if entry.name != ID:
                found.setdefault(entry.name, entry.key)
    return found


def unused_name(key: Scalar, users: str, label: str) -> Diagnostic:
    """Return R212 for a name of a matrix.

    Args:
        key: The name, where it stands first.
        users: What uses it, as the beginning of a sentence.
        label: What is said at it.
    """
    return Diagnostic(
        "R212",
        f'{users} "{key.value}" of the matrix',
        Label(key.span, label),
        help=(f'write "${{matrix.{key.value}}}" where the value belongs, or remove the name',),
    )
