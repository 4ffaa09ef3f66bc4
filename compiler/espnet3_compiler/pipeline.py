"""From a manifest to its outcome, as a list of steps; every step adds what it finds."""

import os
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from espnet3_compiler.checks import ALL, targets
from espnet3_compiler.compose import compose
from espnet3_compiler.consequences import without_consequences
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.lower import lower, roles_of
from espnet3_compiler.matrix import Expansion, expand, told_once
from espnet3_compiler.outcome import Outcome, tidy
from espnet3_compiler.places import inherited
from espnet3_compiler.read import read_file
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.resolve import resolve
from espnet3_compiler.shape import check_shape
from espnet3_compiler.shape_repair import repair
from espnet3_compiler.source import Source
from espnet3_compiler.strangers import strangers
from espnet3_compiler.tree import Mapping
from espnet3_schemas import load


def compile_manifest(
    path: Path,
    sets: Sequence[str] = (),
    config_files: MappingABC[str, Path] | None = None,
) -> Outcome:
    """Check a manifest and everything it names; the outcome can plan its build.

    All mistakes are reported in one run: a step that cannot work because of an earlier mistake
    passes the part over, and the others go on.  Nothing is written and no code of the recipe runs.

    Args:
        path: The manifest.
        sets: ``name.key=value`` arguments, applied last.
        config_files: Files that replace declared configs, by config name.
    """
    manifest = path.parent.resolve() / path.name
    name = display_name(manifest)
    root, source, found = read_file(manifest, name)
    if root is None or source is None:
        return Outcome(manifest, diagnostics=tidy(found, name))
    root, slips = repair(root, load("recipe"))
    found += (*slips, *check_shape(root, load("recipe"), lenient_references=True))
    written = _written_out(root)
    found += tuple(written.found)
    recipe, more = lower(written.root, source, manifest.parent, written_out=written.whole)
    recipe = replace(recipe, rows=written.rows)
    found += more
    roles = roles_of(recipe)
    composition, more = compose(recipe, roles, _set_sources(sets), config_files or {})
    found += more
    recipe = composition.recipe
    resolved, more = resolve(recipe, composition.configs)
    found += more
    resolved, more = _config_shapes(resolved, roles)
    found += more
    found = told_once((*found, *_checks(recipe, resolved)), written.templates)
    found = without_consequences(found, recipe, resolved)
    return Outcome(
        manifest,
        root=root,
        sets=tuple(sets),
        recipe=recipe,
        composition=composition,
        resolved=resolved,
        diagnostics=tidy(found, name),
        counts=targets.count(recipe, resolved),
    )


def display_name(path: Path) -> str:
    """Return what reports call a file: its path from the working directory."""
    return Path(os.path.relpath(path)).as_posix()


def _written_out(root: Mapping) -> Expansion:
    """Return the manifest without groups; what rows of a matrix filled in is checked too."""
    written = expand(root)
    whole = load("recipe")
    for name, node in written.parts:
        schema = {**whole["$defs"][name], "type": ["string", "object"], "$defs": whole["$defs"]}
        written.found += check_shape(node, schema, lenient_references=True)
    return written


def _set_sources(sets: Sequence[str]) -> tuple[Source, ...]:
    return tuple(Source("--set", text, "set") for text in sets)


def _config_shapes(
    resolved: Resolved, roles: MappingABC[str, str | None]
) -> tuple[Resolved, tuple[Diagnostic, ...]]:
    """Check configs against their schemas, and note those in which something is wrong."""
    found: tuple[Diagnostic, ...] = ()
    doubtful = set()
    for name, config in resolved.configs.items():
        role = roles.get(name)
        if role is None:
            continue
        wrong = check_shape(config, load(role), lenient_references=False)
        if name in resolved.partial or _has_lost_base(config):
            # What is missing may stand in the part that was not read.
            wrong = tuple(finding for finding in wrong if finding.code != "R603")
        if wrong or strangers(config, role):
            doubtful.add(name)
        found += wrong
    return replace(resolved, doubtful=frozenset(doubtful)), found


def _has_lost_base(config: Mapping) -> bool:
    """Return whether a key that could not be read came from another config."""
    return any(is_stand_in(entry.key) and inherited(entry.key) for entry in config)


def _checks(recipe: Recipe, resolved: Resolved) -> tuple[Diagnostic, ...]:
    return tuple(finding for check in ALL for finding in check(recipe, resolved))
