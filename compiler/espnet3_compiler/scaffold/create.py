"""Write a new recipe: whole or not at all, and never over something."""

import os
import shutil
import sys
from pathlib import Path

from espnet3_compiler.scaffold import names
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE


def create(name: str) -> int:
    """Make the directory ``name`` with a recipe that runs, say how, and return the exit code.

    Args:
        name: ``<corpus>/<task>`` or one name; the directory is made below the working directory.
    """
    if wrong := names.problem(name):
        return _refuse(wrong, USAGE)
    target = Path(name)
    if target.exists() or target.is_symlink():
        return _refuse(f'"{name}" exists; choose another name, or move it away', USAGE)
    from espnet3_compiler.scaffold.render import render

    texts = render(names.recipe_id(name))
    try:
        _write(target, texts)
    except OSError as error:
        return _refuse(f'cannot write "{name}": {error.strerror or error}', MISTAKES)
    _say(_next_steps(name, list(texts)))
    return CLEAN


def _write(target: Path, texts: dict[str, str]) -> None:
    """Fill a hidden directory, then give it its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        for name, text in texts.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _next_steps(name: str, written: list[str]) -> str:
    return "\n".join(
        (
            f"wrote {name}: {', '.join(written)}",
            "next:",
            f"  cd {name}",
            "  espnet3-compile recipe.yaml",
            "  python build/run.py",
        )
    )


def _refuse(message: str, code: int) -> int:
    _say(f"error: {message}")
    return code


def _say(text: str) -> None:
    print(text, file=sys.stderr)
