"""Tensors of a batch that are compared item by item, and have not the same number of axes.

Passes: ``F.mse_loss(self.head(x).squeeze(-1), target)``; ``points[:, None] - points``, all pairs.
Fails: ``F.mse_loss(self.head(x), target)`` and ``self.head(x) - target`` where the layer gives
(batch, 1) and ``target`` is (batch,).
"""

import ast

from espnet3_compiler.checks.data.bodies import FunctionBody
from espnet3_compiler.checks.shapes.meanings.axes import rank_of
from espnet3_compiler.checks.shapes.values import CallArgument, Tensor, Value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span


def compared_finding(loss: str, guess: CallArgument, target: CallArgument) -> Diagnostic | None:
    """Return R921 for what a loss compares.

    Args:
        loss: The loss.
        guess: Its first argument.
        target: Its second one.
    """
    if not guess.place or not target.place or not _are_apart(guess.value, target.value):
        return None
    larger = guess if _rank(guess.value) > _rank(target.value) else target
    longer = larger.place.text if larger.place else ""
    return _finding(f"{loss} compares", guess.value, target.value, guess.place.span, longer)


def difference_finding(
    node: ast.BinOp | ast.AugAssign, left: Value, right: Value, body: FunctionBody
) -> Diagnostic | None:
    """Return R921 for a difference of a field of a batch and what a layer gives with an axis more.

    Args:
        node: The difference.
        left: Its first value.
        right: The other one.
        body: The function in which it stands.
    """
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return None
    long, short = (left, right) if _rank(left) > _rank(right) else (right, left)
    made = isinstance(long, Tensor) and all(_is_made_single(shape[-1:]) for shape in long.shapes)
    field = isinstance(short, Tensor) and short.meaning.field
    if not made or not field or not _are_apart(left, right) or _rank(long) != _rank(short) + 1:
        return None
    longer = ast.unparse(node.left if long is left else node.right)
    return _finding("the difference is of", left, right, body.span_in(node), longer)


def _is_made_single(last: tuple[object, ...]) -> bool:
    """Return whether an axis is the only number that a layer gives."""
    size = last[0] if last else None
    return bool(size and getattr(size, "layer", None) and getattr(size, "value", 0) == 1)


def _rank(value: Value) -> int:
    return rank_of(value) or 0


def _are_apart(one: Value, other: Value) -> bool:
    """Return whether two tensors have the batch first, and another number of axes."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return False
    first = one.meaning.batch == 0 and other.meaning.batch == 0
    return first and 0 not in (_rank(one), _rank(other)) and _rank(one) != _rank(other)


def _finding(what: str, one: Value, other: Value, span: Span, longer: str) -> Diagnostic:
    shown = _shown(one), _shown(other)
    return Diagnostic(
        "R921",
        f"{what} tensors of the shapes {shown[0]} and {shown[1]}: all pairs of items, not each "
        "with its own",
        Label(span, f"{shown[0]} and {shown[1]}"),
        help=(f"give both the same shape, for example by {longer}.squeeze(-1)",),
    )


def _shown(value: Value) -> str:
    shape = value.shapes[0] if isinstance(value, Tensor) else ()
    sizes = ["batch", *(str(size.value) if size else "…" for size in shape[1:])]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
