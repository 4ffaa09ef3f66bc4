"""From the tree of a manifest to the typed recipe.

The schema check has reported parts of a wrong type: they are skipped here. A wrong name is reported
and replaced by the one that was likely meant, so that one mistake gives one finding and the rest is
still checked.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.filesystem import NO_BUFFERS, Buffers
from espnet3_compiler.manifest.group_names import NO_GROUPS, GroupNames
from espnet3_compiler.manifest.recipe import ConfigDecl, ModelDecl, Recipe, Resolved, System
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.manifest.stages import Declarations, lower_stages
from espnet3_compiler.manifest.system import lower_system, system_configs
from espnet3_compiler.manifest.values import (
    as_mapping,
    as_text,
    default_scalar,
    mapping_entries,
    substitute_text,
    without_keys,
)
from espnet3_compiler.schema.messages import missing_key
from espnet3_compiler.schema.types import Instance
from espnet3_compiler.signature.library import default_folder, open_library
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar
from espnet3_schemas import load

GLOBALS = ("exp_tag", "exp_dir", "data_dir")


def lower(
    root: Mapping,
    source: Source,
    directory: Path,
    names: GroupNames = NO_GROUPS,
    *,
    complete: bool = True,
    buffers: Buffers = NO_BUFFERS,
) -> tuple[Recipe, tuple[Diagnostic, ...]]:
    """Return the recipe of a manifest and what is wrong with the names in it.

    Args:
        root: The manifest's tree.
        source: The manifest's text.
        directory: The absolute recipe directory.
        names: What short names mean in the groups of the manifest.
        complete: False where a group with a ``matrix`` could not be expanded: it may declare the
            names that seem to be missing.
        buffers: Texts that stand in for files.
    """
    library = open_library(directory, default_folder(), buffers)
    system, findings = lower_system(root, library)
    models = tuple(
        ModelDecl(entry.key, as_mapping(entry.value) or Mapping((), entry.value.span))
        for entry in mapping_entries(root.get("models"), every=True)
    )
    configs = tuple(_lower_config(entry, names) for entry in mapping_entries(root.get("configs")))
    own = {str(config.name.value) for config in configs}
    offered = tuple(one for one in system_configs(system, directory) if one.name.value not in own)
    names_complete = complete and _are_names_complete(root)
    result = lower_stages(
        Declarations(root, system, models, (*configs, *offered), names, names_complete)
    )
    read = {binding.config for stage in result.stages for binding in stage.configs}
    offered = tuple(config for config in offered if config.name.value in read)
    recipe = Recipe(
        source=source,
        directory=directory,
        name=as_text(root.get("recipe")) or substitute_text("unnamed/recipe", root),
        system=system,
        library=library,
        globals=Mapping(tuple(_lower_global(root, name) for name in GLOBALS), root.span),
        models=models,
        configs=tuple(
            replace(config, name=substitute_text(role, config.name))
            if (role := result.likely_roles.get(str(config.name.value)))
            else config
            for config in (*configs, *offered)
        ),
        stages=result.stages,
        names_complete=names_complete,
        group_names=names,
        complete=result.complete and names_complete and not findings,
    )
    elsewhere = any(one.primary.span.source is not source for one in findings)
    missing = () if elsewhere else _missing_stages(root, system)  # the declaration may have them
    return recipe, (*findings, *missing, *result.findings)


def _missing_stages(root: Mapping, system: System) -> tuple[Diagnostic, ...]:
    """Report a manifest without stages, unless its System declares the usual ones."""
    if root.entry("stages") or system.stages or not has_certain_keys(root):
        return ()
    schema = load("recipe")
    found = missing_key(Instance(root, "", None, schema), "stages", schema)
    if WILDCARD in system.kinds:
        hint = f'install the package of "{system.name.value}", which may declare them'
        found = replace(found, help=(*found.help, hint))
    return (found,)


def config_roles(recipe: Recipe) -> dict[str, str | None]:
    """Return the role that each config plays: the first one that a stage reads it in.

    A config without a role is free-form: only references and ``extends`` use it.
    """
    roles: dict[str, str | None] = {str(config.name.value): None for config in recipe.configs}
    for stage in recipe.stages:
        for binding in stage.configs:
            if recipe.system.has_role(binding.role) and roles.get(binding.config, "") is None:
                roles[binding.config] = binding.role
    return roles


def configs_in_role(recipe: Recipe, resolved: Resolved, role: str) -> Iterator[tuple[str, Mapping]]:
    """Yield the configs that play a role, each with its name.

    Args:
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
        role: For example ``metrics``.
    """
    for name, its in config_roles(recipe).items():
        if its == role and name in resolved.configs:
            yield name, resolved.configs[name]


def _lower_config(entry: Entry, names: GroupNames) -> ConfigDecl:
    block = as_mapping(entry.value)
    if block is None:
        path = as_text(entry.value)
        return ConfigDecl(entry.key, None, path, None, path is not None)
    extends, file = as_text(block.get("extends")), as_text(block.get("file"))
    if extends:
        extends = substitute_text(names.base_name(entry.name, str(extends.value)), extends)
    complete = (
        has_certain_keys(block)
        and (extends is not None) is (block.entry("extends") is not None)
        and (file is not None) is (block.entry("file") is not None)
    )
    inline = without_keys(block, "extends", "file")
    return ConfigDecl(entry.key, extends, file, inline, complete)


def _lower_global(root: Mapping, name: str) -> Entry:
    entry = root.entry(name)
    if entry and as_text(entry.value):
        return entry
    default = load("recipe")["properties"][name]["default"]
    return Entry(entry.key if entry else Scalar(name, root.span), default_scalar(name, default))


def _are_names_complete(root: Mapping) -> bool:
    """Return whether the names under ``models`` and ``configs`` are all that the recipe declares.

    They are not where a block is no mapping, or has a key that is no text or a value of a wrong
    type, or where the top level has an unknown key: a missing line or a wrong indentation moves
    names from one block to another.
    """
    known = load("recipe")["properties"]
    if not has_certain_keys(root) or not all(entry.name in known for entry in root):
        return False
    return _is_block(root.get("models"), _is_model) and _is_block(
        root.get("configs"), lambda node: isinstance(node, Mapping | Scalar)
    )


def _is_block(node: Node | None, has_right_type: Callable[[Node], bool]) -> bool:
    if not isinstance(node, Mapping):
        return node is None
    return has_certain_keys(node) and all(has_right_type(entry.value) for entry in node)


def _is_model(node: Node) -> bool:
    """Return whether a node looks like a model, and not like a config in the wrong block."""
    names = load("recipe")["$defs"]["model"]["x-requires-one"]
    return isinstance(node, Mapping) and any(
        entry.name in names or closest_match(entry.name, names) for entry in node
    )
