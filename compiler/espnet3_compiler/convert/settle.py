"""Check what was converted, and take out what the checker refuses, with a note for each.

ESPnet3 accepts any key and says nothing; a key that nothing reads there is a mistake here.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import getpid
from pathlib import Path

from espnet3_compiler.convert.draft import Draft
from espnet3_compiler.convert.files import FOLDER, MODEL, chosen, config_name, manifest_name, texts
from espnet3_compiler.convert.notes import DEAD, DROPPED, Notes
from espnet3_compiler.convert.recipe import Config, Found
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.disk import put
from espnet3_compiler.outcome import Outcome
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.read import read_file
from espnet3_compiler.source import Span
from espnet3_compiler.tree import Mapping as Tree
from espnet3_compiler.tree import Node, Plain, Sequence, dotted
from espnet3_compiler.tree import Path as Keys

REFUSED = ("R502", "R504", "R601", "R602", "R604", "R605", "R606", "R701", "R702")
ROUNDS = 100


def settle(found: Found, directory: Path, notes: Notes) -> dict[str, str]:
    """Return the files of the recipe, without the keys that the checker refuses.

    Args:
        found: The converted recipe; its drafts are changed.
        directory: The ESPnet3 recipe.
        notes: Gets a line for every key that is taken out.

    Raises:
        OSError: The directory beside the recipe cannot be written.
    """
    with _shadow(directory) as shadow:
        for _ in range(ROUNDS):
            files = texts(found)
            write_all(shadow, files)
            if not _take_out(found, shadow, notes):
                break
    return files


def write_all(directory: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory, each whole or not at all."""
    for name, text in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        put(target, text.encode())


@contextmanager
def _shadow(directory: Path) -> Iterator[Path]:
    """Yield a directory beside the recipe that has everything of it but what is written."""
    shadow = directory.parent / f".{directory.name}.from-espnet3-{getpid()}"
    shadow.mkdir()
    try:
        for item in directory.iterdir():
            if item.name != FOLDER and not item.name.startswith("recipe"):
                (shadow / item.name).symlink_to(item)
        yield shadow
    finally:
        shutil.rmtree(shadow, ignore_errors=True)


def _take_out(found: Found, shadow: Path, notes: Notes) -> bool:
    """Take out every key that the checker refuses; return whether there was one."""
    drafts = _drafts(found, shadow)
    took = False
    for training, outcome in outcomes(found, shadow):
        models = {**drafts, outcome.path: (training.model, ("models", MODEL))}
        for finding in outcome.diagnostics:
            if finding.code in REFUSED:
                took |= _take_one(finding, models, notes)
    return took


def outcomes(found: Found, directory: Path) -> Iterator[tuple[Config, Outcome]]:
    """Check every manifest, and the main one with every config that no manifest names."""
    for training in found.trainings:
        yield training, compile_manifest(directory / manifest_name(found, training))
    main = found.trainings[0]
    for role, name in spare(found):
        path = directory / manifest_name(found, main)
        yield main, compile_manifest(path, config_files={role: directory / name})


def spare(found: Found) -> list[tuple[str, str]]:
    """Return role and name of the configs that no manifest names."""
    used = {
        config_name(config)
        for training in found.trainings
        for config in chosen(found, training).values()
    }
    names = [(role, config_name(c)) for role, configs in found.others.items() for c in configs]
    return [(role, name) for role, name in names if name not in used]


def _drafts(found: Found, shadow: Path) -> dict[Path, tuple[Draft | None, Keys]]:
    configs: list[Config] = [*found.trainings, *(c for cs in found.others.values() for c in cs)]
    return {shadow.resolve() / config_name(c): (c.draft, ()) for c in configs}


def _take_one(
    finding: Diagnostic, drafts: Mapping[Path, tuple[Draft | None, Keys]], notes: Notes
) -> bool:
    span = finding.primary.span
    draft, prefix = drafts.get(span.source.path or Path(), (None, ()))
    if draft is None or span.source.path is None:
        return False
    root, _, _ = read_file(span.source.path, span.source.name)
    path = _path_at(root, span) if root else None
    if not path or path[: len(prefix)] != prefix or len(path) == len(prefix):
        return False
    path = path[len(prefix) :]
    if not _remove(draft.values, path):
        return False
    origin = _origin(draft, path)
    key = dotted((*prefix[1:], *path))
    if origin is not None:
        is_option = bool(prefix) and "task" in draft.values and len(path) == 1
        kind = DEAD if is_option else DROPPED  # tasks ignore options that they do not have
        notes.add(kind, origin, key, ". ".join((finding.message, *finding.help)))
    return True


def _path_at(node: Node, span: Span) -> Keys | None:
    """Return the path of the entry whose key or value a place is in."""
    if isinstance(node, Tree):
        for entry in node:
            below = _path_at(entry.value, span)
            if below is not None:
                return (entry.name, *below)
            if _holds(entry.key.span, span) or _holds(entry.value.span, span):
                return (entry.name,)
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            below = _path_at(item, span)
            if below is not None:
                return (index, *below)
    return None


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and outer.end > outer.start


def _remove(values: Plain, path: Keys) -> bool:
    place: object = values
    for key in path[:-1]:
        if isinstance(place, dict) and key in place:
            place = place[key]
            continue
        if not (isinstance(place, list) and isinstance(key, int) and key < len(place)):
            return False
        place = place[key]
    if isinstance(place, dict) and path[-1] in place:
        del place[path[-1]]
        return True
    return False


def _origin(draft: Draft, path: Keys) -> Span | None:
    """Return where a value comes from: the place of the nearest part that is known."""
    for length in range(len(path), 0, -1):
        if path[:length] in draft.origins:
            return draft.origins[path[:length]]
    return None
