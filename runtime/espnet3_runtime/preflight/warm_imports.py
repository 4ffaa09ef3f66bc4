"""Import the packages that stages import anyway, so that what looks at them need not do it again.

The recipe's own code is not imported here: its effects (numbers, environment, warnings) belong to
the stage that imports it.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from espnet3_runtime.incremental.held_code import OURS, is_importable, outside_root, read_code
from espnet3_runtime.process.permanent_imports import permanent_imports

_OURS = ("torch", "numpy", "lightning.pytorch")
_READS_ENVIRONMENT = re.compile(
    rb"(\*\*|\bin |\bdict\()os\.environ\b(?![.\[])|\bos\.environ\.(get|copy)\(|environments?\b"
)
"""What only looks at the environment, and the word itself; anything else may set it."""


def import_packages(
    recipe_dir: Path, inputs: Iterable[Mapping[str, Any]], targets: Iterable[str]
) -> None:
    """Import what is installed of what stages name, and of what their modules import at their top.

    Nothing is imported where code of the recipe sets the environment or Python's path: that may be
    for a package which reads it when it is imported, or for another copy of it.

    Args:
        recipe_dir: The recipe's directory.
        inputs: The fingerprints of the stages.
        targets: Dotted names of their targets.
    """
    found = list(inputs)
    files = sorted({file for each in found for file in each["code"] if file.endswith(".py")})
    paths = [recipe_dir / file for file in files]
    texts = [read_code(path) for path in paths if path.is_file()]  # others lie in archives
    if any(_changes_imports(text) for text in texts):
        return
    packages = {name for each in found for name in each["versions"]}
    names = [name for name in _OURS if name.partition(".")[0] in packages]
    with permanent_imports():
        every = (*names, *targets, *(name for text in texts for name in _imports(text)))
        for name in dict.fromkeys(every):
            if _is_installed(name.partition(".")[0]):
                _import_name(name)


def _changes_imports(text: bytes) -> bool:
    """Say whether code may set the environment or Python's path."""
    left = _READS_ENVIRONMENT.sub(b"", text)
    return any(word in left for word in (b"environ", b"putenv", b"sys.path"))


def _imports(text: bytes) -> Iterator[str]:
    """Yield the dotted names that a module imports at its top."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def _is_installed(package: str) -> bool:
    return package not in OURS and outside_root(package) is None and is_importable(package)


def _import_name(name: str) -> None:
    """Import the modules of a dotted name; who needs the name says what is wrong with it."""
    first, *rest = name.split(".")
    with suppress(Exception, SystemExit):
        found, module = import_module(first), first
        for part in rest:
            module = f"{module}.{part}"
            if not hasattr(found, part):
                import_module(module)
            found = getattr(found, part)
