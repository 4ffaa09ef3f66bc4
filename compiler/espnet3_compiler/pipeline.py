"""From a manifest to its outcome, as a list of steps; every step adds what it finds."""

import os
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from espnet3_compiler.checks import ALL
from espnet3_compiler.checks.targets import check as targets
from espnet3_compiler.compose.compose import compose
from espnet3_compiler.deduplicate import without_consequences
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.interpolation.resolve import resolve
from espnet3_compiler.manifest.lower import config_roles, lower
from espnet3_compiler.manifest.matrix import Expansion, expand
from espnet3_compiler.manifest.matrix_names import merge_row_findings
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.result import CompileResult, sort_findings
from espnet3_compiler.schema.keys import unknown_key_paths
from espnet3_compiler.schema.repair import repair_misspelt_keys
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.span_key import is_inherited
from espnet3_compiler.syntax.tree import Mapping
from espnet3_schemas import load


def compile_manifest(
    path: Path,
    sets: Sequence[str] = (),
    config_files: MappingABC[str, Path] | None = None,
) -> CompileResult:
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
        return CompileResult(manifest, diagnostics=sort_findings(found, name))
    root, slips = repair_misspelt_keys(root, load("recipe"))
    found += (*slips, *validate_tree(root, load("recipe"), lenient_references=True))
    written = _expand_manifest(root)
    found += tuple(written.found)
    recipe, more = lower(written.root, source, manifest.parent, written_out=written.whole)
    recipe = replace(recipe, rows=written.rows)
    found += more
    roles = config_roles(recipe)
    composition, more = compose(recipe, roles, _override_sources(sets), config_files or {})
    found += more
    recipe = composition.recipe
    resolved, more = resolve(recipe, composition.configs)
    found += more
    resolved, more = _validate_configs(resolved, roles)
    found += more
    found = merge_row_findings((*found, *_run_checks(recipe, resolved)), written.templates)
    found = without_consequences(found, recipe, resolved)
    return CompileResult(
        manifest,
        root=root,
        sets=tuple(sets),
        recipe=recipe,
        composition=composition,
        resolved=resolved,
        diagnostics=sort_findings(found, name),
        counts=targets.count_targets(recipe, resolved),
    )


def display_name(path: Path) -> str:
    """Return what reports call a file: its path from the working directory."""
    return Path(os.path.relpath(path)).as_posix()


def _expand_manifest(root: Mapping) -> Expansion:
    """Return the manifest without groups; what rows of a matrix filled in is checked too."""
    written = expand(root)
    definitions = load("recipe")["$defs"]
    for name, node in written.parts:
        schema = {**definitions[name], "type": ["string", "object"]}
        written.found += validate_tree(node, schema, lenient_references=True)
    return written


def _override_sources(sets: Sequence[str]) -> tuple[Source, ...]:
    return tuple(Source("--set", text, "set") for text in sets)


def _validate_configs(
    resolved: Resolved, roles: MappingABC[str, str | None]
) -> tuple[Resolved, tuple[Diagnostic, ...]]:
    """Check configs against their schemas, and note those in which something is wrong."""
    found: tuple[Diagnostic, ...] = ()
    doubtful = set()
    for name, config in resolved.configs.items():
        role = roles.get(name)
        if role is None:
            continue
        wrong = validate_tree(config, load(role), lenient_references=False)
        if name in resolved.partial or _has_incomplete_base(config):
            # What is missing may stand in the part that was not read.
            wrong = tuple(finding for finding in wrong if finding.code != "R603")
        if wrong or unknown_key_paths(config, role):
            doubtful.add(name)
        found += wrong
    return replace(resolved, doubtful=frozenset(doubtful)), found


def _has_incomplete_base(config: Mapping) -> bool:
    """Return whether a key that could not be read came from another config."""
    return any(is_placeholder(entry.key) and is_inherited(entry.key) for entry in config)


def _run_checks(recipe: Recipe, resolved: Resolved) -> tuple[Diagnostic, ...]:
    return tuple(finding for check in ALL for finding in check(recipe, resolved))
