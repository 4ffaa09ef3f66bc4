"""Find the manifests that a file belongs to, which are checked when it changes."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.cli.arguments import MANIFEST
from espnet3_compiler.cli.owners import (
    YAML,
    has_word,
    is_manifest,
    naming_manifests,
    nearest_manifests,
)
from espnet3_compiler.cli.variants import replaced_names
from espnet3_compiler.filesystem import Buffers, buffer_of

MOST = 4
"""How many manifests are checked for one file."""


class Check(Struct, frozen=True):
    """What is compiled for a file: a manifest, and configs in the place of those it names."""

    manifest: Path
    replaced: tuple[tuple[str, Path], ...] = ()


def checks_of(path: Path, buffers: Buffers) -> tuple[Check, ...]:
    """Return what to compile for a file: itself if it is a manifest, or those that own it.

    A config belongs to the manifests that name it, code to all manifests of its recipe; one that
    says that it replaces another is checked in the place of that.

    Args:
        path: The file.
        buffers: Texts that stand in for files.
    """
    if path.suffix == ".py":
        return tuple(map(_check, nearest_manifests(path, buffers)[:MOST]))
    if path.suffix not in YAML:
        return ()
    if is_manifest(path, buffers):
        return (Check(path),)
    named = tuple(map(_check, naming_manifests(path, buffers))) or _in_place(path, buffers)
    return named[:MOST]


def _in_place(path: Path, buffers: Buffers) -> tuple[Check, ...]:
    """Return the checks with a config in the place of another; without it where there is none."""
    near = sorted(nearest_manifests(path, buffers), key=lambda one: one.name != MANIFEST)
    text = buffer_of(path, buffers) or ""
    names = [name[0] for name in replaced_names(text)]
    found = [(one, name) for one in near for name in names if has_word(one, name, buffers)]
    replaced = tuple(replace(_check(one), replaced=((name, path),)) for one, name in found)
    return replaced or tuple(map(_check, near[:1]))


def _check(manifest: Path) -> Check:
    return Check(manifest.absolute())
