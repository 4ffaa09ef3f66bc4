"""Stages with everything they name looked up: configs, model, other stages."""

from dataclasses import dataclass

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.names import (
    DeclaredNames,
    declared_stage_names,
    find_init_from,
    find_model,
    find_stage,
)
from espnet3_compiler.manifest.recipe import ConfigDecl, ModelDecl, RoleBinding, StageDecl, System
from espnet3_compiler.manifest.role_bindings import RoleBindings, bind_roles, missing_roles
from espnet3_compiler.manifest.stage_items import StageItem, read_stage_items
from espnet3_compiler.manifest.values import as_mapping, as_text, as_texts
from espnet3_compiler.syntax.tree import Mapping, Scalar


@dataclass(frozen=True, slots=True)
class Declarations:
    """What stages may name, and the manifest they stand in.

    Attributes:
        root: The manifest.
        system: The System it builds on.
        models: The declared models.
        configs: The declared configs.
        names_complete: Whether those are all: every name could be read.
    """

    root: Mapping
    system: System
    models: tuple[ModelDecl, ...]
    configs: tuple[ConfigDecl, ...]
    names_complete: bool


@dataclass(frozen=True, slots=True)
class LoweredStages:
    """The stages and what is wrong with them.

    ``whole`` tells whether none was left out or is unclear; ``meant`` maps the name of a config
    that no stage reads to the role for which it was likely meant.
    """

    stages: tuple[StageDecl, ...]
    findings: tuple[Diagnostic, ...]
    whole: bool
    meant: dict[str, str]


def lower_stages(declared: Declarations) -> LoweredStages:
    """Return the stages of a manifest."""
    node = declared.root.get("stages")
    drafts, findings = read_stage_items(node, declared.system)
    names = tuple(str(config.name.value) for config in declared.configs)
    complete = declared.names_complete
    bound = [(draft, bind_roles(draft, names, complete=complete)) for draft in drafts]
    missing, likely = missing_roles(bound, declared.configs, declared.root, complete=complete)
    known = declared_stage_names(node, drafts)
    stages: list[StageDecl] = []
    for draft, result in bound:
        stage, found = _lower_stage(
            draft, _with_likely_roles(draft, result, likely), declared, known
        )
        stages.append(stage)
        findings += (*result.findings, *found)
    meant = {name: role for role, name in likely.items()}
    return LoweredStages(tuple(stages), (*findings, *missing), known.complete, meant)


def _with_likely_roles(
    draft: StageItem, bound: RoleBindings, likely: dict[str, str]
) -> tuple[RoleBinding, ...]:
    added = [RoleBinding(role, role, draft.name.span) for role in bound.missing if role in likely]
    return (*bound.configs, *added)


def _lower_stage(
    draft: StageItem, configs: tuple[RoleBinding, ...], declared: Declarations, known: DeclaredNames
) -> tuple[StageDecl, list[Diagnostic]]:
    model, findings = find_model(draft, declared.models, complete=declared.names_complete)
    start, more = find_init_from(draft, known)
    findings += more
    needs: list[Scalar] = []
    for written in as_texts(draft.keys.get("needs")):
        need, more = find_stage(draft, written, known)
        findings += more
        needs += [need] if need else []
    description = as_text(draft.keys.get("description"))
    stage = StageDecl(
        name=draft.name,
        run=draft.run,
        call=draft.call,
        configs=configs,
        model=model,
        init_from=start,
        needs=tuple(needs),
        arguments=as_mapping(draft.keys.get("with")),
        outputs=as_mapping(draft.keys.get("outputs")),
        description=str(description.value) if description else "",
        node=draft.node,
    )
    return stage, findings
