"""Modules beside the manifest that Python takes for modules that Lightning or torch import.

Passes: ``src/typing.py``, which is ``src.typing``; ``whisper.py``, which no dependency imports;
a folder ``torch`` without ``__init__.py``.
Fails: ``numpy.py``, ``random.py`` or ``torch/__init__.py`` beside the manifest: its directory is
the first on the path, so that every ``import numpy`` gets that file.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.checks.targets.packages import OPTIONAL_PACKAGES
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, line_span
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import find_top, names_below

# fmt: off
_STANDARD = frozenset((
    "argparse", "array", "ast", "asyncio", "base64", "bisect", "bz2", "calendar", "collections",
    "colorsys", "concurrent", "configparser", "contextlib", "contextvars", "copy", "copyreg", "csv",
    "ctypes", "curses", "dataclasses", "datetime", "decimal", "difflib", "dis", "email",
    "encodings", "enum", "filecmp", "fnmatch", "fractions", "functools", "getpass", "gettext",
    "glob", "gzip", "hashlib", "heapq", "hmac", "html", "http", "inspect", "ipaddress", "json",
    "keyword", "linecache", "locale", "logging", "lzma", "mimetypes", "multiprocessing", "numbers",
    "opcode", "operator", "pathlib", "pickle", "pickletools", "pkgutil", "platform", "pprint",
    "profile", "pstats", "queue", "quopri", "random", "re", "reprlib", "resource", "secrets",
    "select", "selectors", "shlex", "shutil", "signal", "socket", "socketserver", "ssl",
    "statistics", "string", "struct", "subprocess", "sysconfig", "tarfile", "tempfile", "textwrap",
    "threading", "timeit", "token", "tokenize", "traceback", "types", "typing", "unittest",
    "urllib", "uuid", "warnings", "weakref", "xml", "zipfile",
))
"""What torch and Lightning import of the standard library."""

_INSTALLED = frozenset((
    "aiohttp", "click", "cloudpickle", "dask", "distributed", "espnet3_runtime", "espnet3_schemas",
    "filelock", "fsspec", "functorch", "jinja2", "lightning", "lightning_utilities", "markupsafe",
    "mpmath", "msgpack", "networkx", "numpy", "packaging", "PIL", "psutil", "requests", "rich",
    "sentencepiece", "setuptools", "soundfile", "sympy", "tensorboard", "torch", "torchgen",
    "torchmetrics", "tornado", "tqdm", "typing_extensions", "yaml",
))
"""What the runtime, torch and Lightning import of other packages."""
# fmt: on


def check_shadows(library: Library, modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R209 for modules beside the manifest that others are imported for.

    Args:
        library: Reads the modules of the recipe.
        modules: The modules that the recipe imports.
    """
    others = library.path.with_roots(library.path.roots[1:])
    here = library.path.recipe
    own = {item.location.name: item for item in modules if item.library.path.recipe == here}
    for name in names_below(library.path, library.path.roots[:1]):
        location = library.find_module(name)
        file = library.file(location) if location and location.local else None
        if file is None:
            continue
        used = name in _INSTALLED or (name in OPTIONAL_PACKAGES and _imports_itself(own.get(name)))
        if name in _STANDARD or (used and find_top(others, name)):
            yield _finding(file.source, name, standard=name in _STANDARD)


def _imports_itself(module: RecipeModule | None) -> bool:
    """Return whether a module names itself, which then meant the installed one."""
    return module is not None and any(
        item.source == module.location.name for item in module.file.imports
    )


def _finding(source: Source, name: str, *, standard: bool) -> Diagnostic:
    path = PurePosixPath(source.name)
    shown = name if path.name == "__init__.py" else path.name
    whose = "Python's own module" if standard else "the installed package"
    return Diagnostic(
        "R209",
        f'"{shown}" shadows {whose} "{name}"',
        Label(line_span(source, 1), f'every "import {name}" gets this file'),
        help=(f"give it another name, or move it into a package such as src: src/{shown}",),
        notes=("the recipe directory is the first on the path of its stages",),
    )
