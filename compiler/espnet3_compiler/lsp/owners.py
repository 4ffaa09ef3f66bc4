"""Find the manifests that a file belongs to, which are checked when it changes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from espnet3_compiler.filesystem import Buffers, buffer_of, is_file, real_path

YAML = (".yaml", ".yml")
MANIFEST = "recipe.yaml"
FARTHEST = 4
"""How many folders above a file a manifest is looked for."""
MOST = 4
"""How many manifests are checked for one file."""
HEAD = 4096
_KEYS = [re.compile(rf"^(?:{keys})[ \t]*:", re.MULTILINE) for keys in ("recipe", "system|stages")]
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
_REPLACES = re.compile(
    r"^#[ \t]*replaces:[ \t]*([\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)[ \t]*$", re.MULTILINE
)


class Check(NamedTuple):
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
    text = _read_text(path, buffers)
    if path.suffix in YAML and is_manifest(text):
        return (Check(path),)
    if path.suffix not in (*YAML, ".py"):
        return ()
    for folder in path.parents[:FARTHEST]:
        found = list(_manifests_in(folder, buffers))
        if found:
            return _owning(path, text, folder, found)
    return ()


def is_manifest(text: str) -> bool:
    """Return whether a text has the keys that every manifest has."""
    return all(key.search(text) for key in _KEYS)


def _owning(
    path: Path, text: str, folder: Path, manifests: list[tuple[Path, str]]
) -> tuple[Check, ...]:
    if path.suffix not in YAML:
        return tuple(Check(manifest) for manifest, _ in manifests[:MOST])
    inner = path.relative_to(folder).as_posix()
    bare = [(manifest, _COMMENT.sub("", its)) for manifest, its in manifests]
    named = [Check(manifest) for manifest, its in bare if inner in its]
    if not named and (line := _REPLACES.search(text[:HEAD])):
        names = re.findall(r"[\w-]+", line[1])
        found = [(manifest, n) for manifest, its in bare for n in names if n in its]
        named = [Check(manifest, ((name, path),)) for manifest, name in found]
    return tuple(named[:MOST]) or (Check(manifests[0][0]),)


def _manifests_in(folder: Path, buffers: Buffers) -> Iterator[tuple[Path, str]]:
    """Yield the manifests of a folder with their texts, ``recipe.yaml`` first."""
    try:
        names = {item.name for item in folder.iterdir() if item.suffix in YAML}
    except OSError:
        return
    names |= {path.name for path in buffers if path.parent == real_path(folder)}
    for name in sorted(names, key=lambda name: (name != MANIFEST, name)):
        text = _read_text(folder / name, buffers) if name.endswith(YAML) else ""
        if is_manifest(text):
            yield folder / name, text


def _read_text(path: Path, buffers: Buffers) -> str:
    text = buffer_of(path, buffers)
    if text is not None or not is_file(path):
        return text or ""
    try:
        return path.read_text("utf-8-sig", errors="replace")
    except OSError:
        return ""
