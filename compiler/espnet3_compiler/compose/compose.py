"""Compose configs: defaults of schema <- of the System <- extends <- file <- inline <- ``--set``.

A base is composed with its own ``--set``: a change of a config changes the configs that extend it.
Defaults are those of the role of the extending config.
"""

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.compose.inheritance import ConfigLayers, collect_layers, inheritance_chain
from espnet3_compiler.compose.merge import Copies, MergeRecord, merge_nodes
from espnet3_compiler.compose.overrides import (
    Override,
    apply_override,
    parse_override,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import ProvenanceStep, Source, Span
from espnet3_compiler.manifest.recipe import Composed, ModelDecl, Recipe, System
from espnet3_compiler.schema.defaults import SchemaLocation, role_location, schema_defaults
from espnet3_compiler.schema.repair import repair_misspelt_keys
from espnet3_compiler.syntax.core_schema import describe_type
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, is_null, map_children
from espnet3_compiler.syntax.unknown_name import unknown_name

RECIPE = "recipe"
"""The name under which ``--set`` reaches the manifest's own texts, exp_tag and so on."""

OverridesByName = dict[str, list[Override]]
_RepairedLayers = dict[tuple[int, str | None], tuple[Mapping, tuple[Diagnostic, ...]]]
"""Layers with their keys as they were meant, by identity and role: configs share bases."""


class Composition(Struct, frozen=True):
    """The recipe after composition.

    Attributes:
        recipe: The recipe with ``--set`` applied to its models and globals.
        configs: By name, in the order of the manifest.
        models: By name, in the order of the manifest; their history is for ``--why``.
    """

    recipe: Recipe
    configs: dict[str, Composed]
    models: dict[str, Composed]


def compose(
    recipe: Recipe,
    roles: MappingABC[str, str | None],
    sets: Sequence[Source] = (),
    config_files: MappingABC[str, Path] | None = None,
) -> tuple[Composition, tuple[Diagnostic, ...]]:
    """Compose all configs, and apply the ``--set`` arguments.

    Args:
        recipe: The recipe as lowered from the manifest.
        roles: The role of each config; None for a free-form one, which has no defaults.
        sets: ``--set`` arguments, in their order.
        config_files: Files that replace declarations, by config name.
    """
    settings, found = _parse_overrides(recipe, sets)
    parts, more = collect_layers(recipe, roles, config_files or {})
    found += more
    configs = {}
    bases = {str(part.extends.value) for part in parts.values() if part.extends}
    known = set(found)
    shared = _Shared(bases, {}, Copies())
    defaults = {role: _base_layers(role, recipe.system) for role in {None, *roles.values()}}
    for name in parts:
        chain = inheritance_chain(name, parts, recipe.group_names)
        base = defaults[roles.get(name)]
        configs[name], more = _compose_config(name, base, chain, settings, shared)
        found += [finding for finding in more if finding not in known]
        known.update(more)
    if not recipe.names_complete:  # a base may be the config whose name could not be read
        found = [finding for finding in found if finding.code != "R306"]
    models = {
        str(model.name.value): _compose_model(model, settings, found) for model in recipe.models
    }
    nodes = (models[str(model.name.value)].node for model in recipe.models)
    changed = replace(
        recipe,
        globals=_override_globals(recipe.globals, settings.get(RECIPE, []), found),
        models=tuple(map(ModelDecl, (model.name for model in recipe.models), nodes)),
    )
    return Composition(changed, configs, models), tuple(found)


def bases_only(recipe: Recipe, configs: MappingABC[str, Composed]) -> frozenset[str]:
    """Return the free-form configs that others extend: they need not be complete."""
    extended = {base for config in configs.values() for base in config.bases}
    names = {str(config.name.value) for config in recipe.configs} & extended
    return frozenset(name for name in names if name in configs and configs[name].role is None)


def _parse_overrides(
    recipe: Recipe, sets: Sequence[Source]
) -> tuple[OverridesByName, list[Diagnostic]]:
    names = [config.name for config in recipe.configs] + [model.name for model in recipe.models]
    known = [*(str(name.value) for name in names), RECIPE]
    result: OverridesByName = {}
    found: list[Diagnostic] = []
    for source in sets:
        setting, more = parse_override(source)
        found += more
        if setting is None:
            continue
        if setting.name.value in known:
            result.setdefault(str(setting.name.value), []).append(setting)
        else:
            message = f'"{setting.name.value}" is neither a config nor a model'
            groups, name = recipe.group_names, str(setting.name.value)
            rows = groups.rows_hint("configs", name) or groups.rows_hint("models", name)
            found.append(unknown_name("R309", message, setting.name, known, rows=rows))
    return result, found


class _BaseLayers(Struct, frozen=True):
    """What lies below the layers of a config in a role; nothing below a free-form one."""

    role: str | None
    slot: SchemaLocation
    layers: tuple[Mapping, ...]


def _base_layers(role: str | None, system: System) -> _BaseLayers:
    """Return the defaults of the schema of a role, and those of the System for it."""
    slot = role_location(role, system.role_schema(role)) if role else SchemaLocation()
    added = system.roles[role].defaults if role and role in system.roles else ()
    return _BaseLayers(role, slot, (schema_defaults(slot), *added))


class _Shared(Struct, frozen=True):
    """What configs have in common.

    Attributes:
        bases: The names of the configs that others extend.
        repaired: The layers of the configs so far, of which the next may extend some.
        copies: These layers as they came into configs.
    """

    bases: AbstractSet[str]
    repaired: _RepairedLayers
    copies: Copies


def _compose_config(
    name: str,
    base: _BaseLayers,
    inherited: tuple[list[ConfigLayers], list[Diagnostic]],
    settings: OverridesByName,
    shared: _Shared,
) -> tuple[Composed, list[Diagnostic]]:
    """Return a config put together, and what is wrong with it.

    Args:
        name: Its name.
        base: Its role, and the defaults of it.
        inherited: Its layers and those of its bases, and what is wrong with these.
        settings: The ``--set`` arguments by name.
        shared: What it has in common with others.
    """
    chain, found = inherited
    role, slot = base.role, base.slot
    record, repaired = MergeRecord(shared.copies), shared.repaired
    declared = chain[-1].name.span
    default = ProvenanceStep("default", declared)
    node, *added = (record.copies.with_provenance(layer, default) for layer in base.layers)
    for layer in added:
        node = _as_mapping(merge_nodes(node, layer, slot, (), record))
    for index, part in enumerate(chain):
        steps = [
            ProvenanceStep("extends", later.extends.span)
            for later in reversed(chain[index + 1 :])
            if later.extends
        ]
        for layer in part.layers:
            key = id(layer), role  # a layer is as long there as its config
            if role and key not in repaired:
                repaired[key] = repair_misspelt_keys(layer, slot.schema)
            layer, misspelt = repaired.get(key, (layer, ()))  # noqa: PLW2901
            record.found += misspelt
            layer = record.copies.with_provenance(layer, *steps)  # noqa: PLW2901
            node = _as_mapping(merge_nodes(node, layer, slot, (), record))
        for setting in settings.get(str(part.name.value), []):
            node = apply_override(node, setting, slot, record)
    composed = Composed(
        name=name,
        role=role,
        node=_without_excluded(node, slot, declared),
        history=record.history,
        sources=tuple(dict.fromkeys(part.source for part in chain if part.source)),
        bases=tuple(str(part.name.value) for part in chain[:-1]),
        complete=chain[0].extends is None and all(part.complete for part in chain),
    )
    if role is None and (composed.bases or name in shared.bases):
        return composed, found  # the mistakes are reported where the config is read in a role
    return composed, [*found, *record.found]


def _as_mapping(node: object) -> Mapping:
    assert isinstance(node, Mapping)
    return node


def _without_excluded(node: Mapping, slot: SchemaLocation, declared: Span) -> Mapping:
    """Set a default to null where the recipe gives a key that excludes it."""
    given = {
        entry.name for entry in node if not _is_schema_default(entry) and not is_null(entry.value)
    }
    excluded = set()
    for first, second in slot.schema.get("x-exclusive", ()):
        excluded |= {second} if first in given else set()
        excluded |= {first} if second in given else set()
    excluded -= given
    merged = map_children(
        node,
        lambda value, key: Scalar(None, value.span, via=value.via) if key in excluded else value,
    )
    if node.span.source.holds_defaults:  # the config has nothing but defaults
        return Mapping(merged.entries, declared)
    return merged


def _is_schema_default(entry: Entry) -> bool:
    return entry.value.span.source.holds_defaults


def _compose_model(
    model: ModelDecl, settings: OverridesByName, found: list[Diagnostic]
) -> Composed:
    name = str(model.name.value)
    record = MergeRecord()
    empty = Mapping((), model.node.span, model.node.via)
    result = _as_mapping(merge_nodes(empty, model.node, SchemaLocation(), (), record))
    for setting in settings.get(name, []):
        result = apply_override(result, setting, SchemaLocation(), record)
    found += record.found
    return Composed(name, None, result, record.history, ())


def _override_globals(node: Mapping, settings: list[Override], found: list[Diagnostic]) -> Mapping:
    entries = {entry.name: entry for entry in node}
    for setting in settings:
        key = setting.keys[0]
        if len(setting.keys) > 1 or key.value not in entries:
            message = f'"{key.value}" of the recipe cannot be set'
            found.append(unknown_name("R309", message, key, entries))
            continue
        value = setting.value
        shown = describe_type(value.value if isinstance(value, Scalar) else value)
        if not isinstance(value, Scalar) or shown not in ("text", "a number"):
            message = f'"{key.value}" must be text, not {shown}'
            found.append(Diagnostic("R309", message, Label(setting.span, "not text")))
            continue
        text = value.value if isinstance(value.value, str) else value.span.text
        entries[str(key.value)] = Entry(key, Scalar(text, value.span, value.style))
    return Mapping(tuple(entries.values()), node.span, node.via)
