"""Keys that the recipe's code reads of a mapping that a config writes out, and that it lacks.

Passes: ``space: {lr: {low: 1, high: 2}}`` of a call whose function reads ``limits["low"]``.
Fails: ``space: {lr: {min: 1, max: 2}}`` of the same; ``conf: {layer: 2}`` of a class whose
constructor reads ``conf["layers"]``.
"""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    constructor_of,
    default_values,
    function_body,
)
from espnet3_compiler.checks.targets.nodes import find_targets, flag_value
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Sequence
from espnet3_schemas import TARGET

if TYPE_CHECKING:
    from espnet3_compiler.checks.refusals.mapping_reads import MissingKey

_LONG = 4  # letters: shorter names are alike by chance


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R503."""
    called = ((path, given, _parts(given)) for path, given in _called(recipe, resolved))
    found = [_missing(recipe.library, *one) for one in called if one[-1]]
    yield from first_per_location(one for one in found if one)


def _called(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[str, Mapping]]:
    """Yield what is called, with the arguments that it is given."""
    for stage in recipe.stages:
        block = resolved.calls.get(str(stage.name.value)) if stage.call else None
        given = block.get("with") if block else None
        if stage.call and isinstance(given, Mapping):
            yield str(stage.call.value), given
    for target in find_targets(recipe, resolved):
        path = text_of(target.node.get(TARGET))
        if target.judged and path and not flag_value(target.node, "_partial_"):
            yield path, target.node


def _missing(
    library: Library, path: str, given: Mapping, parts: dict[str, Node]
) -> Diagnostic | None:
    """Return what is wrong with the arguments of a call that are mappings or lists of these."""
    from espnet3_compiler.checks.refusals.mapping_reads import missing_key

    body = _body(library, path)
    wrong = missing_key(library, body, parts, _numbers(body, given)) if body else None
    return _finding(path, wrong) if wrong else None


def _parts(given: Mapping) -> dict[str, Node]:
    """Return the arguments that are mappings or lists and no objects."""
    return {
        one.name: one.value
        for one in given
        if (isinstance(one.value, Mapping) and not one.value.entry(TARGET))
        or (
            isinstance(one.value, Sequence) and any(isinstance(x, Mapping) for x in one.value.items)
        )
    }


def _numbers(body: FunctionBody, given: Mapping) -> dict[str, int]:
    """Return the arguments that are whole numbers, by a config or by default."""
    found = {one.name: whole_number(one.value) for one in given}
    for name, default in default_values(body) if not given.entry("_args_") else ():
        value = default.value if isinstance(default, ast.Constant) else None
        found.setdefault(name, value if isinstance(value, int) else None)
    return {name: value for name, value in found.items() if value is not None}


def _body(library: Library, path: str) -> FunctionBody | None:
    constructor = constructor_of(library, path)
    return constructor.body if constructor else function_body(library, path)


def _finding(path: str, wrong: "MissingKey") -> Diagnostic:
    names = [one.name for one in wrong.node]
    alike = closest_match(wrong.key, names) if len(wrong.key) >= _LONG else None
    near = alike or next(iter(names), None)
    entry = wrong.node.entry(near) if near else None
    return Diagnostic(
        "R503",
        f'{path} reads "{wrong.key}" of a mapping that does not have it',
        Label(entry.key.span if entry else wrong.node.span, f'no "{wrong.key}" here'),
        (Label(wrong.body.span_in(wrong.place), "read here"),),
        (f"write {wrong.key}: …",),
    )
