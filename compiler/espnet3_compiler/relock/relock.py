"""Compile what a lock describes: its manifest, with the ``--set`` arguments that it holds.

A lock may come from anybody.  Nothing that it names is compiled unless it lies in the recipe's
directory and has the hash that the lock says, and the build is written only if it has the very
same lock.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from espnet3_compiler.build.files import build_files
from espnet3_compiler.build.lock import sha256
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.pipeline import compile_manifest, display_name
from espnet3_compiler.relock.messages import (
    altered_lock,
    changed_source,
    first_violation,
    malformed_lock,
    missing_manifest,
    missing_source,
    outside_recipe,
)
from espnet3_compiler.result import CompileResult
from espnet3_compiler.syntax.read import MAX_BYTES, load_source
from espnet3_compiler.syntax.tree import Path as Keys
from espnet3_schemas import LOCK

MAX_PATH_LENGTH = 4096


def compile_lock(path: Path) -> CompileResult:
    """Check a lock, and compile its manifest as it was compiled then.

    Args:
        path: The lock, in its build directory or beside its manifest.
    """
    place = path.parent.resolve() / path.name
    source, found = load_source(place, display_name(place))
    if source is None or found:
        return CompileResult(place, diagnostics=found)
    lock, found = _read_lock(source)
    if found:
        return CompileResult(place, diagnostics=found)
    manifest = _find_manifest(place.parent, lock)
    if manifest is None:
        return CompileResult(place, diagnostics=(missing_manifest(source, lock["manifest"]),))
    found = tuple(_source_changes(source, lock, manifest))
    if found:
        return CompileResult(place, diagnostics=found)
    outcome = compile_manifest(manifest, lock["set"])
    different = _find_difference(outcome, lock)
    if different is not None:
        return CompileResult(
            place, diagnostics=(altered_lock(source, different, display_name(manifest)),)
        )
    in_build = _named_manifest(place.parent, lock) == manifest
    return replace(outcome, build=place.parent) if in_build else outcome


def _read_lock(source: Source) -> tuple[Any, tuple[Diagnostic, ...]]:
    """Return the lock, and what is wrong with its form or with the paths in it."""
    try:
        lock = json.loads(source.text)
        json.dumps(lock, ensure_ascii=False).encode()  # refuses halves of characters: "\ud800"
    except (ValueError, RecursionError) as error:
        return None, (malformed_lock(source, f"it is not JSON: {error}", getattr(error, "pos", 0)),)
    fault = first_violation(lock)
    if fault is not None:
        other = fault.path == ("schema_version",)
        what = "it was written by another version" if other else fault.message
        return None, (malformed_lock(source, what, path=fault.path),)
    return lock, tuple(outside_recipe(source, path) for path in islice(_paths_that_leave(lock), 1))


def _paths_that_leave(lock: Any) -> Iterator[Keys]:
    """Yield the keys of paths that are not where a lock of ours has them."""
    up = PurePosixPath(lock["recipe_dir"])
    below = up.parts[_count_parents(up) :]
    manifest = PurePosixPath(lock["manifest"])
    if up.is_absolute() or ".." in below or not _is_plain(str(up)):
        yield ("recipe_dir",)
    if manifest.parent != up or manifest.name in ("", "..") or not _is_plain(str(manifest)):
        yield ("manifest",)
    if lock["sources"][0]["path"] != manifest.name:
        yield ("sources", 0, "path")
    for index, source in enumerate(lock["sources"]):
        path = PurePosixPath(source["path"])
        if path.is_absolute() or ".." in path.parts or not _is_plain(source["path"]):
            yield ("sources", index, "path")


def _count_parents(path: PurePosixPath) -> int:
    """Return with how many ``..`` a path begins."""
    return next((i for i, part in enumerate(path.parts) if part != ".."), len(path.parts))


def _is_plain(path: str) -> bool:
    return path.isprintable() and len(path) <= MAX_PATH_LENGTH


def _find_manifest(directory: Path, lock: Any) -> Path | None:
    """Return the manifest: where the lock says, or beside it; rather one that is unchanged."""
    named = _named_manifest(directory, lock)
    beside = directory / named.name
    there = [path for path in (named, beside) if is_file(path)]
    same = [path for path in there if _source_hash(path) == lock["sources"][0]["sha256"]]
    return next(iter([*same, *there]), None)


def _source_changes(source: Source, lock: Any, manifest: Path) -> Iterator[Diagnostic]:
    for index, entry in enumerate(lock["sources"]):
        path = manifest.parent / entry["path"]
        found = _source_hash(path)
        if found is None:
            yield missing_source(source, index, display_name(path))
        elif found != entry["sha256"]:
            yield changed_source(source, index, display_name(path), display_name(manifest))


def _source_hash(path: Path) -> str | None:
    """Return the hash of a source; None for what cannot be one."""
    try:
        if not is_file(path) or path.stat().st_size > MAX_BYTES:
            return None
        return sha256(path.read_bytes())
    except OSError:
        return None


def _named_manifest(directory: Path, lock: Any) -> Path:
    recipe_dir = Path(directory, lock["recipe_dir"]).resolve()
    return recipe_dir / PurePosixPath(lock["manifest"]).name


def _find_difference(outcome: CompileResult, lock: Any) -> Keys | None:
    """Return where a lock is not that of what was compiled; None where it is, or nothing was.

    The lock is made as for a build as far from the manifest as its own was.
    """
    if outcome.plan is None:
        return None
    up = PurePosixPath(lock["recipe_dir"])
    climbs = _count_parents(up)
    build = Path("/recipe", *(f"up{number}" for number in range(climbs)))
    manifest = Path("/recipe", *up.parts[climbs:], outcome.plan.manifest.name)
    files = build_files(replace(outcome.plan, manifest=manifest), build)
    return _first_difference(json.loads(files[LOCK]), lock, ())


def _first_difference(one: Any, two: Any, path: Keys) -> Keys | None:
    if isinstance(one, dict) and isinstance(two, dict):
        if list(one) != list(two):
            return path
        pairs = [(key, one[key], two[key]) for key in one]
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        pairs = [(index, *pair) for index, pair in enumerate(zip(one, two, strict=True))]
    else:
        return None if type(one) is type(two) and one == two else path
    found = (_first_difference(a, b, (*path, key)) for key, a, b in pairs)
    return next((place for place in found if place is not None), None)
