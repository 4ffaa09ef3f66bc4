"""Write a new recipe from templates, atomically and never over existing files."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path, PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined

from espnet3_compiler.filesystem import refusal
from espnet3_compiler.output.terminal_cells import fold_text
from espnet3_compiler.scaffold.schema_lines import write_schemas
from espnet3_schemas.exit_codes import CLEAN, MISTAKES, USAGE
from espnet3_schemas.terminal import terminal_columns

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESERVED = {"build", "data", "dataset", "exp", "src"}
_FOLDERS = {
    "classifier": ("tones", "classifier"),
    "finetune": ("tones", "finetune"),
    "sweep": ("tones", "sweep"),
}
"""The folders whose files make up a template, where they are not one of its name."""


def _invalid_reason(name: str) -> str | None:
    """Return why a recipe cannot have this name, or None."""
    if not _PART.fullmatch(name):
        return f'"{name}" is no name of a recipe: write letters, digits, _ , - and .'
    if name in _RESERVED:
        return f'a recipe cannot be called "{name}": recipes have a part of that name'
    return None


def _recipe_name(written: str, target: Path) -> str:
    """Return ``<corpus>/<task>``: the last two parts of a path, otherwise the last and ``base``."""
    above = PurePath(written).parent.name
    return f"{above}/{target.name}" if _PART.fullmatch(above) else f"{target.name}/base"


def _render_templates(recipe: str, template: str) -> dict[str, str]:
    """Return the text of each file of a recipe ``<corpus>/<task>`` by its path."""
    environment = Environment(  # noqa: S701 - no HTML; the one value is a checked name
        loader=PackageLoader("espnet3_compiler.scaffold"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    texts = {}
    for name in environment.list_templates(extensions=["j2"]):
        folder, _, path = name.removesuffix(".j2").partition("/")
        if folder in _FOLDERS.get(template, (template,)):
            texts[path] = environment.get_template(name).render(recipe=recipe, template=template)
    return dict(sorted(texts.items()))


def create_recipe(path: str, template: str = "classifier") -> int:
    """Make a directory with a recipe that runs; return the exit code.

    Args:
        path: The directory, from the working directory; an existing one holds nothing but hidden
            files.
        template: What the recipe does.
    """
    target = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - links stay
    if wrong := _invalid_reason(target.name if path else ""):
        return _report_error(wrong, USAGE)
    if _is_taken(target):
        return _report_error(f'"{path}" exists; choose another name, or move it away', USAGE)

    texts = _render_templates(_recipe_name(path, target), template)
    try:
        _write_files(target, texts)
    except OSError as error:
        return _report_error(f'cannot write "{path}": {refusal(error, target)}', MISTAKES)
    here = target == Path.cwd()
    steps = [] if here else [f"cd {shlex.quote(path)}"]
    steps += ["espnet3-compile recipe.yaml", "python build/run.py"]
    shown = "".join(f"\n  {step}" for step in steps)
    wrote = f"wrote {path}: {', '.join(texts)}"
    lines = [*fold_text(wrote, terminal_columns(sys.stderr), "  "), f"next:{shown}"]
    print("\n".join(lines), file=sys.stderr)
    return CLEAN


def _is_taken(target: Path) -> bool:
    if target.is_dir() and not target.is_symlink():
        return any(not each.name.startswith(".") for each in target.iterdir())
    return target.exists() or target.is_symlink()


def _write_files(target: Path, texts: dict[str, str]) -> None:
    """Fill a hidden directory, schemas for editors included, then give it its name.

    A directory that is there gets its files.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        for name, text in texts.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        write_schemas(partial / "recipe.yaml")
        if not target.exists():
            partial.rename(target)
        else:
            for file in partial.iterdir():
                file.rename(target / file.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _report_error(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
