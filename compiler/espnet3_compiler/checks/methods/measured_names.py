"""Metrics that the recipe's code reads by name from what ``measure`` wrote.

Passes: ``json.loads(text)["metrics"]["wer"]`` where a metric is named ``wer``.
Fails: the same where the metric is now called ``word_error_rate``.

Only what is read from JSON counts: ``configs["metrics"]["metrics"]`` is another thing.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import RecipeModule, recipe_modules
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Mapping, Sequence
from espnet3_compiler.syntax.unknown_name import format_names

_LIST = "metrics"
"""The key of the metrics in a config, and of their scores in the file of ``measure``."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R436, once for each name of a module."""
    names = _metric_names(recipe, resolved)
    for module in recipe_modules(recipe, resolved) if names else ():
        if b"metrics" in module.file.content and module.file.wrong is None:
            yield from _check_module(module, names)


def _metric_names(recipe: Recipe, resolved: Resolved) -> dict[str, Mapping]:
    """Return the metrics of a recipe by name; nothing where one is not known."""
    found: dict[str, Mapping] = {}
    for name, config in configs_in_role(recipe, resolved, "metrics"):
        items = config.get(_LIST)
        if not recipe.complete or not resolved.is_certain(name) or not isinstance(items, Sequence):
            return {}
        for item in items.items:
            if not isinstance(item, Mapping) or not text_of(item.get("name")):
                return {}
            found[text_of(item.get("name"))] = item
    return found


def _check_module(module: RecipeModule, names: dict[str, Mapping]) -> Iterator[Diagnostic]:
    seen = set(names)
    nodes = list(ast.walk(module.file.tree))
    variables = {
        target.id
        for item in nodes
        if isinstance(item, ast.Assign) and _reads_json(item.value)
        for target in item.targets
        if isinstance(target, ast.Name)
    }
    for item in nodes:
        match item:
            case ast.Subscript(
                value=ast.Subscript(value=scores, slice=ast.Constant(value="metrics")),
                slice=ast.Constant(value=str(name)) as key,
                ctx=ast.Load(),
            ) if name not in seen and (
                _reads_json(scores) or (isinstance(scores, ast.Name) and scores.id in variables)
            ):
                seen.add(name)
                yield _finding(module, key, name, names)


def _reads_json(node: ast.expr) -> bool:
    """Return whether an expression is a call of ``json.loads`` or ``json.load``."""
    name = dotted_name(node.func) if isinstance(node, ast.Call) else None
    return name is not None and name.rpartition(".")[2] in ("loads", "load")


def _finding(
    module: RecipeModule, key: ast.Constant, name: str, names: dict[str, Mapping]
) -> Diagnostic:
    """Return the finding about a name.

    Args:
        module: The module that reads it.
        key: The literal in the module.
        name: The name.
        names: The metrics that there are.
    """
    near = closest_match(name, sorted(names)) or (next(iter(names)) if len(names) == 1 else None)
    other = [Label(use_location(names[near].entries[0].key), "this one?")] if near else []
    return Diagnostic(
        "R436",
        f'the scores have no metric "{name}"',
        Label(module.file.expression_span(key), "read here"),
        (Label(use_location(module.name), "imported for this"), *other),
        (f'did you mean "{near}"?' if near else f"the metrics are {format_names(sorted(names))}",),
    )
