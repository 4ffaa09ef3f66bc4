"""Which manifests a file of a recipe belongs to, seen from the texts of manifests alone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from espnet3_compiler.filesystem import (
    NO_BUFFERS,
    Buffers,
    buffer_of,
    is_file,
    lies_below,
    real_path,
)
from espnet3_compiler.syntax.read import MAX_BYTES, read_file

SKIPPED_FOLDERS = ("build", "exp", "data", "downloads", "node_modules", "__pycache__")
"""Folders that compiling and running make in a recipe, and others that hold nothing of it."""
YAML = (".yaml", ".yml")
_KEYS = ("version", "recipe", "system", "models", "configs", "stages")
_LEAST_KEYS = 2
_LINE_KEY = r"""(?m)^(['"]?)([\w-]+)\1[ \t]*:(?=\s|$)"""
_NAME = r"""(?m)^(['"]?)recipe\1[ \t]*:[ \t]*['"]?\w"""
_BRACES = r"\A(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*\{"
_BRACE_KEY = r"""[{,]\s*(['"]?)([\w-]+)\1[ \t]*:"""
_COMMENT = r"(?m)(?:^|(?<=\s))#.*"
_REPOSITORY = ".git"


def is_manifest(path: Path, buffers: Buffers = NO_BUFFERS) -> bool:
    """Return whether a file says that it is a manifest: it names a recipe, or has two more keys.

    Args:
        path: The file.
        buffers: Texts that stand in for files.
    """
    text = _read_text(path, buffers)
    ours = _own_keys(text)
    if len(ours - {"version", "recipe"}) >= _LEAST_KEYS:
        return True
    return bool(re.search(_NAME, text) or (re.match(_BRACES, text) and "recipe" in ours))


def is_foreign(path: Path) -> bool:
    """Return whether a file is a mapping with nothing of a manifest, as those of other tools."""
    if is_manifest(path):
        return False  # without reading it as YAML, which the check does once more
    tree, _, _ = read_file(path, path.name, path.absolute().parent)
    keys = {str(entry.key.value) for entry in tree or ()}
    return bool(keys) and not keys & {*_KEYS} - {"recipe"}


def naming_manifests(path: Path, buffers: Buffers = NO_BUFFERS) -> tuple[Path, ...]:
    """Return the manifests of the nearest directory above a file of which some name it.

    Args:
        path: The file.
        buffers: Texts that stand in for files.
    """
    path = path.absolute()
    for folder in _folders_above(path):
        inner = path.relative_to(folder).as_posix()
        every = _manifests_in(folder, buffers)
        if naming := tuple(one for one in every if has_word(one, inner, buffers)):
            return _as_shown(naming)
    return ()


def nearest_manifests(path: Path, buffers: Buffers = NO_BUFFERS) -> tuple[Path, ...]:
    """Return the manifests of the nearest directory above a file; none of what a run left.

    Args:
        path: The file.
        buffers: Texts that stand in for files.
    """
    path = path.absolute()
    for folder in _folders_above(path):
        if here := _manifests_in(folder, buffers):
            return () if _is_left(path.relative_to(folder)) else _as_shown(here)
    return ()


def has_word(manifest: Path, word: str, buffers: Buffers = NO_BUFFERS) -> bool:
    """Return whether a manifest has a name or path in it, comments left out.

    Args:
        manifest: The manifest.
        word: The name or path.
        buffers: Texts that stand in for files.
    """
    text = re.sub(_COMMENT, "", _read_text(manifest, buffers))
    return bool(re.search(rf"(?<![\w/-]){re.escape(word)}(?![\w/-])", text))


def owning_manifests(path: Path) -> tuple[Path, ...]:
    """Return the manifests that a file belongs to.

    These are those that name it; where none does, all manifests of the nearest directory above it
    that has some, unless the file is what a run of the recipe left.
    """
    return naming_manifests(path) or nearest_manifests(path)


def using_manifests(path: Path) -> tuple[Path, ...]:
    """Return the manifests that a changed file belongs to, or is itself.

    Those of the recipes beside its own that have a link to it are among them.
    """
    owners = (path,) if is_manifest(path) else owning_manifests(path)
    own = {owner.absolute().parent for owner in owners}
    beside = {
        folder
        for recipe in own
        if not (recipe / _REPOSITORY).exists()
        for folder in recipe.parent.iterdir()
        if folder.is_dir() and _manifests_in(folder)
    }
    links = [link for folder in sorted(beside - own) for link in _links_to(path, folder)]
    return (*owners, *(one for link in links for one in owning_manifests(link)))


def _folders_above(path: Path) -> Iterator[Path]:
    """Yield the directories above a file, up to that of its repository."""
    for folder in path.parents:
        yield folder
        if (folder / _REPOSITORY).exists():
            return


def _read_text(path: Path, buffers: Buffers) -> str:
    """Return the text of a file; nothing of one that is no manifest by its size or kind."""
    text = buffer_of(path, buffers)
    if text is not None:
        return text
    try:
        inside = is_file(path) and lies_below(path, path.absolute().parent)
        if not inside or path.stat().st_size > MAX_BYTES:
            return ""
        return path.read_text("utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return ""


def _keys(text: str) -> set[str]:
    """Return what look like the keys of a mapping, of one in braces with those in its values."""
    pattern = _BRACE_KEY if re.match(_BRACES, text) else _LINE_KEY
    return {found[2] for found in re.finditer(pattern, text)}


def _own_keys(text: str) -> set[str]:
    return _keys(text) & {*_KEYS}


def _manifests_in(folder: Path, buffers: Buffers = NO_BUFFERS) -> tuple[Path, ...]:
    try:
        names = {one.name for one in folder.iterdir()}
    except OSError:
        return ()
    names |= {path.name for path in buffers if path.parent == real_path(folder)}
    files = [folder / name for name in sorted(names) if name.endswith(YAML)]
    return tuple(one for one in files if is_manifest(one, buffers))


def _is_left(inner: Path) -> bool:
    """Return whether a file of a recipe lies where running it writes, or hidden."""
    return any(part in SKIPPED_FOLDERS or part.startswith(".") for part in inner.parts)


def _links_to(path: Path, folder: Path) -> Iterator[Path]:
    """Yield what leads from a recipe to a file, or to a directory that holds it."""
    real = real_path(path)
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_left(Path(name)))
        for name in (*folders, *sorted(files)):
            link = Path(top, name)
            if link.is_symlink() and real.is_relative_to(real_path(link)):
                yield link


def _as_shown(manifests: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return paths as a user would have named them: from the working directory where they can."""
    here = Path.cwd()
    return tuple(one.relative_to(here) if one.is_relative_to(here) else one for one in manifests)
