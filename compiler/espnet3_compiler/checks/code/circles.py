"""Circular imports that certainly fail.

Passes: two modules that import each other with ``import``, in functions, or below what is needed.
Fails: ``from .features import LogMel`` at the top of ``src/model.py`` beside ``from .model import
CTCModel`` at the top of ``src/features.py``: whichever is first finds the other one half read.

The imports are followed in the order in which Python runs them, from every name of the recipe
that leads to code; a circle is reported if no such name gets through.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import line_span
from espnet3_compiler.signature.definitions import absolute_module
from espnet3_compiler.signature.module_summary import Import
from espnet3_compiler.syntax.provenance import use_location

Modules = dict[str, RecipeModule]


class _Failure(Struct, frozen=True):
    """An import of a name that its module does not have yet, and the import that began it."""

    module: RecipeModule
    item: Import
    first: tuple[RecipeModule, Import]


class _UnknownCourseError(Exception):
    """An import that may or may not run, or bind, decides how the imports go on."""


class _Interpreter:
    """What Python has imported so far: the import that each module is at; None when done."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.at: dict[str, Import | None] = {}

    def run(self, name: str) -> _Failure | None:
        """Import a module of the recipe with the packages above it."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            module = self.modules.get(".".join(parts[:count]))
            failure = self.run_once(module) if module else None
            if failure:
                return failure
        return None

    def run_once(self, module: RecipeModule) -> _Failure | None:
        name = module.location.name
        if name in self.at:
            return None
        for item in module.file.imports:
            if item.time != "called":
                self.at[name] = item
                failure = self.run_import(module, item)
                if failure:
                    return failure
        self.at[name] = None
        return None

    def run_import(self, module: RecipeModule, item: Import) -> _Failure | None:
        source = absolute_module(module.location, item.source)
        below = f"{source}.{item.name}"
        if source not in self.modules and below not in self.modules:
            return None
        if item.time == "maybe":
            raise _UnknownCourseError
        failure = self.run(source)
        given = self.modules.get(source)
        if failure or item.name == "" or given is None:
            return failure
        if item.name != "*" and not self.is_bound(given, item.name):
            waiting = self.at[source]
            if below in self.modules:
                return self.run(below)
            if waiting and _is_bound_later(given, item.name, waiting):
                return _Failure(module, item, (given, waiting))
        return None

    def is_bound(self, module: RecipeModule, name: str) -> bool:
        """Return whether a module has bound a name by the import that it is at."""
        waiting, summary = self.at.get(module.location.name), module.file.module
        if summary is None:
            return True
        bound = summary.bindings.get(name, ())
        return any(waiting is None or item.first < waiting.line for item in bound)


def _is_bound_later(module: RecipeModule, name: str, waiting: Import) -> bool:
    summary = module.file.module
    assert summary is not None
    if summary.open or any(line < waiting.line for _, line in summary.stars):
        raise _UnknownCourseError
    return any(item.first >= waiting.line for item in summary.bindings.get(name, ()))


def check_circles(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R509 for imports that fail whatever name of the recipe is imported first."""
    recipes: dict[str, Modules] = {}
    for module in modules:
        recipes.setdefault(module.library.path.recipe, {})[module.location.name] = module
    for found in recipes.values():
        yield from _circles_of(found)


def _circles_of(modules: Modules) -> Iterator[Diagnostic]:
    runs = [_outcome(modules, name) for name, module in modules.items() if module.root]
    failures = [failure for _, failure in runs if failure]
    passed = {name for reached, failure in runs if not failure for name in reached}
    seen: set[frozenset[str]] = set()
    for failure in failures:
        circle = frozenset({failure.module.file.name, failure.first[0].file.name})
        if circle not in seen and failure.module.location.name not in passed:
            seen.add(circle)
            yield _finding(failure)


def _outcome(modules: Modules, name: str) -> tuple[frozenset[str], _Failure | None]:
    """Return the modules that importing one reaches, and the import that fails."""
    interpreter = _Interpreter(modules)
    try:
        failure = interpreter.run(name)
    except _UnknownCourseError:
        return frozenset(modules), None
    return frozenset(interpreter.at), failure


def _finding(failure: _Failure) -> Diagnostic:
    module, item = failure.module, failure.item
    other, begun = failure.first
    source, beside = module.file.source, other.file.source
    needs = f'"{source.name}" needs "{item.name}" of "{beside.name}", which imports it'
    advice = f'import "{item.name}" in the function that uses it, or move it to a third module'
    return Diagnostic(
        "R509",
        f"a circular import: {needs}",
        Label(line_span(source, item.line), f'"{item.name}" is not defined yet'),
        (
            Label(line_span(beside, begun.line), "this import comes before it"),
            Label(use_location(module.name), "imported for this"),
        ),
        help=(advice,),
    )
