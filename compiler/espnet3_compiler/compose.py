"""Compose the configs of a recipe: schema defaults <- extends <- file <- inline <- ``--set``.

A base counts as it is composed, with its own ``--set``: what changes a config changes the configs
that extend it.  Defaults are those of the role that the extending config plays.
"""

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from espnet3_compiler.compose_chain import Part, chain_of, parts_of
from espnet3_compiler.compose_defaults import Slot, defaults, slot_of
from espnet3_compiler.compose_overlay import Record, overlay
from espnet3_compiler.compose_sets import (
    Setting,
    apply_setting,
    not_text,
    parse_setting,
    unknown_global,
    unknown_name,
)
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import Composed, ModelDecl, Recipe
from espnet3_compiler.read_scalars import kind_of
from espnet3_compiler.read_steps import with_step
from espnet3_compiler.shape_repair import repair
from espnet3_compiler.source import Source, Span, Step
from espnet3_compiler.tree import Entry, Mapping, Scalar
from espnet3_schemas import load

RECIPE = "recipe"
"""The name under which ``--set`` reaches the manifest's own texts, exp_tag and so on."""

Settings = dict[str, list[Setting]]


@dataclass(frozen=True, slots=True)
class Composition:
    """The recipe with everything laid over it.

    Attributes:
        recipe: The recipe with the settings of the command line in its models and globals.
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
    """Compose all configs, and apply the settings of the command line.

    Args:
        recipe: The recipe as lowered from the manifest.
        roles: The role of each config; None for a free-form one, which has no defaults.
        sets: ``--set`` arguments, in their order.
        config_files: Files that replace whole declarations, by config name.

    Returns:
        The composition, and what is wrong; what could not be read or applied is left out.
    """
    settings, found = _settings(recipe, sets)
    parts, more = parts_of(recipe, roles, config_files or {})
    found += more
    configs = {}
    for name in parts:
        configs[name], more = _config(name, roles.get(name), parts, settings)
        found += [finding for finding in more if finding not in found]
    if not recipe.names_complete:  # a base may be the config whose name could not be read
        found = [finding for finding in found if finding.code != "R306"]
    models = {str(model.name.value): _model(model, settings, found) for model in recipe.models}
    changed = replace(
        recipe,
        globals=_globals(recipe.globals, settings.get(RECIPE, []), found),
        models=tuple(
            ModelDecl(model.name, models[str(model.name.value)].node) for model in recipe.models
        ),
    )
    return Composition(changed, configs, models), tuple(found)


def bases_only(recipe: Recipe, configs: MappingABC[str, Composed]) -> frozenset[str]:
    """Return the free-form configs that others extend: they need not be complete in themselves."""
    extended = {base for config in configs.values() for base in config.bases}
    names = {str(config.name.value) for config in recipe.configs}
    return frozenset(
        name for name in extended & names if name in configs and configs[name].role is None
    )


def _settings(recipe: Recipe, sets: Sequence[Source]) -> tuple[Settings, list[Diagnostic]]:
    known = [str(config.name.value) for config in recipe.configs]
    known += [str(model.name.value) for model in recipe.models]
    result: Settings = {}
    found: list[Diagnostic] = []
    for source in sets:
        setting, more = parse_setting(source)
        found += more
        if setting is None:
            continue
        if setting.name.value in (*known, RECIPE):
            result.setdefault(str(setting.name.value), []).append(setting)
        else:
            found.append(unknown_name(setting.name, [*known, RECIPE]))
    return result, found


def _config(
    name: str, role: str | None, parts: dict[str, Part], settings: Settings
) -> tuple[Composed, list[Diagnostic]]:
    chain, broken = chain_of(name, parts)
    slot = _slot(role)
    record = Record()
    declared = chain[-1].name.span
    node = with_step(_defaults(role), Step("default", declared))
    for index, part in enumerate(chain):
        steps = [
            Step("extends", later.extends.span) for later in chain[index + 1 :] if later.extends
        ]
        for layer in part.layers:
            layer, slips = repair(layer, slot.schema) if role else (layer, ())  # noqa: PLW2901
            record.found += slips
            for step in steps:
                layer = with_step(layer, step)  # noqa: PLW2901 - each step wraps the layer once more
            node = _mapping(overlay(node, layer, slot, (), record))
        for setting in settings.get(str(part.name.value), []):
            node = apply_setting(node, setting, slot, record)
    composed = Composed(
        name=name,
        role=role,
        node=_placed(_without_excluded(node, slot), declared),
        history=record.history,
        sources=tuple(dict.fromkeys(part.source for part in chain if part.source)),
        bases=tuple(str(part.name.value) for part in chain[:-1]),
        whole=chain[0].extends is None and all(part.whole for part in chain),
    )
    found = [] if role is None and (composed.bases or _is_base(name, parts)) else record.found
    return composed, [*([broken] if broken else []), *found]


@cache
def _defaults(role: str | None) -> Mapping:
    return defaults(_slot(role))


def _slot(role: str | None) -> Slot:
    return slot_of(role, load(role)) if role else Slot()


def _is_base(name: str, parts: dict[str, Part]) -> bool:
    return any(part.extends and part.extends.value == name for part in parts.values())


def _placed(node: Mapping, declared: Span) -> Mapping:
    """Give a config of nothing but defaults a place."""
    return Mapping(node.entries, declared) if node.span.source.kind == "schema" else node


def _mapping(node: object) -> Mapping:
    assert isinstance(node, Mapping)
    return node


def _without_excluded(node: Mapping, slot: Slot) -> Mapping:
    """Set a default to null where the recipe gives a key that excludes it."""
    given = {entry.name for entry in node if not _is_default(entry) and not _is_null(entry)}
    excluded = set()
    for first, second in slot.schema.get("x-exclusive", ()):
        excluded |= {second} if first in given else set()
        excluded |= {first} if second in given else set()
    entries = tuple(
        Entry(entry.key, Scalar(None, entry.value.span, via=entry.value.via))
        if entry.name in excluded and _is_default(entry)
        else entry
        for entry in node
    )
    return Mapping(entries, node.span, node.via)


def _is_default(entry: Entry) -> bool:
    return entry.value.span.source.kind == "schema"


def _is_null(entry: Entry) -> bool:
    return isinstance(entry.value, Scalar) and entry.value.value is None


def _model(model: ModelDecl, settings: Settings, found: list[Diagnostic]) -> Composed:
    name = str(model.name.value)
    record = Record()
    node = overlay(Mapping((), model.node.span, model.node.via), model.node, Slot(), (), record)
    result = _mapping(node)
    for setting in settings.get(name, []):
        result = apply_setting(result, setting, Slot(), record)
    found += record.found
    return Composed(name, None, result, record.history, ())


def _globals(node: Mapping, settings: list[Setting], found: list[Diagnostic]) -> Mapping:
    entries = {entry.name: entry for entry in node}
    for setting in settings:
        key = setting.keys[0]
        if len(setting.keys) > 1 or key.value not in entries:
            found.append(unknown_global(key, list(entries)))
            continue
        value = setting.value
        if not isinstance(value, Scalar) or kind_of(value.value) not in ("text", "a number"):
            found.append(not_text(setting))
            continue
        text = value.value if isinstance(value.value, str) else value.span.text
        entries[str(key.value)] = Entry(key, Scalar(text, value.span, value.style))
    return Mapping(tuple(entries.values()), node.span, node.via)
