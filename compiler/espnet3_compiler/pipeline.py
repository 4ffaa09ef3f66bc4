"""Start here: the steps from a manifest to a checked recipe, in order; each adds its findings."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as MappingABC
from pathlib import Path

from msgspec.structs import replace

from espnet3_compiler.checks import ALL
from espnet3_compiler.checks.targets.check import count_targets
from espnet3_compiler.compose.compose import compose
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.ignore_comments import MARK
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.filesystem import NO_BUFFERS, Buffers, shown_path
from espnet3_compiler.ignored import comment_findings, without_ignored
from espnet3_compiler.interpolation.resolve import resolve
from espnet3_compiler.manifest.lower import config_roles, lower
from espnet3_compiler.manifest.matrix import Expansion, expand
from espnet3_compiler.manifest.matrix_names import merge_row_findings
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.result import CompileResult, sort_findings
from espnet3_compiler.schema.keys import unknown_key_paths
from espnet3_compiler.schema.repair import repair_and_validate
from espnet3_compiler.schema.validate import validate_tree
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.span_key import is_inherited, span_key
from espnet3_schemas import load


def compile_manifest(
    path: Path,
    sets: Sequence[str] = (),
    config_files: MappingABC[str, Path] | None = None,
    root: Path | None = None,
    environment: MappingABC[str, str | None] | None = None,
    buffers: Buffers = NO_BUFFERS,
    proceed: Callable[[], None] = lambda: None,
) -> CompileResult:
    """Check a manifest and the files that it names; the result can plan its build.

    All mistakes are reported in one run: a step skips a part that an earlier mistake makes
    unusable.  Nothing is written and no code of the recipe runs.

    Args:
        path: The manifest.
        sets: ``name.key=value`` arguments, applied last.
        config_files: Files that replace declared configs, by config name.
        root: The folder that files of ``load_line`` must lie in; that of the manifest, unless
            given.
        environment: Variables of the environment as an earlier compile found them.
        buffers: Texts that stand in for files: what an editor holds and has not saved.
        proceed: Called between steps and checks; what it raises ends the compile.
    """
    manifest = path.parent.resolve() / path.name
    name = display_name(manifest)

    # read the YAML text into a tree
    tree, source, found = read_file(manifest, name, manifest.parent, buffers)
    if tree is None or source is None:
        return CompileResult(manifest, diagnostics=sort_findings(found, name))

    # check the manifest against its schema
    tree, misspelt, wrong = repair_and_validate(tree, load("recipe"))
    found += (*misspelt, *wrong)

    # expand groups of stages with a matrix
    expansion = expand(tree)
    known = {(finding.code, span_key(finding.primary.span)) for finding in found}
    found += tuple(expansion.found)
    found += tuple(
        finding
        for finding in _validate_expanded(expansion)
        if (finding.code, span_key(finding.primary.span)) not in known
    )

    # lower the tree to a typed recipe: stages, models, configs and their names
    names, complete = expansion.group_names, expansion.complete
    recipe, more = lower(
        expansion.root, source, manifest.parent, names, complete=complete, buffers=buffers
    )
    recipe = replace(recipe, rows=expansion.rows, root=root)
    found += more

    # compose each config: defaults <- those of the System <- extends <- file <- inline <- --set
    roles = config_roles(recipe)
    overrides = [Source("--set", text, "set") for text in sets]
    proceed()
    composition, more = compose(recipe, roles, overrides, config_files or {})
    recipe = composition.recipe
    found += more

    # interpolate every ${...}
    proceed()
    resolved, more = resolve(recipe, composition.configs, environment)
    found += more

    # check the configs against the schemas of their roles
    proceed()
    resolved, more = _validate_configs(recipe, resolved, roles)
    found += more

    # run the checks, then drop findings that only follow from others
    for check in ALL:
        proceed()
        found += tuple(check(recipe, resolved))
    found = merge_row_findings(found, expansion.templates)
    if found:
        from espnet3_compiler.deduplicate import without_consequences

        found = without_consequences(found, recipe, resolved)

    # drop warnings that a comment silences
    texts = [text for config in composition.configs.values() for text in config.sources]
    texts += recipe.library.own_texts_with(MARK)
    whole = not (sets or config_files)
    found = (*without_ignored(found), *comment_findings(found, source, texts, whole=whole))
    counts = count_targets(recipe, resolved)
    recipe.library.flush()
    return CompileResult(
        manifest,
        root=tree,
        sets=tuple(sets),
        recipe=recipe,
        composition=composition,
        resolved=resolved,
        diagnostics=sort_findings(found, name),
        counts=counts,
    )


def display_name(path: Path) -> str:
    """Return what reports call a file: its path from the working directory."""
    return shown_path(path)


def _validate_expanded(expansion: Expansion) -> Iterator[Diagnostic]:
    """Check the nodes that the rows of a matrix filled in."""
    manifest = load("recipe")
    for name, node in expansion.parts:
        schema = {**manifest["$defs"][name], "type": ["string", "object"]}
        yield from validate_tree(node, schema, lenient_references=True)


def _validate_configs(
    recipe: Recipe, resolved: Resolved, roles: MappingABC[str, str | None]
) -> tuple[Resolved, tuple[Diagnostic, ...]]:
    """Check configs against their schemas, and record which are invalid.

    Args:
        recipe: The recipe, whose System may have roles of its own.
        resolved: The values of its configs.
        roles: The role of each config.
    """
    found: tuple[Diagnostic, ...] = ()
    invalid = set()
    for name, config in resolved.configs.items():
        role = roles.get(name)
        if role is None:
            continue
        wrong = validate_tree(config, recipe.system.role_schema(role), lenient_references=False)
        keys = [entry.key for entry in config] if wrong else []
        if name in resolved.incomplete or any(is_placeholder(k) and is_inherited(k) for k in keys):
            # a missing key may stand in the part that could not be read
            wrong = tuple(finding for finding in wrong if finding.code != "R603")
        if wrong or unknown_key_paths(config, role, recipe.library):
            invalid.add(name)
        found += wrong
    return replace(resolved, invalid=frozenset(invalid), memo={}), found
