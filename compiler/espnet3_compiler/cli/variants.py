"""Configs for the command line of ``run.py``: checked in the place of those that a manifest names.

They are given (``--training_config conf/training_slurm.yaml``), or found in the directory that is
checked: their first lines, all comments, say ``# replaces: training``.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.targets.unchecked import TargetCounts
from espnet3_compiler.cli.arguments import MANIFEST
from espnet3_compiler.cli.owners import SKIPPED_FOLDERS, YAML, has_word
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.pipeline import compile_manifest, display_name
from espnet3_compiler.result import CompileResult, sort_findings
from espnet3_compiler.syntax.read import load_source
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names, spelling_fix

_HEAD = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*(?:#[^\n]*)?")
_REPLACES = re.compile(
    r"^#[ \t]*replaces:[ \t]*([\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)[ \t]*$", re.MULTILINE
)
"""The line with its names; other words after the colon are a remark."""
_NAME = re.compile(r"[\w-]+")
_UNUSED = ("R207", "R208", "R819")
"""What only the config uses that is replaced is used."""
HEAD_BYTES = 4096
"""How much of a file is read to find the line."""


class ConfigVariant(Struct, frozen=True):
    """A config that says which one it replaces.

    Attributes:
        file: The file.
        span: The name of the config that it replaces, in its comment.
    """

    file: Path
    span: Span


def with_variants(outcome: CompileResult) -> CompileResult:
    """Add what is found with each of the recipe's variants, to what is found without."""
    if outcome.recipe is None:
        return outcome
    known = [str(item.name.value) for item in outcome.recipe.configs]
    variants = list(find_variants(outcome.path.parent))
    found = [_unknown_config(item, known) for item in variants if item.span.text not in known]
    found = [item for item in found if not _names_another(outcome.path, item.primary.span.text)]
    counts = outcome.counts
    for item in variants:
        if item.span.text in known:
            other = compile_manifest(outcome.path, outcome.sets, {item.span.text: item.file})
            found += _only_here(other.diagnostics, [*outcome.diagnostics, *found])
            name = item.span.source.name
            more = [one for one in other.counts.unchecked if one.path.span.source.name == name]
            counts = TargetCounts(counts.checked, (*counts.unchecked, *more))
    every = sort_findings([*outcome.diagnostics, *found], display_name(outcome.path))
    return replace(outcome, diagnostics=every, counts=counts)


def find_variants(directory: Path) -> Iterator[ConfigVariant]:
    """Yield the configs in and below a recipe's directory that say which one they replace."""
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if _may_hold(Path(folder, name)))
        for name in sorted(files):
            file = Path(folder, name)
            if file.suffix in YAML and name != MANIFEST and _says_replaces(file):
                yield from _read_variants(file, directory)


def _may_hold(folder: Path) -> bool:
    name = folder.name
    return not (name.startswith(".") or name in SKIPPED_FOLDERS or (folder / MANIFEST).exists())


def _says_replaces(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return b"replaces:" in stream.read(HEAD_BYTES)
    except OSError:
        return False


def _read_variants(file: Path, directory: Path) -> Iterator[ConfigVariant]:
    source, _ = load_source(file, display_name(file), directory)
    if source:
        for name in replaced_names(source.text):
            yield ConfigVariant(file, Span(source, *name.span()))


def replaced_names(text: str) -> Iterator[re.Match[str]]:
    """Yield the names of the configs that a text says it replaces, where they stand in it."""
    head = _HEAD.match(text)
    line = _REPLACES.search(head[0]) if head else None
    if line:
        yield from _NAME.finditer(text, *line.span(1))


def _unknown_config(variant: ConfigVariant, known: Sequence[str]) -> Diagnostic:
    """R521: a config says that it replaces one that the manifest does not have."""
    name = variant.span.text
    near = closest_match(name, known)
    return Diagnostic(
        "R521",
        f'the manifest has no config "{name}" that this file could replace',
        Label(variant.span, f"not in ({format_names(known)})"),
        help=did_you_mean(near),
        fix=spelling_fix(variant.span, name, near, known),
    )


def _names_another(manifest: Path, name: str) -> bool:
    """Return whether another manifest of the directory has a key of that name."""
    others = (path for path in manifest.parent.glob("*.y*ml") if path.name != manifest.name)
    return any(has_word(path, name) for path in others)


def _only_here(found: Sequence[Diagnostic], known: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    seen = {_finding_key(item) for item in known}
    yield from (i for i in found if i.code not in _UNUSED and _finding_key(i) not in seen)


def _finding_key(item: Diagnostic) -> tuple[str, str, str, int]:
    span = item.primary.span
    return item.code, item.message, span.source.name, span.start
