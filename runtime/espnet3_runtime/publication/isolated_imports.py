"""Run the code of a bundle under its own module names, beside other code of the same names."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

_turn = threading.RLock()


@dataclass
class BundledCode:
    """The modules of one bundle.

    Every recipe calls its package ``src``, and Python has one module of a name.  So the modules of
    a bundle have their names only inside :meth:`active`; outside, the names are those of the
    importing program.

    Attributes:
        directory: The bundle's ``code``; where it does not exist, nothing changes.
    """

    directory: Path
    _modules: dict[str, ModuleType] = field(default_factory=dict)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the bundle's modules importable, for one thread at a time."""
        names = self._names()
        if not names:
            yield
            return
        with _turn:
            others = _pop_modules(names)
            sys.modules.update(self._modules)
            sys.path.insert(0, str(self.directory))
            importlib.invalidate_caches()
            try:
                yield
            finally:
                sys.path.remove(str(self.directory))
                self._modules = _pop_modules(names)
                sys.modules.update(others)

    def _names(self) -> frozenset[str]:
        """Return the top-level names that the bundle provides."""
        if not self.directory.is_dir():
            return frozenset()
        found = (path for path in self.directory.iterdir() if not path.name.startswith("."))
        return frozenset(p.stem for p in found if p.is_dir() or p.suffix == ".py")


def _pop_modules(names: frozenset[str]) -> dict[str, ModuleType]:
    """Remove the modules of some packages from Python's table; return them."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}
