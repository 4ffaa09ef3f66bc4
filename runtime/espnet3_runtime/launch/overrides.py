"""Check that a build fits its sources, and apply configs and values of the command line."""

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.errors import BuildError, UsageError
from espnet3_runtime.launch.arguments import Arguments
from espnet3_runtime.system import System
from espnet3_schemas import LOCK
from espnet3_schemas.build_records import source_path
from espnet3_schemas.exit_codes import MISTAKES


class Recomposed(Protocol):
    """The result of the compiler's loader: a report, and the texts of the changed build."""

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""

    @property
    def report(self) -> str:
        """The findings, printed."""

    @property
    def files(self) -> Mapping[str, str]:
        """Texts by path relative to the build."""


Recompose = Callable[[Path, Mapping[str, Path], Sequence[str]], Recomposed]


def check_sources(build: Build) -> None:
    """Refuse a build whose sources have changed."""
    again = f"run: espnet3-compile {build.manifest}"
    for path, sha256 in build.sources.items():
        try:
            data = source_path(path, build.recipe_dir).read_bytes()
        except OSError:
            raise BuildError(f'"{path}", which was compiled, cannot be read', hint=again) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BuildError(f'"{path}" changed since it was compiled', hint=again)


def check_code(build: Build) -> None:
    """Refuse generated Python that was changed: no fingerprint covers it."""
    for path, sha256 in build.code.items():
        data = (build.directory / path).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            again = f"change the manifest, then run: espnet3-compile {build.manifest}"
            raise BuildError(f'"{path}" of the build was changed by hand', hint=again)


def apply_overrides(build: Build, arguments: Arguments, recompose: Recompose | None) -> Build:
    """Return the build with the configs and values of the command line.

    Args:
        build: The compiled recipe.
        arguments: The command line.
        recompose: The compiler's loader; None when ``run.py`` gives none.

    Raises:
        UsageError: There is no loader.
        SystemExit: The loader found mistakes; they are printed.
    """
    if not arguments.config_files and not arguments.sets:
        return build
    if recompose is None:
        raise UsageError("this run.py takes no configs or values; compile the recipe again")
    composed = recompose(build.directory, arguments.config_files, arguments.sets)
    if not composed.ok:
        sys.stderr.write(f"{composed.report.rstrip(chr(10))}\n")
        raise SystemExit(MISTAKES)
    return load_build(build.directory, composed.files)


def check_system(system_cls: type[System], build: Build) -> None:
    """Refuse a System whose stage table is not that of the lock."""
    table = [(spec.name, spec.run, spec.call) for spec in system_cls.stages]
    if table != [(stage.name, stage.run, stage.call) for stage in build.stages]:
        again = f"run: espnet3-compile {build.manifest}"
        raise BuildError(f"system.py and {LOCK} are not of one build", hint=again)
