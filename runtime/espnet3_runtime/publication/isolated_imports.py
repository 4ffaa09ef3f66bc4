"""Run the code of a bundle under its own module names, beside other code of the same names."""

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType

from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.held_code import OURS, is_importable

_turn = threading.RLock()


@dataclass
class BundledCode:
    """The modules of one bundle.

    Every recipe calls its package ``src``, and Python has one module of a name.  So the modules of
    a bundle have their names only inside :meth:`active`; outside, the names are those of the
    importing program.

    Attributes:
        directory: The bundle's ``code``; None where none of it may be imported.
    """

    directory: Path | None
    _modules: dict[str, ModuleType] = field(default_factory=dict)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the bundle's modules importable, for one thread at a time."""
        names = self._names()
        if self.directory is None or not names:
            yield
            return
        with _turn:
            writes_no_bytecode = sys.dont_write_bytecode
            sys.dont_write_bytecode = True  # it would be a file that bundle.json does not list
            others = _pop_modules(names)
            sys.modules.update(self._modules)
            sys.path.insert(0, str(self.directory))
            importlib.invalidate_caches()
            try:
                yield
            finally:
                sys.dont_write_bytecode = writes_no_bytecode
                sys.path.remove(str(self.directory))
                self._modules = _pop_modules(names)
                sys.modules.update(others)

    def check_names(self) -> None:
        """Refuse code that would take the place of modules that others import.

        Raises:
            UserError: A top-level name is of the standard library or of an installed package.
        """
        for name in sorted(self._names()):
            if owner := _owner_of(name):
                raise UserError(
                    f'the code of the bundle calls a module "{name}", which is a name of {owner}',
                    hint="rename it in the recipe, and pack the model again",
                )

    def _names(self) -> frozenset[str]:
        """Return the top-level names that the bundle provides."""
        if self.directory is None:
            return frozenset()
        endings = tuple(all_suffixes())
        files = (path for path in self.directory.rglob("*") if path.name.endswith(endings))
        tops = (file.relative_to(self.directory).parts[0] for file in files)
        return frozenset(top.partition(".")[0] for top in tops)


def _owner_of(name: str) -> str | None:
    """Return whose a top-level name is: the standard library's or an installed package's.

    Every recipe has a package ``src``, and some installed packages bring one by mistake: nothing
    here imports it, so that it is the bundle's.
    """
    if name in sys.stdlib_module_names:
        return "Python's standard library"
    if name in OURS:
        return "this program"
    if name == "src" or (name not in sys.modules and not is_importable(name)):
        return None  # without a look at the lists of all installed files
    packages = _packages_by_name().get(name)
    return f'the package "{packages[0]}"' if packages else None


@cache
def _packages_by_name() -> Mapping[str, list[str]]:
    from importlib.metadata import packages_distributions

    return packages_distributions()


def _pop_modules(names: frozenset[str]) -> dict[str, ModuleType]:
    """Remove the modules of some packages from Python's table; return them."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}
