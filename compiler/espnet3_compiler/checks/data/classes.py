"""The classes that make and read a recipe's data, and the methods that the runtime calls.

Passes: a ``Dataset`` with ``__len__`` and ``__getitem__``, own or inherited.
Fails: a ``Dataset`` without ``__len__``; a ``DatasetBuilder`` with ``is_source_ready``; the stage
``create_dataset`` where no module has a ``DatasetBuilder``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import class_of, python_span, recipe_library
from espnet3_compiler.checks.targets.datasets import (
    DatasetEntry,
    dataset_entries,
    entry_span,
    is_available,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stages_of_kind
from espnet3_compiler.signature import classes, definitions, resolve_name
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.result import Missing
from espnet3_compiler.syntax.unknown_name import format_names

_METHODS = {
    "Dataset": ("__len__", "__getitem__"),
    "DatasetBuilder": ("is_source_prepared", "prepare_source", "is_built", "build"),
}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R425 for methods that a class lacks, R811 where there is nothing to prepare."""
    first: dict[str, Diagnostic] = {}
    for stage in recipe.stages:
        if not is_custom_kind(stage, recipe):
            for data in _entries_of(stage, recipe, resolved):
                for name in _METHODS if is_available(data) else ():
                    for found in _check_class(data, name):
                        first.setdefault(found.message, found)
    yield from first.values()
    for stage in stages_of_kind("create_dataset", recipe):
        if recipe.complete and not recipe.system.own:
            yield from _check_builders(stage, recipe, resolved)


def _entries_of(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> list[DatasetEntry]:
    roles = ("training", "inference")
    names = [one.config for one in stage.configs if one.role in roles]
    configs = [resolved.configs[name] for name in names if name in resolved.configs]
    library = recipe_library(recipe)
    return [one for config in configs for one in dataset_entries(library, config, certain=True)]


def _check_class(data: DatasetEntry, name: str) -> Iterator[Diagnostic]:
    found = class_of(data.library, f"{data.module}.{name}")
    if found is None or not found.location.local or found.summary.metaclass:
        return
    order = resolve_name.resolution_order(data.library, found)
    if not all(isinstance(one, ClassFound) and not one.summary.open for one in order):
        return
    known = resolve_name.attributes_of(data.library, found)
    if "__getattr__" in known or found.summary.decorators:
        return
    missing = [
        method
        for method in _METHODS[name]
        if method not in known and classes.find_method(data.library, order, method) is None
    ]
    if missing:
        yield _incomplete_class(data, name, missing, [one for one in known if one[:1] != "_"])


def _incomplete_class(
    data: DatasetEntry, name: str, missing: list[str], known: list[str]
) -> Diagnostic:
    found = class_of(data.library, f"{data.module}.{name}")
    assert found is not None
    near = closest_match(missing[0], [one for one in known if one not in _METHODS[name]])
    method = definitions.own_member(found, near) if near else None
    line, word = found.summary.line, name
    if near and isinstance(method, FunctionFound):
        summary = data.library.function(found.location, method.pieces[-1])
        line, word = (summary.line, near) if summary else (line, word)
    advice = f"write def {missing[0]} in the class"
    return Diagnostic(
        "R425",
        f"{data.module}.{name} lacks {format_names(missing)}",
        Label(python_span(data.library, found.location, line, word), "called by the runtime"),
        related=(Label(entry_span(data), "these data"),),
        help=(f'did you mean to call "{near}" {missing[0]}?' if near else advice,),
    )


def _check_builders(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report a stage that prepares nothing: no module of its data has a builder."""
    entries = _entries_of(stage, recipe, resolved)
    certain = all(resolved.is_certain(binding.config) for binding in stage.configs)
    found = [_lacks_builder(data) for data in entries]
    if not found or not certain or not all(found):
        return
    module = entries[0].module
    yield Diagnostic(
        "R811",
        f'stage "{stage.name.value}" prepares nothing: "{module}" has no DatasetBuilder',
        Label(stage.name.span, "nothing to do"),
        help=(f"import a class DatasetBuilder in {module}/__init__.py, or remove the stage",),
    )


def _lacks_builder(data: DatasetEntry) -> bool:
    if not is_available(data):
        return False
    found = resolve_name.find_definition(data.library, f"{data.module}.DatasetBuilder")
    return isinstance(found, Missing) and found.prefix == data.module
