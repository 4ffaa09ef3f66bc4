"""Compile the manifest of a lock again, with the ``--set`` arguments that the lock holds.

A lock may come from anybody.  A file that it names is compiled only if it lies in the recipe's
directory and has the hash of the lock, and the build is written only if it has the same lock.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec.structs import replace

from espnet3_compiler.build.files import build_files
from espnet3_compiler.build.lock import sha256
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.filesystem import is_file, read_error, real_path
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
from espnet3_schemas import IN_PACKAGE, LOCK
from espnet3_schemas.build_records import source_path

MAX_PATH_LENGTH = 4096


def compile_lock(path: Path) -> CompileResult:
    """Check a lock in its build or beside its manifest, and compile the manifest as it was."""
    path = path.parent.resolve() / path.name
    outcome = _compile_lock(path)
    return (
        outcome if isinstance(outcome, CompileResult) else CompileResult(path, diagnostics=outcome)
    )


def _compile_lock(path: Path) -> CompileResult | tuple[Diagnostic, ...]:
    source, found = load_source(path, display_name(path), path.parent)
    if source is None or found:
        return found
    lock, found = _read_lock(source)
    if found:
        return found
    manifest = _find_manifest(path.parent, lock)
    if manifest is None:
        return (missing_manifest(source, lock["manifest"]),)
    if found := tuple(_source_changes(source, lock, manifest)):
        return found
    outcome = compile_manifest(manifest, lock["set"], environment=lock.get("environment"))
    different = _find_difference(outcome, lock)
    if different is not None:
        return (altered_lock(source, different, display_name(manifest)),)
    in_build = _named_manifest(path.parent, lock) == manifest
    return replace(outcome, build=path.parent) if in_build else outcome


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
        return None, (malformed_lock(source, what, fault.path),)
    return lock, tuple(outside_recipe(source, path) for path in islice(_paths_that_leave(lock), 1))


def _paths_that_leave(lock: Any) -> Iterator[Keys]:
    """Yield the keys of paths that lead out of the recipe."""
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
    """Return the manifest that the lock names or one beside it, preferably an unchanged one."""
    named = _named_manifest(directory, lock)
    beside = directory / named.name
    there = [path for path in (named, beside) if is_file(path)]
    same = [
        path for path in there if _source_hash(path, path.parent) == lock["sources"][0]["sha256"]
    ]
    return next(iter([*same, *there]), None)


def _source_changes(source: Source, lock: Any, manifest: Path) -> Iterator[Diagnostic]:
    for index, entry in enumerate(lock["sources"]):
        path = source_path(entry["path"], manifest.parent)
        in_recipe = not entry["path"].startswith(IN_PACKAGE)
        found = _source_hash(path, manifest.parent if in_recipe else path.parent)
        if found is None:
            yield missing_source(source, index, display_name(path))
        elif found != entry["sha256"]:
            yield changed_source(source, index, display_name(path), display_name(manifest))


def _source_hash(path: Path, root: Path) -> str | None:
    """Return the hash of a source; None for a file that cannot be read."""
    try:
        if read_error(path, root) or not is_file(path) or path.stat().st_size > MAX_BYTES:
            return None
        return sha256(path.read_bytes())
    except OSError:
        return None


def _named_manifest(directory: Path, lock: Any) -> Path:
    recipe_dir = real_path(Path(directory, lock["recipe_dir"]))
    return recipe_dir / PurePosixPath(lock["manifest"]).name


def _find_difference(outcome: CompileResult, lock: Any) -> Keys | None:
    """Return where a lock differs from the lock of the compile; None if nowhere, or it failed.

    The lock is made for a build at the same relative path from the manifest.
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
