"""Check the converted configs and remove the keys that the checker refuses, with a note for each.

ESPnet3 accepts any key without a report; a key that no code reads is a mistake here.
"""

import errno
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from typing import Any

from espnet3_compiler.convert.configs.draft import ConfigDraft
from espnet3_compiler.convert.files import (
    OUTPUT_FOLDER,
    companion_configs,
    config_name,
    manifest_configs,
    manifest_name,
    render_files,
)
from espnet3_compiler.convert.key_lists import find_key
from espnet3_compiler.convert.notes import Notes, became, left_out, lost
from espnet3_compiler.convert.recipe import ConvertedConfig, ConvertedRecipe
from espnet3_compiler.convert.stage_entries import SYSTEM_MODULE, model_names
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.filesystem import OutsideRoot, lies_below, write_atomically
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.result import CompileResult
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import Node, Plain, Sequence, format_path
from espnet3_compiler.syntax.tree import Path as Keys

Drafts = dict[Path, list[tuple[ConfigDraft, Keys]]]
"""Drafts by the file that they are written to, with the keys above them in it."""
REFUSED_CODES = ("R502", "R504", "R601", "R602", "R604", "R605", "R606", "R701", "R702")
MAX_ROUNDS = 100
TASK_OPTIONS = (
    *("frontend", "specaug", "normalize", "preencoder", "encoder", "postencoder", "decoder"),
    *("frontend_conf", "specaug_conf", "normalize_conf", "preencoder_conf", "encoder_conf"),
    *("postencoder_conf", "decoder_conf", "model", "model_conf", "ctc_conf", "joint_net_conf"),
    *("token_list", "token_type", "bpemodel", "init", "input_size", "vocab_size"),
)
"""Options of ESPnet2's tasks: a task without one of them passes over it."""


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
            is_made = item.name == OUTPUT_FOLDER or item.name.startswith(("recipe", SYSTEM_MODULE))
            if not is_made:
                (shadow / item.name).symlink_to(item)
        yield shadow
    finally:
        shutil.rmtree(shadow, ignore_errors=True)


def _remove_refused_keys(found: ConvertedRecipe, shadow: Path, notes: Notes) -> bool:
    """Remove every key that the checker refuses; return whether there was one."""
    drafts: Drafts = {
        shadow.resolve() / config_name(config): [(config.draft, ())]
        for config in found.every_config()
    }
    removed = False
    for training, outcome in check_manifests(found, shadow, shadow.parent):
        models = {**drafts, outcome.path: _model_drafts(found, training)}
        for finding in outcome.diagnostics:
            if finding.code in REFUSED_CODES:
                removed |= _remove_refused_key(finding, models, notes)
    return removed


def _model_drafts(
    found: ConvertedRecipe, training: ConvertedConfig | None
) -> list[tuple[ConfigDraft, Keys]]:
    """Return the models of a manifest, each of whose configs has one, and where they are in it."""
    names = model_names(found, training)
    configs = [config for config in (training, *found.phases) if config and config.model]
    return [
        (config.model, ("models", name))
        for config in configs
        for name, values in names
        if config.model and config.model.values == values
    ]


def check_manifests(
    found: ConvertedRecipe, directory: Path, root: Path | None = None
) -> Iterator[tuple[ConvertedConfig | None, CompileResult]]:
    """Check every manifest, and the main one with every config that no manifest names.

    Args:
        found: The converted recipe.
        directory: Where it is written.
        root: The folder that its files must lie in, if another one.
    """
    for training in manifest_configs(found):
        yield training, compile_manifest(directory / manifest_name(found, training), root=root)
    main = manifest_configs(found)[0]
    for role, name in unlisted_configs(found):
        path = directory / manifest_name(found, main)
        yield main, compile_manifest(path, config_files={role: directory / name}, root=root)


def unlisted_configs(found: ConvertedRecipe) -> list[tuple[str, str]]:
    """Return role and name of the configs that no manifest names."""
    used = {
        config_name(config)
        for training in manifest_configs(found)
        for config in companion_configs(found, training).values()
    }
    names = [(role, config_name(c)) for role, configs in found.others.items() for c in configs]
    return [(role, name) for role, name in names if name not in used]


def _remove_refused_key(finding: Diagnostic, drafts: Drafts, notes: Notes) -> bool:
    """Remove the key of a finding; return whether there was one. Configs may share a model."""
    span = finding.primary.span
    root, _, _ = (
        read_file(span.source.path, span.source.name, span.source.path.parent)
        if span.source.path in drafts and span.source.path
        else (None, None, ())
    )
    whole = _path_at_span(root, span) if root else None
    removed = False
    for draft, prefix in drafts.get(span.source.path or Path(), ()) if whole else ():
        assert whole is not None
        path = whole[len(prefix) :]
        if whole[: len(prefix)] == prefix and path and _delete_value(draft.values, path):
            _note_removed_key(finding, draft, path, notes, is_model=bool(prefix))
            removed = True
    return removed


def _note_removed_key(
    finding: Diagnostic, draft: ConfigDraft, path: Keys, notes: Notes, *, is_model: bool
) -> None:
    """Note that a key is removed, where ESPnet3's config has it.

    Args:
        finding: What the checker says of it.
        draft: Our config.
        path: The key in it.
        notes: Takes the note.
        is_model: Whether the config is that of a model.
    """
    known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in draft.origins), None)
    if known is None:
        return
    place = find_key(notes.trees.values(), draft.origins[known], path[len(known) :])
    why = ". ".join((finding.message, *finding.help))
    if place and place[1]:  # the file does not have it
        without = f"it without {format_path(place[1])} of the template"
        notes.add(place[0].key.span, became(without, why))
        return
    # tasks ignore options that they do not have; what another task has is no slip of the pen
    is_ignored = is_model and "task" in draft.values and len(path) == 1
    outcome = left_out(why) if is_ignored and path[0] in TASK_OPTIONS else lost(why)
    notes.add(place[0].key.span if place else draft.origins[known], outcome)


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
