"""Code as this process read it first, so that receipts sign what stages import.

Somebody may edit code while a run is under way. What was read for a plan is what is imported, and
what was imported is what later plans read; bytecode, which is as good as a time in seconds, is not
used.  Standard library, installed packages and this runtime are imported as ever.
"""

import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

OURS = frozenset({"espnet3_runtime", "espnet3_schemas", "espnet3_compiler"})
_STANDARD = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
_held: dict[Path, bytes] = {}
_places: dict[tuple[Path, tuple[str, ...]], Path] = {}


def hold_code() -> None:
    """From now on read and import each file of code once."""
    if _HoldingFinder not in sys.meta_path:
        sys.meta_path.insert(0, _HoldingFinder)


def read_code(path: Path) -> bytes:
    """Return the content of a file of code; the first that was read, once code is held."""
    if _HoldingFinder not in sys.meta_path:
        return path.read_bytes()
    if path not in _held:
        _held[path] = path.read_bytes()
    return _held[path]


def held_place(
    name: tuple[Path, tuple[str, ...]], search: Callable[[Path, tuple[str, ...]], Path | None]
) -> Path | None:
    """Return where a module lies; the first place that was found, once code is held."""
    found = _places.get(name) or search(*name)
    if found is not None and _HoldingFinder in sys.meta_path:
        _places[name] = found
    return found


def edited_code() -> list[Path]:
    """Return files of code that have another content now than the one that is held."""
    return [path for path, held in _held.items() if _content(path) != held]


@cache
def outside_root(package: str) -> Path | None:
    """Return where a package without a fixed version is imported from; None for others.

    Packages have none that lie on ``PYTHONPATH`` or are installed in editable mode.
    """
    if package in sys.stdlib_module_names or package in OURS:
        return None
    spec = _find_package(package)
    places = [] if spec is None else spec.submodule_search_locations or [spec.origin or ""]
    roots = [Path(place).parent for place in places if Path(place).is_absolute()]
    return next((root for root in roots if not _is_fixed(root)), None)


def is_importable(package: str) -> bool:
    """Say whether there is a top-level package or module of this name, without importing it."""
    return _find_package(package) is not None


def _find_package(package: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return None


class _HoldingLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(read_code(Path(path)), path)


class _HoldingFinder:
    """Finds what other finders find, and loads code without a fixed version from what is held."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        others: list[Any] = [finder for finder in sys.meta_path if finder is not cls]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            file = spec.loader.path
            if name.partition(".")[0] not in OURS and not _is_fixed(Path(file).parent):
                spec.loader = _HoldingLoader(spec.loader.name, file)
        return spec


@cache
def _is_fixed(directory: Path) -> bool:
    """Say whether a directory belongs to Python or to installed packages."""
    if directory.name in ("site-packages", "dist-packages") or directory in _STANDARD:
        return True
    if any(directory.glob("*.dist-info")):  # pip install --target
        return True
    return directory.parent != directory and _is_fixed(directory.parent)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
