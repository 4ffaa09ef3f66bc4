"""Files that configs name, and paths that must stay inside the recipe.

Missing config files are reported where they are read, in ``compose``.

Passes: ``pack_model: {readme: conf/card.md}`` where that file exists; paths below ``exp_dir`` and
``data_dir``, which stages make; absolute paths and those that leave the recipe directory (``..``),
which are not looked up.
Fails: ``readme: conf/crad.md``; ``pack_model: {include: [../other]}``.
"""

import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import takewhile
from pathlib import Path, PurePosixPath

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.filesystem import is_utf8, path_exists
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.schema.keys import schema_nodes
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import call_outputs
from espnet3_compiler.syntax.span_key import SpanKey, is_written, span_key
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at

PACKED_PATHS = {
    "publication": (("pack_model", "include"),),
    "demo": (("pack", "include"),),
}
"""Lists of paths that are packed under the same paths: they must lie inside the recipe."""

_WEIGHTS = (".ckpt", ".pth", ".pt", ".bin", ".safetensors")
_CHECKPOINT_WORDS = ("last", "best", "hpc", "registry")
"""What Lightning takes for ``ckpt_path`` beside a path."""

_UNSAFE = "\\:\0"
"""Letters of paths on other systems, which names in a bundle do not have."""

_SKIPPED_FOLDERS = {"build", "__pycache__", ".git", ".venv"}
_MAX_FILES = 2000


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R701 for files that do not exist and R702 for paths that leave their directory."""
    made = produced_paths(recipe, resolved)
    seen: set[SpanKey] = set()
    for name, role in config_roles(recipe).items():
        config = resolved.configs.get(name)
        if config is None or role is None:
            continue
        for node in _file_paths(config, recipe.system.role_schema(role), recipe.library):
            if span_key(node.span) not in seen:
                seen.add(span_key(node.span))
                yield from _check_exists(node, recipe.directory, made, _output_advice(node, recipe))
        for found in (
            *_check_packed_paths(config, role, recipe.directory, made),
            *_check_checkpoint(config, role, recipe.directory, made),
        ):
            if span_key(found.primary.span) not in seen:
                seen.add(span_key(found.primary.span))
                yield found
    yield from _check_init_from(recipe, resolved, made)
    yield from _check_call_outputs(recipe, resolved)


def _output_roots(resolved: Resolved) -> list[PurePosixPath]:
    return [PurePosixPath(resolved.globals.get(name, "exp")) for name in ("exp_dir", "data_dir")]


def produced_paths(recipe: Recipe, resolved: Resolved) -> frozenset[PurePosixPath]:
    """Return the paths that stages make: exp_dir, data_dir and the outputs of calls."""
    outputs = [path for stage in recipe.stages for _, path in call_outputs(stage, resolved)]
    return frozenset(
        [*_output_roots(resolved), *(PurePosixPath(str(path.value)) for path in outputs)]
    )


def _file_paths(config: Mapping, schema: Schema, library: Library) -> Iterator[Scalar]:
    """Yield the texts of a config that are files, as its schema says."""
    for _, node, part in schema_nodes(config, schema, library):
        if part is None or "x-path" not in part:
            continue
        kind = part["x-path"]
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            continue
        text = node.value.endswith(".md") and "\n" not in node.value
        if (kind == "file" or (kind == "markdown" and text)) and not is_unresolved(node):
            yield node


def _output_advice(node: Scalar, recipe: Recipe) -> tuple[str, ...]:
    """Return the output that a path of weights probably means: no stage writes to other paths."""
    if not str(node.value).endswith(_WEIGHTS):
        return ()
    for stage in recipe.stages:
        if stage_kind(stage) == "train":
            return (f'write "${{stages.{stage.name.value}.best_checkpoint}}" for what it trains',)
    return ()


def _check_exists(
    node: Scalar, directory: Path, made: AbstractSet[PurePosixPath], advice: tuple[str, ...] = ()
) -> Iterator[Diagnostic]:
    path = PurePosixPath(str(node.value))
    if leaves_root(path) or not made.isdisjoint((path, *path.parents)):
        return
    if path_exists(directory / path):
        return
    yield unknown_value(
        "R701",
        f'the recipe has no file "{path}"',
        node,
        _recipe_files(directory, made),
        label="does not exist",
        hints=advice or ("paths start at the recipe directory",),
    )


def leaves_root(path: PurePosixPath) -> bool:
    """Return whether a path is absolute or leaves the directory that it starts in."""
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else part != "."
        if depth < 0:
            return True
    return path.is_absolute()


def _recipe_files(directory: Path, made: AbstractSet[PurePosixPath]) -> list[str]:
    """Return files of the recipe, relative to it, without those that stages and tools made."""
    found: list[str] = []
    for folder, folders, names in os.walk(directory):
        here = Path(folder).relative_to(directory)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED_FOLDERS
            and is_utf8(name)
            and PurePosixPath(here / name) not in made
        )
        found += [(here / name).as_posix() for name in sorted(names) if is_utf8(name)]
        if len(found) > _MAX_FILES:
            break
    return found


def _check_packed_paths(
    config: Mapping, role: str, directory: Path, made: AbstractSet[PurePosixPath]
) -> Iterator[Diagnostic]:
    for path in PACKED_PATHS.get(role, ()):
        items = node_at(config, path)
        for item in items.items if isinstance(items, Sequence) else ():
            if not isinstance(item, Scalar) or is_unresolved(item):
                continue
            parts = PurePosixPath(str(item.value)).parts
            if leaves_root(PurePosixPath(*parts)) or ".." in parts:  # as the runtime refuses them
                yield _outside_path(item, "the recipe directory")
            elif is_written(item) and item.value:
                yield from _check_packed_path(item, directory, made)
    files = node_at(config, ("pack_model", "files")) if role == "publication" else None
    for entry in files if isinstance(files, Mapping) else ():
        name = PurePosixPath(entry.name)
        if name.is_absolute() or ".." in name.parts or set(_UNSAFE) & set(entry.name):
            yield _outside_path(entry.key, "the bundle")


def _check_packed_path(
    node: Scalar, directory: Path, made: AbstractSet[PurePosixPath]
) -> Iterator[Diagnostic]:
    """Report a glob that begins with a file or folder that the recipe does not have."""
    parts = PurePosixPath(str(node.value)).parts
    plain = PurePosixPath(*takewhile(lambda part: not set(part) & set("*?["), parts))
    if not plain.parts or any(plain.is_relative_to(m) or m.is_relative_to(plain) for m in made):
        return
    if path_exists(directory / plain):
        return
    depth = len(plain.parts)
    known = {"/".join(PurePosixPath(name).parts[:depth]) for name in _recipe_files(directory, made)}
    yield unknown_value(
        "R701",
        f'the recipe has no file or directory "{plain}" to pack',
        node,
        sorted(known),
        label="does not exist",
        hints=("paths start at the recipe directory",),
    )


def _check_checkpoint(
    config: Mapping, role: str, directory: Path, made: AbstractSet[PurePosixPath]
) -> Iterator[Diagnostic]:
    """Report a checkpoint to go on from that does not exist; ``last`` is a habit of Lightning."""
    node = node_at(config, ("fit", "ckpt_path")) if role == "training" else None
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or is_unresolved(node):
        return
    if node.value not in _CHECKPOINT_WORDS:
        yield from _check_exists(node, directory, made)
    elif not path_exists(directory / node.value):
        yield value_finding(
            "R701",
            f'"fit.ckpt_path" is the path of a file, and there is no file "{node.value}"',
            node,
            "no word has a meaning here",
            advice=("remove the key: a training resumes from its own last checkpoint by itself",),
        )


def _outside_path(node: Scalar, folder: str) -> Diagnostic:
    advice = (f"write a path relative to {folder}, without ..",)
    message = f'"{node.value}" leaves {folder}'
    return value_finding("R702", message, node, "must stay inside", advice=advice)


def _check_init_from(
    recipe: Recipe, resolved: Resolved, made: AbstractSet[PurePosixPath]
) -> Iterator[Diagnostic]:
    names = {stage.name.value for stage in recipe.stages}
    for stage in recipe.stages:
        start = resolved.init_from.get(str(stage.name.value), stage.init_from)
        if start and start.value not in names and not is_unresolved(start):
            yield from _check_exists(start, recipe.directory, made)


def _check_call_outputs(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report outputs of calls outside the recipe, exp_dir and data_dir."""
    roots = _output_roots(resolved)
    for stage in recipe.stages:
        for _, node in call_outputs(stage, resolved):
            path = PurePosixPath(str(node.value))
            inside = any(path.is_relative_to(root) for root in roots)
            if not inside and not is_unresolved(node) and leaves_root(path):
                yield _outside_path(node, "the recipe directory")
