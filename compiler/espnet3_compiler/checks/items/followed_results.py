"""Results that come from another method of the recipe, and are plainly no mappings.

Passes: ``return [{"text": self._text(path)} for path in best]`` in a runner; ``return self._item(
row)`` in a ``Dataset``, where that method gives a mapping.
Fails: ``return [self._text(path) for path in best]`` where ``def _text(self, ids) -> str``;
``return list(map(self._text, best))``; a preprocessor's ``return self._encode(sample["text"])``.

What is written out as something else in the function itself is told by ``data/results.py``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import first_entries, placed_method, returned_values
from espnet3_compiler.checks.data.certain_code import (
    assigned_values,
    listed_items,
    makes_mapping,
)
from espnet3_compiler.checks.data.results import (
    ITEMS,
    MAPPING,
    annotated_texts,
    is_wrong,
    method_used,
    used_targets,
)
from espnet3_compiler.checks.item_kinds.kinds import ARRAY, NUMBER, TEXT, Maker
from espnet3_compiler.checks.item_kinds.makers import field_kind
from espnet3_compiler.checks.item_kinds.values import called_body
from espnet3_compiler.checks.targets.datasets import entry_span
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_schemas import TARGET

_PLAIN = (TEXT, ARRAY)
"""What is said of an expression; what a method of an unknown object gives may be no number."""

_SHOWN = {TEXT: "a text", NUMBER: "a number", ARRAY: "an array"}
_LISTS = (ast.List, ast.Tuple, ast.ListComp, ast.Set)
_ANNOTATED_LISTS = ("list[", "List[", "tuple[", "Tuple[")
_DEPTH = 4


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each expression."""
    found: list[Diagnostic] = []
    for target in used_targets(recipe, resolved) if recipe.complete else ():
        path = as_text(target.node.get(TARGET))
        method, wanted = method_used(target.path)
        if path and target.judged and wanted in (ITEMS, MAPPING):
            place = (str(path.value), method)
            found += _check_method(recipe.library, place, wanted, use_location(path))
    for data in first_entries(recipe.stages, recipe, resolved):
        place = (f"{data.module}.Dataset", "__getitem__")
        found += _check_method(data.library, place, MAPPING, entry_span(data))
    yield from first_per_location(found)


def _check_method(
    library: Library, place: tuple[str, str], wanted: str, used: Span
) -> Iterator[Diagnostic]:
    """Report a method of which all results are of another kind, some of them by another method.

    Args:
        library: Reads modules.
        place: The dotted path of the class, and the method.
        wanted: What its result is used as.
        used: Where the class is used.
    """
    placed = placed_method(library, *place)
    values = returned_values(placed.body.node) if placed else []
    if placed is None or not values or annotated_texts(placed.body.node):
        return
    node = placed.body.node
    maker = Maker(library, place[0], placed.body, placed.position, {})
    plain = [is_wrong(node, one, wanted) for one in values]
    wrong = [_wrong_part(one, wanted, maker) for one in values]
    first = next((one for one in wrong if one), None)
    if first and not all(plain) and all(map(any, zip(plain, wrong, strict=True))):
        what = _SHOWN.get(field_kind(first, maker).name, "a list")
        yield Diagnostic(
            "R428",
            f"{place[0]}.{place[1]} must return {wanted}, and this is {what}",
            Label(placed.body.span_in(first), "no mapping"),
            (Label(used, "used here"),),
            (f"return {wanted}: {{NAME: {ast.unparse(first)}}}",),
        )


def _wrong_part(value: ast.expr, wanted: str, maker: Maker, depth: int = 0) -> ast.expr | None:
    """Return what is no mapping of a result; None where it may be right.

    Args:
        value: The result.
        wanted: What it is used as.
        maker: The function in which it stands.
        depth: How many names and functions were followed.
    """
    if depth > _DEPTH:
        return None
    if wanted == MAPPING:
        return value if _is_no_mapping(value, maker, depth) else None
    node = maker.body.node
    parts = listed_items(value, node, returned_values(node))
    if parts:
        return parts[0] if all(_is_no_mapping(one, maker, depth) for one in parts) else None
    body = called_body(value, maker) if isinstance(value, ast.Call) else None
    if body:
        inner = returned_values(body.body.node)
        every = [_wrong_part(one, wanted, body, depth + 1) for one in inner]
        lists = bool(every) and all(every)
        return value if lists or annotated_texts(body.body.node) else None
    return value if field_kind(value, maker).name in _PLAIN else None


def _is_no_mapping(value: ast.expr, maker: Maker, depth: int) -> bool:
    """Return whether an expression is certainly a text, a number, an array or a list."""
    if isinstance(value, _LISTS) or depth > _DEPTH:
        return depth <= _DEPTH
    body = called_body(value, maker) if isinstance(value, ast.Call) else None
    if field_kind(value, maker).name in (*_PLAIN, *((NUMBER,) if body else ())):
        return True
    match value:
        case ast.Call(func=ast.Attribute(attr="tolist"), args=[]):
            return True
        case ast.Name(id=name):
            given = assigned_values(maker.body.node, name) or []
            return bool(given) and all(_is_no_mapping(one, maker, depth + 1) for one in given)
    if body is None:
        return False
    node = body.body.node
    said = ast.unparse(node.returns) if node.returns else ""
    inner = [_is_no_mapping(one, body, depth + 1) for one in returned_values(node)]
    return (bool(inner) and all(inner)) or (
        said.startswith(_ANNOTATED_LISTS) and not makes_mapping(node)
    )
