"""Schemas beside a recipe, and the lines by which editors find them (yaml-language-server)."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from espnet3_compiler.filesystem import is_file, lies_below, write_atomically
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.pipeline import compile_manifest
from espnet3_schemas.editor import NAMES, editor_form, editor_schema, schema_text

FOLDER = ".schemas"
MARK = "# yaml-language-server: $schema="
_LINE = re.compile(rf"^{re.escape(MARK)}(\S+)\r?\n", re.MULTILINE)
_ELSEWHERE = re.compile(r"\w+:")
_BYTE_ORDER_MARK = "\ufeff"


def write_schemas(manifest: Path) -> tuple[str, ...] | None:
    """Write the schemas of a recipe and name them in its files; return what was written.

    None stands for a manifest that cannot be read.  A file that already names a schema which is
    there keeps its line, and one that another recipe shares by a link is left alone.

    Args:
        manifest: The manifest.

    Raises:
        OSError: A file cannot be written.
    """
    recipe = compile_manifest(manifest).recipe
    if recipe is None:
        return None
    files = _files_by_schema(recipe, manifest)
    folder = recipe.directory / FOLDER
    texts = {folder / f"{name}.schema.json": _text_of(name, recipe) for name in files.values()}
    for path, name in files.items():
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        schema = Path(os.path.relpath(folder / f"{name}.schema.json", path.parent))
        texts[path] = _with_line(text, MARK + schema.as_posix(), path)
    folder.mkdir(exist_ok=True)
    changed = {path.relative_to(recipe.directory) for path in _write_changed(texts)}
    return tuple(sorted({FOLDER if path.parts[0] == FOLDER else str(path) for path in changed}))


def _files_by_schema(recipe: Recipe, manifest: Path) -> dict[Path, str]:
    """Return the name of the schema of each YAML file of a recipe that has one."""
    roles = config_roles(recipe)
    named = {
        recipe.directory / str(config.file.value): role
        for config in recipe.configs
        if config.file is not None and (role := roles[str(config.name.value)]) is not None
    }
    own = {path: "system" for path in recipe.system.files if path.suffix in (".yaml", ".yml")}
    found = {recipe.directory / manifest.name: "recipe", **named, **own}
    return {path: name for path, name in found.items() if _is_own(path, recipe.directory)}


def _is_own(path: Path, directory: Path) -> bool:
    inside = path.is_relative_to(directory) and lies_below(path, directory)
    return inside and is_file(path) and not path.is_symlink()


def _text_of(name: str, recipe: Recipe) -> str:
    schema = (
        editor_schema(name) if name in NAMES else editor_form(recipe.system.role_schema(name), name)
    )
    return schema_text(schema)


def _with_line(text: str, line: str, path: Path) -> str:
    """Return a text with the line at its top, unless it names a schema that is there."""
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    body = text.removeprefix(mark)
    found = _LINE.search(body)
    if found and (_ELSEWHERE.match(found[1]) or is_file(path.parent / found[1])):
        return text
    end = "\r\n" if "\r\n" in body else "\n"
    rest = body[: found.start()] + body[found.end() :] if found else body
    return f"{mark}{line}{end}{rest}"


def _write_changed(texts: Mapping[Path, str]) -> Iterator[Path]:
    """Write the files that are not so already, and yield them."""
    for path, text in texts.items():
        data = text.encode("utf-8", "surrogateescape")
        if not is_file(path) or path.read_bytes() != data:
            write_atomically(path, data)
            yield path
