"""Find the file of a module without importing anything: the recipe first, then ``sys.path``."""

import os
import sys
from collections.abc import Iterable
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Literal

from msgspec import Struct

from espnet3_compiler.filesystem import broken_link, is_directory

_COMPILED_PACKAGES = {"__init__" + suffix for suffix in (*EXTENSION_SUFFIXES, ".pyc")}
_STUB = "__init__.pyi"
ModuleKind = Literal["source", "package", "namespace", "stub", "extension", "builtin", "link"]


class ModuleLocation(Struct, frozen=True):
    """Where a module is.

    Attributes:
        name: Its dotted name.
        kind: ``package`` has an ``__init__.py``, ``namespace`` has none; ``stub`` is compiled and
            has a ``.pyi`` beside it, ``extension`` has none; ``link`` is a broken link in the
            recipe.
        file: Its Python file, for ``source``, ``package`` and ``stub``; otherwise empty.
        folders: The folders of its submodules; empty for a plain module.
        local: Whether it belongs to the recipe.
        shown: The file as a report names it, relative to the root it was found in.
    """

    name: str
    kind: ModuleKind
    file: str
    folders: tuple[str, ...]
    local: bool
    shown: str


class SearchPath:
    """The folders that hold top-level modules.

    Attributes:
        roots: Absolute folders in order.
        recipe: The recipe directory, the first of them.
        listings: The names in the folders that were looked into so far.
    """

    def __init__(
        self, roots: tuple[str, ...], recipe: str, listings: dict[str, frozenset[str]]
    ) -> None:
        self.roots = roots
        self.recipe = recipe
        self.listings = listings

    @cached_property
    def folder(self) -> Path:
        """The recipe directory."""
        return Path(self.recipe)

    @cached_property
    def recipes(self) -> Path:
        """The directory of all recipes, two above this one's where links lead to."""
        return self.folder.resolve().parent.parent

    def beside(self, recipe: Path) -> "SearchPath":
        """Return the search path of another recipe, to which the same listings belong."""
        path = search_path(recipe)
        return SearchPath(path.roots, path.recipe, self.listings)

    def with_roots(self, roots: tuple[str, ...]) -> "SearchPath":
        """Return a search path of the recipe with other folders, for example without its own."""
        return SearchPath(roots, self.recipe, self.listings)

    def list_folder(self, folder: str) -> frozenset[str]:
        """Return the names in a folder; none where it cannot be read."""
        found = self.listings.get(folder)
        if found is None:
            try:
                found = frozenset(os.listdir(folder))  # noqa: PTH208  twice as fast
            except OSError:
                found = frozenset()
            self.listings[folder] = found
        return found


def search_path(recipe: Path, paths: Iterable[str] | None = None) -> SearchPath:
    """Return the search path of a recipe: its directory, then ``paths`` (``sys.path``)."""
    own = str(recipe.absolute())
    given = sys.path if paths is None else paths
    rest = [str(Path(item).absolute()) for item in given if item]
    return SearchPath(tuple(dict.fromkeys([own, *rest])), own, {})


def find_top(path: SearchPath, name: str) -> ModuleLocation | None:
    """Return where a top-level module is, or None."""
    found = _find_module(path, name, path.roots, name)
    if found and found.local:
        return found
    if name in sys.builtin_module_names:
        return ModuleLocation(name, "builtin", "", (), local=False, shown=name)
    return found or _find_editable(path, name)


def find_below(path: SearchPath, parent: ModuleLocation, name: str) -> ModuleLocation | None:
    """Return where a submodule of a package is, or None.

    Args:
        path: The search path.
        parent: The package.
        name: The submodule's own name.
    """
    dotted = f"{parent.name}.{name}"
    found = _find_module(path, name, parent.folders, dotted)
    if found is None and parent.kind == "stub":  # a part of the compiled module
        return _stub_module(path, name, next(iter(parent.folders), ""), dotted)
    return found


