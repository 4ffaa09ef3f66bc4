"""Find the modules of a recipe that its stages import, each with the name that leads to it."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.checks.targets.datasets import data_modules
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.definitions import ClassFound, absolute_module, class_at
from espnet3_compiler.signature.library import Library, ModuleFile
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import Import
from espnet3_compiler.signature.split_source import Piece
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

_TIMES = ("always", "called", "maybe")
"""When a module is imported, the most certain first."""


class RecipeModule:
    """A module of a recipe that something imports.

    Attributes:
        library: The modules of its recipe.
        location: Where it is.
        file: Its text and its imports.
        name: The value of the recipe that leads to it.
        time: How certainly it is imported: as the weakest import on the way to it.
        root: Whether ``name`` itself names it, or something in it.
    """

    def __init__(
        self,
        library: Library,
        location: ModuleLocation,
        file: ModuleFile,
        name: Scalar,
        time: str,
        *,
        root: bool,
    ) -> None:
        self.library = library
        self.location = location
        self.file = file
        self.name = name
        self.time = time
        self.root = root

    def imports(self) -> Iterator[tuple[Import, str]]:
        """Yield its imports, each with how certainly it runs."""
        for item in self.file.imports:
            yield item, max(item.time, self.time, key=_TIMES.index)

    @cached_property
    def classes(self) -> tuple[tuple[ClassFound, Piece], ...]:
        """The classes at its top, each with where it stands in the text."""
        bindings = self.file.module.bindings if self.file.module else {}
        pieces = [rows[-1].piece for rows in bindings.values()]
        kept = [piece for piece in pieces if piece is not None and piece.kind == "class"]
        found = [(class_at(self.library, self.location, piece), piece) for piece in kept]
        return tuple((one, piece) for one, piece in found if isinstance(one, ClassFound))


def imported_names(recipe: Recipe, resolved: Resolved) -> tuple[tuple[Path, Scalar], ...]:
    """Return the names that may be code of a recipe, each once, with the recipe's directory."""
    if "imported names" not in resolved.memo:
        first: dict[tuple[Path, str], Scalar] = {}
        for folder, name in _all_names(recipe, resolved):
            first.setdefault((folder, str(name.value)), name)
        resolved.memo["imported names"] = tuple((key[0], name) for key, name in first.items())
    names: tuple[tuple[Path, Scalar], ...] = resolved.memo["imported names"]
    return names


def _all_names(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[Path, Scalar]]:
    named = (target.node.get(TARGET) for target in find_targets(recipe, resolved))
    for name in (recipe.system.name, *named, *(stage.call for stage in recipe.stages)):
        if isinstance(name, Scalar):
            yield recipe.directory, name
    yield from data_modules(recipe, resolved)


def recipe_modules(recipe: Recipe, resolved: Resolved) -> tuple[RecipeModule, ...]:
    """Return the modules of a recipe that are imported, the most certainly imported first."""
    if "modules" not in resolved.memo:
        resolved.memo["modules"] = _find_modules(recipe, resolved)
    modules: tuple[RecipeModule, ...] = resolved.memo["modules"]
    return modules


def any_mentions(modules: Iterable[RecipeModule], words: tuple[bytes, ...]) -> bool:
    """Return whether one of some words is in the text of modules."""
    return any(word in module.file.content for module in modules for word in words)


def _find_modules(recipe: Recipe, resolved: Resolved) -> tuple[RecipeModule, ...]:
    search = _ModuleSearch({}, set())
    waiting: dict[str, list[tuple[Library, str, Scalar]]] = {time: [] for time in _TIMES}
    for folder, name in imported_names(recipe, resolved):
        waiting["always"].append((recipe.library.beside(folder), str(name.value), name))
    for time in _TIMES:
        while waiting[time]:
            library, path, name = waiting[time].pop(0)
            for module in search.new_modules(library, path, name, time):
                for item, when in module.imports():
                    for path in imported_paths(module.location, item):
                        waiting[when].append((library, path, name))
    return tuple(search.found.values())


def imported_paths(location: ModuleLocation, item: Import) -> tuple[str, ...]:
    """Return the dotted paths that an import of a module may lead to."""
    source = absolute_module(location, item.source)
    return (source, f"{source}.{item.name}") if item.name not in ("", "*") else (source,)


class _ModuleSearch(Struct, frozen=True):
    found: dict[tuple[str, str], RecipeModule]
    searched: set[tuple[str, str]]

    def new_modules(
        self, library: Library, path: str, name: Scalar, time: str
    ) -> Iterator[RecipeModule]:
        """Yield the modules of the recipe along a dotted path that were not found before."""
        recipe = library.path.recipe
        if (recipe, path) in self.searched:
            return
        self.searched.add((recipe, path))
        parts = path.split(".")
        for count in range(1, len(parts) + 1):
            location = library.find_module(".".join(parts[:count]))
            if location is None or not location.local:
                return
            file, key = library.file(location), (recipe, location.name)
            if file is not None and key not in self.found:
                root = time == "always" and path == str(name.value)
                self.found[key] = RecipeModule(library, location, file, name, time, root=root)
                yield self.found[key]
