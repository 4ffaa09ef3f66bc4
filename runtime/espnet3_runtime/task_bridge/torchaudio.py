"""Import ESPnet2 where torchaudio cannot be imported.

ESPnet2 imports torchaudio at the top of modules that few models need.  The wheel of torchaudio on
PyPI is linked against CUDA and cannot be imported beside a torch for the CPU.  While ESPnet2 is
imported, a placeholder is imported instead, which has every name and raises an error when one is
called.  Afterwards it is removed, so that no other library mistakes it for torchaudio.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

NAME = "torchaudio"


class TorchaudioMissingError(ImportError):
    """A function or class of torchaudio is called, and torchaudio cannot be imported here."""


@contextmanager
def torchaudio_or_placeholder() -> Iterator[None]:
    """Let ``import torchaudio`` succeed inside of the block, with a placeholder if need be."""
    reason = _import_failure()
    if reason is None:
        yield
        return
    finder = _Finder(reason)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _unload_modules()


def _import_failure() -> str | None:
    """Return why torchaudio cannot be imported, or None."""
    try:
        import_module(NAME)
    except (ImportError, OSError) as error:
        _unload_modules()
        return (str(error) or type(error).__name__).splitlines()[0]
    return None


def _unload_modules() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


class _Placeholder(ModuleType):
    """The module, and every module, function, class or constant inside of it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self._reason = reason

    def __getattr__(self, name: str) -> "_Placeholder":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Placeholder(f"{self.__name__}.{name}", self._reason)

    def __call__(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TorchaudioMissingError(
            f"{self.__name__} is needed, and torchaudio cannot be imported here: {self._reason}"
        )


class _Finder(MetaPathFinder, Loader):
    def __init__(self, reason: str) -> None:
        self.reason = reason

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname.partition(".")[0] != NAME:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Placeholder(spec.name, self.reason)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: every name is made when it is read."""
