"""Where the modules of a recipe lie."""

import os
from pathlib import Path

Parts = tuple[str, ...]


def is_local(name: str, base: Path) -> bool:
    """Say whether the first part of a dotted name is a module or package of the recipe."""
    first = name.partition(".")[0]
    return first.isidentifier() and locate_module(base, (first,)) is not None


def locate_module(base: Path, parts: Parts) -> Path | None:
    """Return the file of a module, or the directory of a package without ``__init__.py``."""
    if not all(part.isidentifier() for part in parts):
        return None
    place = os.path.join(base, *parts)  # noqa: PTH118 - asked some hundred times in a plan
    for file in (f"{place}/__init__.py", f"{place}.py"):
        if os.path.isfile(file):  # noqa: PTH113 - as above
            return Path(file)
    if os.path.isdir(place):  # noqa: PTH112 - as above
        return Path(place)
    return _extension(place)


def _extension(place: str) -> Path | None:
    """Return a compiled module of the recipe's own, ``name.<platform>.so``."""
    folder, name = os.path.split(place)
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return None
    found = [entry for entry in names if entry.startswith(f"{name}.")]
    found = sorted(entry for entry in found if entry.endswith((".so", ".pyd")))
    return Path(folder, found[0]) if found else None
