"""Files that configs name, and paths that must stay inside the recipe.

Config files themselves are looked for where they are read, in ``compose``.

Passes: ``pack_model: {readme: conf/card.md}`` where that file exists; paths below ``exp_dir`` and
``data_dir``, which stages make; absolute paths and those that leave the recipe directory (``..``),
about which nothing is known here.
Fails: ``readme: conf/crad.md``; ``pack_model: {include: [../other]}``.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.filesystem import path_exists
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.schema.descent import walk_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean, spelling_fix
from espnet3_schemas import load

PACKED_PATHS = {
    "publication": (("pack_model", "include"),),
    "demo": (("pack", "include"),),
}
"""Lists of paths that are packed with their places in the recipe: they must lie inside it."""

_SKIPPED_FOLDERS = {"build", "__pycache__", ".git", ".venv"}
_MAX_FILES = 2000


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R701 for files that do not exist and R702 for paths that leave their directory."""
    made = _produced_paths(recipe, resolved)
    told: set[SpanKey] = set()
    for name, role in config_roles(recipe).items():
        config = resolved.configs.get(name)
        if config is None or role is None:
            continue
        for node in _file_paths(config, load(role)):
            if span_key(node.span) not in told:
                told.add(span_key(node.span))
                yield from _check_exists(node, recipe.directory, made)
        yield from _check_packed_paths(config, role)
    yield from _check_init_from(recipe, resolved, made)
    yield from _check_call_outputs(recipe, resolved)


def _produced_paths(recipe: Recipe, resolved: Resolved) -> list[PurePosixPath]:
    """Return the paths that stages make: the two directories and the outputs of calls."""
    found = [PurePosixPath(resolved.globals.get(name, "exp")) for name in ("exp_dir", "data_dir")]
    for stage in recipe.stages:
        call = resolved.calls.get(str(stage.name.value))
        outputs = node_at(call, ("outputs",)) if call else None
        values = [entry.value for entry in outputs] if isinstance(outputs, Mapping) else []
        found += [PurePosixPath(str(v.value)) for v in values if isinstance(v, Scalar)]
    return found


def _file_paths(config: Mapping, schema: Schema) -> Iterator[Scalar]:
    """Yield the texts of a config that its schema calls files."""
    for _, node, part in walk_schema(config, schema):
        if part is None or part.get("x-path") != "file" or not isinstance(node, Scalar):
            continue
        if isinstance(node.value, str) and not is_unresolved(node):
            yield node


def _check_exists(node: Scalar, directory: Path, made: list[PurePosixPath]) -> Iterator[Diagnostic]:
    path = PurePosixPath(str(node.value))
    if path.is_absolute() or _leaves_root(path) or any(path.is_relative_to(m) for m in made):
        return
    if path_exists(directory / path):
        return
    known = _recipe_files(directory, made)
    near = closest_match(str(path), known)
    yield Diagnostic(
        code="R701",
        message=f'the recipe has no file "{path}"',
        primary=Label(use_location(node), "does not exist"),
        related=provenance_labels(node),
        help=did_you_mean(near, "paths start at the recipe directory"),
        fix=spelling_fix(node.span, str(path), near, known),
    )


def _leaves_root(path: PurePosixPath) -> bool:
    """Return whether a relative path leaves the directory that it starts in."""
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else part != "."
        if depth < 0:
            return True
    return False


def _recipe_files(directory: Path, made: list[PurePosixPath]) -> list[str]:
    """Return files of the recipe, relative to it, without what stages and tools made."""
    found: list[str] = []
    for folder, folders, names in os.walk(directory):
        here = Path(folder).relative_to(directory)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED_FOLDERS
            and not any(PurePosixPath(here / name) == m for m in made)
        )
        found += [(here / name).as_posix() for name in sorted(names)]
        if len(found) > _MAX_FILES:
            break
    return found


def _check_packed_paths(config: Mapping, role: str) -> Iterator[Diagnostic]:
    for path in PACKED_PATHS.get(role, ()):
        items = node_at(config, path)
        for item in items.items if isinstance(items, Sequence) else ():
            if isinstance(item, Scalar) and not is_unresolved(item):
                inside = PurePosixPath(str(item.value))
                if inside.is_absolute() or _leaves_root(inside):
                    yield _outside_path(item, "the recipe directory")
    files = node_at(config, ("pack_model", "files")) if role == "publication" else None
    for entry in files if isinstance(files, Mapping) else ():
        inside = PurePosixPath(entry.name)
        if inside.is_absolute() or _leaves_root(inside):
            yield _outside_path(entry.key, "the bundle")


def _outside_path(node: Scalar, where: str) -> Diagnostic:
    return Diagnostic(
        code="R702",
        message=f'"{node.value}" leaves {where}',
        primary=Label(use_location(node), "must stay inside"),
        related=provenance_labels(node),
        help=(f"write a path relative to {where}, without ..",),
    )


def _check_init_from(
    recipe: Recipe, resolved: Resolved, made: list[PurePosixPath]
) -> Iterator[Diagnostic]:
    names = {stage.name.value for stage in recipe.stages}
    for stage in recipe.stages:
        start = resolved.init_from.get(str(stage.name.value), stage.init_from)
        if start and start.value not in names and not is_unresolved(start):
            yield from _check_exists(start, recipe.directory, made)


def _check_call_outputs(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report outputs of calls outside the recipe, exp_dir and data_dir."""
    roots = [PurePosixPath(resolved.globals.get(name, "exp")) for name in ("exp_dir", "data_dir")]
    for stage in recipe.stages:
        call = resolved.calls.get(str(stage.name.value))
        outputs = node_at(call, ("outputs",)) if call else None
        for entry in outputs if isinstance(outputs, Mapping) else ():
            node = entry.value
            if not isinstance(node, Scalar) or is_unresolved(node):
                continue
            path = PurePosixPath(str(node.value))
            inside = any(path.is_relative_to(root) for root in roots)
            if not inside and (path.is_absolute() or _leaves_root(path)):
                yield _outside_path(node, "the recipe directory")
