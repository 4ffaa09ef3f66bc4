"""Run ``launch`` of a toy recipe in this process, as ``build/run.py`` does in one of its own."""

import importlib.util
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from espnet3_compiler.recompile import locate, recompose, report
from espnet3_runtime.launch import launch
from tests.runtime.toy import Toy


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def launched(toy: Toy, *arguments: str) -> Done:
    """Do what ``python build/run.py`` does in the recipe's directory, some ten times as fast.

    This process holds the recipe's code from then on: a test that edits it afterwards takes
    ``toy.python``.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        _fresh_imports(),
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patch.chdir(toy.directory)
        try:
            system = _import_system(toy)
        except Exception as error:  # noqa: BLE001 - said at the line that names it
            system = error
        code = launch(system, toy.build, arguments, recompose, locate, report)
    return Done(code, out.getvalue(), err.getvalue())


def _import_system(toy: Toy) -> type:
    spec = importlib.util.spec_from_file_location("system", toy.build / "system.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(toy.directory))
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.path[0]
    found = vars(module).values()
    return next(one for one in found if isinstance(one, type) and one.__module__ == "system")


def _is_lasting(finder: object) -> bool:
    """Say whether a finder is of importlib_metadata, which takes the place of Python's for good."""
    return type(finder).__module__.partition(".")[0] == "importlib_metadata"


@contextmanager
def _fresh_imports() -> Iterator[None]:
    finders, modules = list(sys.meta_path), set(sys.modules)
    try:
        yield
    finally:
        sys.meta_path[:] = [one for one in sys.meta_path if one in finders or _is_lasting(one)]
        for name in set(sys.modules) - modules:
            if name.partition(".")[0] in ("src", "system"):
                del sys.modules[name]
