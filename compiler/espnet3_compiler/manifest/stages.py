"""From the items of ``stages`` to stages: configs, models and other stages looked up."""

from collections.abc import Collection
from collections.abc import Mapping as MappingABC
from typing import Any

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.group_names import GroupNames
from espnet3_compiler.manifest.names import (
    DeclaredNames,
    declared_stage_names,
    find_init_from,
    find_model,
    find_stage,
)
from espnet3_compiler.manifest.recipe import ConfigDecl, ModelDecl, RoleBinding, StageDecl, System
from espnet3_compiler.manifest.role_bindings import bind_roles, missing_roles
from espnet3_compiler.manifest.stage_items import StageItem, read_stage_items
from espnet3_compiler.manifest.stage_kinds import UNKNOWN_KIND
from espnet3_compiler.manifest.values import as_mapping, as_text, as_texts, substitute_text
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence


class Declarations(Struct, frozen=True):
    """The declarations that stages may name.

    Attributes:
        root: The manifest.
        system: The System it builds on.
        models: The declared models.
        configs: The declared configs.
        names: What short names mean in groups.
        names_complete: Whether the name of every model and config could be read.
    """

    root: Mapping
    system: System
    models: tuple[ModelDecl, ...]
    configs: tuple[ConfigDecl, ...]
    names: GroupNames
    names_complete: bool


class LoweredStages(Struct, frozen=True):
    """The stages and what is wrong with them.

    Attributes:
        stages: In the order of the manifest.
        findings: What is wrong with them.
        complete: Whether every stage could be read completely.
        likely_roles: For a config that no stage reads, the role for which it was likely meant.
    """

    stages: tuple[StageDecl, ...]
    findings: tuple[Diagnostic, ...]
    complete: bool
    likely_roles: dict[str, str]


def lower_stages(declared: Declarations) -> LoweredStages:
    """Return the stages of a manifest."""
    configs = dict.fromkeys(str(config.name.value) for config in declared.configs)
    node = declared.root.get("stages") or _usual_stages(declared.system, configs)
    items, findings = read_stage_items(node, declared.system)
    complete = declared.names_complete
    bound = [(item, bind_roles(item, configs, declared.names, complete=complete)) for item in items]
    missing, likely = missing_roles(bound, declared.configs, declared.root, complete=complete)
    known = declared_stage_names(node, items, declared.names)
    stages: list[StageDecl] = []
    for item, result in bound:
        roles = [role for role in result.missing if role in likely]
        added = [RoleBinding(role, role, item.name) for role in roles]
        stage, found = _lower_stage(item, (*result.configs, *added), declared, known)
        stages.append(stage)
        findings += (*result.findings, *found)
    likely_roles = {name: role for role, name in likely.items()}
    return LoweredStages(tuple(stages), (*findings, *missing), known.complete, likely_roles)


def _usual_stages(system: System, configs: Collection[str]) -> Sequence | None:
    """Return the stages of a manifest that lists none, where its System has a usual order.

    An optional one is among them where the recipe has all configs that it cannot do without.
    """
    kinds = tuple(
        substitute_text(str(kind.value), system.name)
        for kind in system.stages
        if _has_configs(system.specs.get(str(kind.value), UNKNOWN_KIND), configs)
    )
    return Sequence(kinds, system.name.span) if kinds else None


def _has_configs(spec: MappingABC[str, Any], configs: Collection[str]) -> bool:
    needed = (role for role, use in spec["roles"].items() if use.get("required"))
    return not spec.get("optional") or all(role in configs for role in needed)


def _lower_stage(
    item: StageItem, configs: tuple[RoleBinding, ...], declared: Declarations, known: DeclaredNames
) -> tuple[StageDecl, list[Diagnostic]]:
    model, findings = find_model(
        item, declared.models, declared.names, complete=declared.names_complete
    )
    start, parts, more = find_init_from(item, known)
    findings += more
    needs: list[Scalar] = []
    for written in as_texts(item.keys.get("needs")):
        need, more = find_stage(item, written, known)
        findings += more
        needs += [need] if need else []
    description = as_text(item.keys.get("description"))
    stage = StageDecl(
        name=item.name,
        run=item.run,
        call=item.call,
        configs=configs,
        model=model,
        init_from=start,
        init_parts=parts,
        needs=tuple(needs),
        arguments=as_mapping(item.keys.get("with")),
        outputs=as_mapping(item.keys.get("outputs")),
        description=str(description.value) if description else "",
        node=item.node,
        spec=item.spec,
    )
    return stage, findings