def names_below(path: SearchPath, folders: Iterable[str]) -> tuple[str, ...]:
    """Return the sorted names of the modules in folders, for suggestions."""
    found: set[str] = set()
    for folder in folders:
        for item in path.list_folder(folder):
            stem, _, ending = item.partition(".")
            is_module = ending == "py" or f".{ending}" in EXTENSION_SUFFIXES
            is_folder = not ending and is_directory(Path(folder, item))
            if stem.isidentifier() and not stem.startswith("__") and (is_module or is_folder):
                found.add(stem)
    return tuple(sorted(found))


def _find_module(
    path: SearchPath, name: str, folders: Iterable[str], dotted: str
) -> ModuleLocation | None:
    portions: list[str] = []
    compiled = [name + suffix for suffix in EXTENSION_SUFFIXES]
    for folder in folders:
        listing = path.list_folder(folder)
        if name in listing:
            inner = f"{folder}{os.sep}{name}"
            if "__init__.py" in path.list_folder(inner):
                return _source_module(path, dotted, inner, "__init__.py")
            if not path.list_folder(inner).isdisjoint(_COMPILED_PACKAGES):
                return _compiled_module(path, dotted, folder, (inner,))
            if path.list_folder(inner):
                portions.append(inner)
        if not listing.isdisjoint(compiled):
            stub = _stub_module(path, name, folder, dotted)
            return stub or _compiled_module(path, dotted, folder, ())
        if name + ".py" in listing:
            return _source_module(path, dotted, folder, name + ".py")
        if name + ".pyc" in listing:
            return _compiled_module(path, dotted, folder, ())
    return _namespace_or_link(path, dotted, portions)


def _namespace_or_link(path: SearchPath, dotted: str, portions: list[str]) -> ModuleLocation | None:
    shown = dotted.replace(".", "/")
    if portions:
        local = portions[0].startswith(path.recipe + os.sep)
        return ModuleLocation(dotted, "namespace", "", tuple(portions), local, shown)
    above, _, last = f"{path.recipe}/{shown}".rpartition("/")
    if last in path.list_folder(above) and broken_link(path.folder / shown):
        return ModuleLocation(dotted, "link", "", (), local=True, shown=shown)
    return None


def _source_module(path: SearchPath, dotted: str, folder: str, file: str) -> ModuleLocation:
    full = f"{folder}{os.sep}{file}"
    is_package = file == "__init__.py"
    local = full.startswith(path.recipe + os.sep) and "site-packages" not in full
    shown = dotted.replace(".", "/") + ("/__init__.py" if is_package else ".py")
    kind: ModuleKind = "package" if is_package else "source"
    if local and broken_link(Path(full)):
        kind, full = "link", ""
    return ModuleLocation(dotted, kind, full, (folder,) if is_package else (), local, shown)


def _compiled_module(
    path: SearchPath, dotted: str, folder: str, folders: tuple[str, ...]
) -> ModuleLocation:
    local = folder.startswith(path.recipe) and "site-packages" not in folder
    return ModuleLocation(dotted, "extension", "", folders, local, dotted.replace(".", "/"))


def _stub_module(path: SearchPath, name: str, folder: str, dotted: str) -> ModuleLocation | None:
    """Return a compiled module with the ``.pyi`` in a folder that says what it has, or None."""
    inner, shown = f"{folder}{os.sep}{name}", dotted.replace(".", "/")
    if name + ".pyi" in path.list_folder(folder):
        return ModuleLocation(dotted, "stub", f"{inner}.pyi", (), local=False, shown=f"{shown}.pyi")
    if _STUB in path.list_folder(inner):
        file = f"{inner}{os.sep}{_STUB}"
        return ModuleLocation(dotted, "stub", file, (inner,), local=False, shown=f"{shown}/{_STUB}")
    return None


def _find_editable(path: SearchPath, name: str) -> ModuleLocation | None:
    """Look in the import hooks that setuptools' editable installs leave in ``sys.meta_path``."""
    for finder in sys.meta_path:
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
        target = mapping.get(name) if isinstance(mapping, dict) else None
        if isinstance(target, str):
            folder, _, file = target.rpartition(os.sep)
            if file.endswith(".py"):
                return _source_module(path, name, folder, file)
            return _find_module(path, file, (folder,), name)
    return None
