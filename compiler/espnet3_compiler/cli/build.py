"""Write a build for the command line, or compare it with the manifest."""

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from espnet3_compiler.build.files import build_files, data_files
from espnet3_compiler.build.lock import CODE, sha256, without_code
from espnet3_compiler.build.write import ForeignFiles, write_build
from espnet3_compiler.filesystem import read_error, refusal
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.result import CompileResult
from espnet3_schemas import LOCK
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE


def save_build(outcome: CompileResult, build: Path) -> int:
    """Write the build of a manifest without mistakes, and return the exit code."""
    assert outcome.plan is not None
    shown = display_name(build)
    try:
        written = write_build(build, build_files(outcome.plan, build))
    except ForeignFiles as error:
        _print_stderr(f"error: {error}; move them away, or choose another directory with -o")
        return USAGE
    except OSError as error:
        _print_stderr(f"error: cannot write {shown}: {refusal(error, build)}")
        return MISTAKES
    if not written.locked:
        _warn_once("warning: there are no locks here (flock): start no other compile meanwhile")
    changed = written.changed or written.removed
    state = f"wrote {shown}" if changed else f"{shown} is up to date"
    _print_stderr(f"{state}; run it: python {shown}/run.py --stages all")
    return CLEAN


def compare_build(outcome: CompileResult, build: Path, strict: bool) -> int:
    """Report whether an existing build is what the manifest compiles to.

    The code is compared by the hashes in the lock, so that a check renders no templates.

    Args:
        outcome: A compiled recipe without errors.
        build: Its build directory; it need not exist.
        strict: Whether a difference makes the command fail.
    """
    assert outcome.plan is not None
    stale = _stale_files(build, data_files(outcome.plan, build))
    if not stale:
        return CLEAN
    _print_stderr(
        f"{display_name(build)} is not what the manifest compiles to ({', '.join(stale)}); "
        f"run: espnet3-compile {display_name(outcome.path)}"
    )
    return MISTAKES if strict else CLEAN


def _stale_files(build: Path, files: Mapping[str, str]) -> list[str]:
    found = {name: _read_or_empty(build / name, build) for name in (*files, *CODE)}
    lock, hashes = without_code(found[LOCK])
    stale = [name for name in files if name != LOCK and found[name] != files[name].encode()]
    if lock != without_code(files[LOCK].encode())[0]:
        stale.append(LOCK)
    stale += [name for name in CODE if sha256(found[name]) != hashes.get(name)]
    return stale


def _read_or_empty(path: Path, build: Path) -> bytes:
    try:
        return b"" if read_error(path, build) else path.read_bytes()
    except OSError:
        return b""


@cache
def _warn_once(text: str) -> None:
    _print_stderr(text)


def _print_stderr(text: str) -> None:
    print(text, file=sys.stderr)
