"""The texts of all modules of a package: searched only for names that were not found otherwise."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from espnet3_compiler.filesystem import is_file
from espnet3_compiler.signature.library import Library

MAX_BYTES = 64 * 2**20
"""How many bytes of a package are read at most."""
_DEFINITION = rb"^(?:class|(?:async )?def)[ \t]+([A-Za-z]\w*)"


def package_names(library: Library, package: str) -> dict[str, tuple[str, ...]]:
    """Return the classes and functions of a package, with the modules that define each.

    Args:
        library: Reads modules.
        package: The name of a package.
    """
    key = ("package names", package)
    if key not in library.memo:
        found: dict[str, list[str]] = {}
        for module, text in package_texts(library, package):
            for name in set(re.findall(_DEFINITION, text, re.MULTILINE)):
                found.setdefault(name.decode(), []).append(module)
        library.memo[key] = {name: tuple(each) for name, each in found.items()}
    names: dict[str, tuple[str, ...]] = library.memo[key]
    return names


def package_texts(library: Library, package: str) -> list[tuple[str, bytes]]:
    """Return the modules of a package with their texts, read once for a check.

    Args:
        library: Finds the package.
        package: Its name.
    """
    key = ("package texts", package)
    if key not in library.memo:
        location = library.find_module(package)
        folders = location.folders if location else ()
        library.memo[key] = [
            (_module_name(package, Path(file).relative_to(folder)), text)
            for folder in folders
            for file, text in _module_texts(folder)
        ]
    texts: list[tuple[str, bytes]] = library.memo[key]
    return texts


def _module_name(package: str, file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _module_texts(folder: str) -> Iterator[tuple[str, bytes]]:
    read = 0
    for root, directories, files in os.walk(folder):
        directories.sort()
        for file in sorted(files):
            if file.endswith(".py") and read < MAX_BYTES and is_file(Path(root, file)):
                try:
                    content = Path(root, file).read_bytes()
                except OSError:
                    continue
                read += len(content)
                yield os.path.join(root, file), content  # noqa: PTH118  as os.walk gives it
