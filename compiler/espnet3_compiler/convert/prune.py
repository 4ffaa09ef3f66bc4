"""Check the converted configs and remove the keys that the checker refuses, with a note for each.

ESPnet3 accepts any key without a report; a key that no code reads is a mistake here.
"""

import errno
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from os import getpid
from pathlib import Path
from typing import Any

from espnet3_compiler.convert.draft import ConfigDraft
from espnet3_compiler.convert.files import (
    MODEL_NAME,
    OUTPUT_FOLDER,
    companion_configs,
    config_name,
    manifest_name,
    render_files,
)
from espnet3_compiler.convert.notes import DEAD, DROPPED, Notes
from espnet3_compiler.convert.recipe import ConvertedConfig, ConvertedRecipe
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.filesystem import OutsideRoot, lies_below, write_atomically
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import Node, Plain, Sequence, format_path
from espnet3_compiler.syntax.tree import Path as Keys

REFUSED_CODES = ("R502", "R504", "R601", "R602", "R604", "R605", "R606", "R701", "R702")
MAX_ROUNDS = 100


def prune_refused_keys(found: ConvertedRecipe, directory: Path, notes: Notes) -> dict[str, str]:
    """Return the files of the recipe, without the keys that the checker refuses.

    Args:
        found: The converted recipe; its drafts are changed.
        directory: The ESPnet3 recipe.
        notes: Takes a note for every key that is removed.

    Raises:
        OSError: The directory beside the recipe cannot be written.
    """
    with _shadow_directory(directory) as shadow:
        for _ in range(MAX_ROUNDS):
            files = render_files(found)
            write_files(shadow, files)
            if not _remove_refused_keys(found, shadow, notes):
                break
    return files


def write_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory, each atomically."""
    for name, text in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not lies_below(target.parent, directory):
            raise OutsideRoot(errno.EXDEV, "a link leads out of the recipe", str(target))
        write_atomically(target, text.encode())


@contextmanager
def _shadow_directory(directory: Path) -> Iterator[Path]:
    """Yield a directory beside the recipe with links to its files, except those to be written."""
    shadow = directory.parent / f".{directory.name}.from-espnet3-{getpid()}"
    shadow.mkdir()
    try:
        for item in directory.iterdir():
            if item.name != OUTPUT_FOLDER and not item.name.startswith("recipe"):
                (shadow / item.name).symlink_to(item)
        yield shadow
    finally:
        shutil.rmtree(shadow, ignore_errors=True)


def _remove_refused_keys(found: ConvertedRecipe, shadow: Path, notes: Notes) -> bool:
    """Remove every key that the checker refuses; return whether there was one."""
    configs = [*found.trainings, *chain.from_iterable(found.others.values())]
    drafts: dict[Path, tuple[ConfigDraft | None, Keys]] = {
        shadow.resolve() / config_name(config): (config.draft, ()) for config in configs
    }
    removed = False
    for training, outcome in check_manifests(found, shadow, shadow.parent):
        models = {**drafts, outcome.path: (training.model, ("models", MODEL_NAME))}
        for finding in outcome.diagnostics:
            if finding.code in REFUSED_CODES:
                removed |= _remove_refused_key(finding, models, notes)
    return removed


def check_manifests(
    found: ConvertedRecipe, directory: Path, root: Path | None = None
) -> Iterator[tuple[ConvertedConfig, CompileResult]]:
    """Check every manifest, and the main one with every config that no manifest names.

    Args:
        found: The converted recipe.
        directory: Where it is written.
        root: The folder that its files must lie in, if another one.
    """
    for training in found.trainings:
        yield training, compile_manifest(directory / manifest_name(found, training), root=root)
    main = found.trainings[0]
    for role, name in unlisted_configs(found):
        path = directory / manifest_name(found, main)
        yield main, compile_manifest(path, config_files={role: directory / name}, root=root)


def unlisted_configs(found: ConvertedRecipe) -> list[tuple[str, str]]:
    """Return role and name of the configs that no manifest names."""
    used = {
        config_name(config)
        for training in found.trainings
        for config in companion_configs(found, training).values()
    }
    names = [(role, config_name(c)) for role, configs in found.others.items() for c in configs]
    return [(role, name) for role, name in names if name not in used]


def _remove_refused_key(
    finding: Diagnostic, drafts: Mapping[Path, tuple[ConfigDraft | None, Keys]], notes: Notes
) -> bool:
    span = finding.primary.span
    draft, prefix = drafts.get(span.source.path or Path(), (None, ()))
    if draft is None or span.source.path is None:
        return False
    root, _, _ = read_file(span.source.path, span.source.name, span.source.path.parent)
    path = _path_at_span(root, span) if root else None
    if not path or path[: len(prefix)] != prefix or len(path) == len(prefix):
        return False
    path = path[len(prefix) :]
    if not _delete_value(draft.values, path):
        return False
    known = (path[:length] for length in range(len(path), 0, -1))
    origin = next((draft.origins[part] for part in known if part in draft.origins), None)
    key = format_path((*prefix[1:], *path))
    if origin is not None:
        is_option = bool(prefix) and "task" in draft.values and len(path) == 1
        kind = DEAD if is_option else DROPPED  # tasks ignore options that they do not have
        notes.add(kind, origin, key, ". ".join((finding.message, *finding.help)))
    return True


def _path_at_span(node: Node, span: Span) -> Keys | None:
    """Return the path of the innermost entry whose key or value contains a span."""
    if isinstance(node, Tree):
        for entry in node:
            below = _path_at_span(entry.value, span)
            if below is not None:
                return (entry.name, *below)
            if _contains_span(entry.key.span, span) or _contains_span(entry.value.span, span):
                return (entry.name,)
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            below = _path_at_span(item, span)
            if below is not None:
                return (index, *below)
    return None


def _contains_span(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and outer.end > outer.start


def _delete_value(values: Plain, path: Keys) -> bool:
    """Remove the key at a path; return False where there is none, or an item of a list."""
    value: Any = values
    try:
        for key in path[:-1]:
            value = value[key]
        if isinstance(value, dict):
            del value[path[-1]]
            return True
    except (KeyError, IndexError, TypeError):
        pass
    return False
