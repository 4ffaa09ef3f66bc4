"""Keys that the recipe's code reads of a mapping that a config writes out, and that it lacks.

Passes: ``space: {lr: {low: 1, high: 2}}`` of a call whose function reads ``limits["low"]``.
Fails: ``space: {lr: {min: 1, max: 2}}`` of the same; ``conf: {layer: 2}`` of a class whose
constructor reads ``conf["layers"]``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, constructor_of, function_body
from espnet3_compiler.checks.refusals.mapping_reads import MissingKey, missing_key
from espnet3_compiler.checks.targets.nodes import find_targets, flag_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Sequence
from espnet3_schemas import TARGET

_LONG = 4  # letters: shorter names are alike by chance


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R503."""
    found = []
    for path, given in _called(recipe, resolved):
        body = _body(recipe.library, path) if given else None
        wrong = missing_key(recipe.library, body, given) if body else None
        if wrong:
            found.append(_finding(path, wrong))
    yield from first_per_location(found)


def _called(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[str, dict[str, Node]]]:
    """Yield what is called with mappings and lists, and these by the names of the arguments."""
    for stage in recipe.stages:
        block = resolved.calls.get(str(stage.name.value)) if stage.call else None
        given = block.get("with") if block else None
        if stage.call and isinstance(given, Mapping):
            yield str(stage.call.value), _plain(given)
    for target in find_targets(recipe, resolved):
        path = text_of(target.node.get(TARGET))
        if target.judged and path and not flag_value(target.node, "_partial_"):
            yield path, _plain(target.node)


def _plain(given: Mapping) -> dict[str, Node]:
    """Return the arguments that are mappings or lists and no objects."""
    return {
        one.name: one.value
        for one in given
        if (isinstance(one.value, Mapping) and not one.value.entry(TARGET))
        or (
            isinstance(one.value, Sequence) and any(isinstance(x, Mapping) for x in one.value.items)
        )
    }


def _body(library: Library, path: str) -> FunctionBody | None:
    constructor = constructor_of(library, path)
    return constructor.body if constructor else function_body(library, path)


def _finding(path: str, wrong: MissingKey) -> Diagnostic:
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
