"""Texts that a metric gives where the runtime reads numbers.

Passes: ``return {"recall": 100 * right / len(ref)}``.
Fails: ``return {"recall": f"{100 * right / len(ref):.1f} %"}``; ``return str(score)``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import placed_method, returned_values
from espnet3_compiler.checks.item_kinds.kinds import TEXT, FieldKind, Maker
from espnet3_compiler.checks.item_kinds.makers import field_kind, mapping_kinds
from espnet3_compiler.checks.targets.nodes import config_keys, find_targets, flag_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

_METHOD = "__call__"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each expression."""
    found: list[Diagnostic] = []
    for target in find_targets(recipe, resolved):
        path = as_text(target.node.get(TARGET))
        metric = config_keys(target.path) == ("metrics", "metric") and target.judged
        if path and metric and flag_value(target.node, "_partial_") is not True:
            found += _check_metric(recipe.library, path)
    yield from first_per_location(found)


def _check_metric(library: Library, path: Scalar) -> Iterator[Diagnostic]:
    placed = placed_method(library, str(path.value), _METHOD)
    if placed is None:
        return
    maker = Maker(library, str(path.value), placed.body, placed.position, {})
    for value in returned_values(placed.body.node):
        kinds = mapping_kinds(value, maker)
        for name, kind in kinds.fields.items() if kinds else ():
            if kind.name == TEXT and kind.node:
                yield _finding(kind, f'"{name}" of {path.value}', path)
        plain = kinds is None and not isinstance(value, ast.JoinedStr | ast.Constant)
        kind = field_kind(value, maker) if plain else FieldKind("")
        if kind.name == TEXT:
            yield _finding(kind, f"what {path.value}.{_METHOD} returns", path)


def _finding(kind: FieldKind, what: str, path: Scalar) -> Diagnostic:
    assert kind.body is not None
    assert kind.node is not None
    return Diagnostic(
        "R428",
        f"{what} is a text, and a metric gives numbers",
        Label(kind.body.span_in(kind.node), "a text"),
        (Label(use_location(path), "used here"),),
        ("give the number as it is; the attribute unit says what is shown behind it",),
    )
