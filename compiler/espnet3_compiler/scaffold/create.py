"""Write a new recipe from templates, atomically and never over existing files."""

import os
import re
import shutil
import sys
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from espnet3_compiler.filesystem import refusal
from espnet3_compiler.scaffold.schema_lines import write_schemas
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESERVED = {"build", "data", "dataset", "exp", "src"}


def _invalid_reason(name: str) -> str | None:
    """Return why a recipe cannot have this name, or None."""
    corpus, slash, task = name.partition("/")
    parts = (corpus, task) if slash else (corpus,)
    if not all(_PART.fullmatch(part) for part in parts):
        return (
            f'"{name}" is no name of a recipe: write <corpus>/<task> or one name, '
            "of letters, digits, _ , - and ."
        )
    if parts[-1] in _RESERVED:
        return f'a recipe cannot be called "{parts[-1]}": recipes have a part of that name'
    return None


def _render_templates(recipe: str) -> dict[str, str]:
    """Return the text of each file of a recipe ``<corpus>/<task>`` by its path."""
    environment = Environment(  # noqa: S701 - no HTML; the one value is a checked name
        loader=PackageLoader("espnet3_compiler.scaffold"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return {
        name.removesuffix(".j2"): environment.get_template(name).render(recipe=recipe)
        for name in environment.list_templates(extensions=["j2"])
    }


def create_recipe(name: str) -> int:
    """Make the directory ``name`` with a recipe that runs; return the exit code.

    Args:
        name: ``<corpus>/<task>`` or one name; the directory is made below the working directory.
    """
    if wrong := _invalid_reason(name):
        return _report_error(wrong, USAGE)
    target = Path(name)
    if target.exists() or target.is_symlink():
        return _report_error(f'"{name}" exists; choose another name, or move it away', USAGE)

    texts = _render_templates(name if "/" in name else f"{name}/base")
    try:
        _write_files(target, texts)
    except OSError as error:
        return _report_error(f'cannot write "{name}": {refusal(error, target)}', MISTAKES)
    steps = f"  cd {name}\n  espnet3-compile recipe.yaml\n  python build/run.py"
    print(f"wrote {name}: {', '.join(texts)}\nnext:\n{steps}", file=sys.stderr)
    return CLEAN


def _write_files(target: Path, texts: dict[str, str]) -> None:
    """Fill a hidden directory, schemas for editors included, then give it its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        for name, text in texts.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        write_schemas(partial / "recipe.yaml")
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _report_error(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
