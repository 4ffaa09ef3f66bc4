"""What a build came to: read from its own files where its recipe has changed since."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from espnet3_compiler.build.lock import call_file, sha256
from espnet3_compiler.comparison.contents import (
    PlacedValue,
    RecipeContents,
    RecipePart,
    place_of,
    placed_values,
)
from espnet3_compiler.manifest.lower import GLOBALS
from espnet3_compiler.pipeline import display_name
from espnet3_compiler.relock.messages import first_violation
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Mapping, Node, node_at

_CHANGED = "its recipe has changed since: the values are those of the build"


def built_contents(lock_path: Path) -> RecipeContents | None:
    """Return what a build came to; None where its files are not those of its lock.

    Args:
        lock_path: The lock, in its build.
    """
    name = display_name(lock_path)
    tree, source, found = read_file(lock_path, name, lock_path.parent)
    if tree is None or source is None or found:
        return None
    lock = _read_json(source.text)
    if lock is None or first_violation(lock) is not None:
        return None
    parts = dict(_stage_parts(lock, tree, lock_path.parent))
    for block in ("models", "configs"):
        for each, entry in lock[block].items():
            node = _read_part(lock_path.parent, entry["file"], entry["sha256"])
            if node is None:
                return None
            place = f"{display_name(lock_path.parent / entry['file'])}:1:1"
            parts[block, each] = RecipePart(place, dict(placed_values(node)))
    settings = {
        key: PlacedValue(lock[key], _place_in(tree, key)) for key in ("recipe", "system", *GLOBALS)
    }
    stem = PurePosixPath(lock["manifest"]).stem
    return RecipeContents(name, stem, settings, parts, f"{name}: {_CHANGED}")


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_part(build: Path, file: str, digest: str | None) -> Mapping | None:
    """Return the tree of a file of a build; None where it is not the file of the lock."""
    path = build / file
    if ".." in PurePosixPath(file).parts or PurePosixPath(file).is_absolute():
        return None
    try:
        same = digest is None or sha256(path.read_bytes()) == digest
    except OSError:
        return None
    return read_file(path, display_name(path), build)[0] if same else None


def _place_in(tree: Node, *path: str | int) -> str:
    node = node_at(tree, path)
    return place_of((node or tree).span)


def _stage_parts(
    lock: Any, tree: Node, build: Path
) -> Iterator[tuple[tuple[str, str], RecipePart]]:
    for index, stage in enumerate(lock["stages"]):
        place = _place_in(tree, "stages", index, "name")
        values = {
            key: PlacedValue(stage[key], _place_in(tree, "stages", index, key))
            for key in ("run", "call", "model", "init_from", "needs")
            if stage[key]
        }
        for role, config in stage["configs"].items():
            where = _place_in(tree, "stages", index, "configs", role)
            values[f"config.{role}"] = PlacedValue(config, where)
        arguments = _read_part(build, call_file(stage["name"]), None) if stage["call"] else None
        values |= dict(placed_values(arguments)) if arguments else {}
        yield ("stages", stage["name"]), RecipePart(place, values)
