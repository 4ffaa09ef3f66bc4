"""Hooks of Lightning that the recipe overrides, against the methods that they replace.

Passes: ``def on_train_epoch_end(self, trainer, pl_module)``; ``def setup(self, *args)``.
Fails: ``def on_train_epoch_end(self, trainer, pl_module, outputs)``, as in Lightning 1;
``def on_valid_epoch_end(self, trainer, pl_module)``, which nothing calls.
"""

import re
from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule, recipe_modules
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.definitions import (
    ClassFound,
    MroClass,
    definition_location,
    own_method,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import FunctionSummary
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.signature.result import NotAnalyzable
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.unknown_name import did_you_mean

_PACKAGES = ("lightning", "pytorch_lightning")
_HEARERS = ("Callback", "LightningModule", "LightningDataModule")
"""The classes whose methods Lightning calls."""
_POSITIONAL = ("positional", "both")
_PREFIX = "on_"
"""How the names of hooks begin, but for a few."""

_PHASES = {
    **dict.fromkeys(("valid", "val", "validation", "dev", "eval"), "validation"),
    **dict.fromkeys(("train", "training"), "training"),
}
"""What the phases of a training are called in the names of methods."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R429 for hooks with other arguments than Lightning gives, R441 for those of no name."""
    modules = recipe_modules(recipe, resolved)
    for module in modules:
        for found, _ in module.classes:
            if found.summary.bases:
                yield from _check_class(module, found, modules)


def _check_class(
    module: RecipeModule, found: ClassFound, modules: Sequence[RecipeModule]
) -> Iterator[Diagnostic]:
    order = resolution_order(module.library, found)
    if not any(map(_is_hearer, order)):
        return
    for name in found.summary.members:
        own = None if name.startswith("_") else _plain_method(module.library, found, name)
        base = _overridden(module.library, order, name) if own else None
        if own and base and (problem := _misfit(own, base[1])):
            yield _refused(module, found, own, base, problem)
        elif own and base is None and not _may_be_called(name, order, modules):
            yield from _check_name(module, found, own, order)


def _may_be_called(name: str, order: Sequence[MroClass], modules: Sequence[RecipeModule]) -> bool:
    """Return whether a method is one of a base, or code of the recipe names it elsewhere."""
    if any(isinstance(item, NotAnalyzable) for item in order):
        return True
    if any(isinstance(item, ClassFound) and name in item.summary.members for item in order[1:]):
        return True
    used = re.compile(rf"(?<!def )\b{name}\b")
    return any(used.search(module.file.text.text) for module in modules)


def _is_hearer(item: MroClass) -> bool:
    if not isinstance(item, ClassFound) or item.name not in _HEARERS:
        return False
    return item.location.name.partition(".")[0] in _PACKAGES


def _plain_method(library: Library, found: ClassFound, name: str) -> FunctionSummary | None:
    """Return a method that a class defines once, without decorators."""
    method = own_method(library, found, name)
    once = len(found.summary.members[name]) == 1
    return method if method and once and not method.decorators else None


def _overridden(
    library: Library, order: Sequence[MroClass], name: str
) -> tuple[ClassFound, FunctionSummary] | None:
    """Return the method that one of the first class in an order replaces, if it is Lightning's."""
    for item in order[1:]:
        if not isinstance(item, ClassFound):
            return None
        if name in item.summary.members:
            method = _plain_method(library, item, name)
            of_lightning = item.location.name.partition(".")[0] in _PACKAGES
            return (item, method) if method and of_lightning else None
    return None


def _misfit(own: FunctionSummary, base: FunctionSummary) -> str:
    """Return how a method differs from the one that it replaces; nothing where it can be called."""
    if any(item.kind == "args" for item in base.params):
        return ""
    given = [item for item in base.params if item.kind in _POSITIONAL]
    room = [item for item in own.params if item.kind in _POSITIONAL]
    needed = [item.name for item in room[len(given) :] if item.default is None]
    known = {item.name for item in base.params}
    needed += [
        item.name
        for item in own.params
        if item.kind == "keyword" and item.default is None and item.name not in known
    ]
    if needed:
        return f'needs "{needed[0]}", which Lightning does not give'
    least = [item.name for item in given if item.default is None]
    starred = any(item.kind == "args" for item in own.params)
    if len(room) < len(least) and not starred:
        return f'does not take "{least[len(room)]}", which Lightning gives'
    return ""


def _check_name(
    module: RecipeModule, found: ClassFound, own: FunctionSummary, order: Sequence[MroClass]
) -> Iterator[Diagnostic]:
    """Report a method that is named as a hook, or as one of another phase, and is none.

    Args:
        module: The module of the recipe.
        found: The class in it.
        own: Its method.
        order: The class and its bases.
    """
    bases = [item for item in order[1:] if isinstance(item, ClassFound)]
    known = {name for one in bases for name in one.summary.members if not name.startswith("_")}
    meant = next((name for name in sorted(known) if _words(name) == _words(own.name)), None)
    if meant is None and not own.name.startswith(_PREFIX):
        return
    near = meant or closest_match(own.name, [name for name in known if name.startswith(_PREFIX)])
    base = next(item.name for item in order if isinstance(item, ClassFound) and _is_hearer(item))
    yield Diagnostic(
        "R441",
        f"{found.location.name}.{found.name}.{own.name} is no hook of {base}: nothing calls it",
        Label(module.file.span_of(own.line, f"def {own.name}"), "never called"),
        (Label(use_location(module.name), "imported for this"),),
        did_you_mean(near) or (f"the hooks of {base} are its methods that begin with {_PREFIX}",),
    )


def _words(name: str) -> list[str]:
    """Return the words of a method's name, each phase under one name."""
    return [_PHASES.get(word, word) for word in name.split("_")]


def _refused(
    module: RecipeModule,
    found: ClassFound,
    own: FunctionSummary,
    base: tuple[ClassFound, FunctionSummary],
    problem: str,
) -> Diagnostic:
    """Return the finding about a hook.

    Args:
        module: The module of the recipe.
        found: The class in it.
        own: Its method.
        base: The method that it replaces, with its class.
        problem: What is wrong, as the end of a sentence.
    """
    place, method = base
    where = definition_location(place.location, method.line)
    names = ", ".join(item.name for item in method.params if item.kind in _POSITIONAL)
    return Diagnostic(
        "R429",
        f"{found.location.name}.{found.name}.{own.name} {problem}",
        Label(module.file.span_of(own.line, f"def {own.name}"), "called by Lightning"),
        (Label(use_location(module.name), "imported for this"),),
        (f"write def {own.name}({names})",),
        (f"it replaces {place.name}.{own.name}, at {where}",),
    )
