"""Metrics that count with what they read: columns are texts.

Passes: ``abs(float(a) - float(b)) for a, b in zip(ref, hyp)``.
Fails: ``abs(a - b) for a, b in zip(ref, hyp)``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.flow import all_nodes
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

_NUMERIC = (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow)
"""Operators that no text has; ``+`` joins texts, ``*`` repeats and ``%`` formats them."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each expression."""
    found: list[Diagnostic] = []
    for target in find_targets(recipe, resolved):
        path = as_text(target.node.get(TARGET))
        keys = [part for part in target.path[2:] if isinstance(part, str)]
        if path and keys == ["metrics", "metric"]:
            body = method_body(recipe.library, str(path.value), "__call__")
            found += _check_body(body, path) if body else ()
    yield from first_per_location(found)


def _check_body(body: FunctionBody, path: Scalar) -> Iterator[Diagnostic]:
    columns = {one.arg for one in (*body.node.args.args[1:], *body.node.args.kwonlyargs)}
    stored = [
        one.id
        for one in all_nodes(body.node)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    ]
    values = {name for name in _items_of(body, columns) if stored.count(name) == 1}
    for item in all_nodes(body.node):
        match item:
            case ast.BinOp(op=operation, left=left, right=right) if isinstance(operation, _NUMERIC):
                named = [one for one in (left, right) if isinstance(one, ast.Name)]
                if any(one.id in values for one in named) and not columns & set(stored):
                    yield _finding(body, item, path)


def _items_of(body: FunctionBody, columns: set[str]) -> Iterator[str]:
    """Yield what loops over the columns of a metric call one of their values."""
    for item in all_nodes(body.node):
        match item:
            case (
                ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source)
            ):
                yield from _named(target, source, columns)


def _named(target: ast.expr, source: ast.expr, columns: set[str]) -> Iterator[str]:
    match target, source:
        case ast.Name(id=name), ast.Name(id=column) if column in columns:
            yield name
        case ast.Tuple(elts=names), ast.Call(func=ast.Name(id="zip"), args=args):
            for part, argument in zip(names, args, strict=False):
                yield from _named(part, argument, columns)


def _finding(body: FunctionBody, item: ast.BinOp, path: Scalar) -> Diagnostic:
    return Diagnostic(
        "R428",
        f"{path.value} counts with {ast.unparse(item)}, and the values of a metric are texts",
        Label(body.span_in(item), "of two texts"),
        (Label(use_location(path), "the metric"),),
        ("make numbers of them first: float(…)",),
    )
