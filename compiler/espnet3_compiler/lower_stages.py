"""Stages with everything they name looked up: configs, model, other stages."""

from dataclasses import dataclass

from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import ConfigDecl, ModelDecl, RoleBinding, StageDecl, System
from espnet3_compiler.lower_bindings import Bound, bind, missing_roles
from espnet3_compiler.lower_drafts import Draft, draft_stages
from espnet3_compiler.lower_lookup import Known, find_model, find_stage, find_start, stages_known
from espnet3_compiler.lower_values import mapping, text, texts
from espnet3_compiler.tree import Mapping, Scalar


@dataclass(frozen=True, slots=True)
class Declared:
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
class Stages:
    """The stages and what is wrong with them.

    ``whole`` tells whether none was left out or is unclear; ``meant`` maps the name of a config
    that no stage reads to the role for which it was likely meant.
    """

    stages: tuple[StageDecl, ...]
    findings: tuple[Diagnostic, ...]
    whole: bool
    meant: dict[str, str]


def lower_stages(declared: Declared) -> Stages:
    """Return the stages of a manifest."""
    node = declared.root.get("stages")
    drafts, findings = draft_stages(node, declared.system)
    names = tuple(str(config.name.value) for config in declared.configs)
    complete = declared.names_complete
    bound = [(draft, bind(draft, names, complete=complete)) for draft in drafts]
    missing, likely = missing_roles(bound, declared.configs, declared.root, complete=complete)
    known = stages_known(node, drafts)
    stages: list[StageDecl] = []
    for draft, result in bound:
        stage, found = _stage(draft, _complete(draft, result, likely), declared, known)
        stages.append(stage)
        findings += (*result.findings, *found)
    meant = {name: role for role, name in likely.items()}
    return Stages(tuple(stages), (*findings, *missing), known.complete, meant)


def _complete(draft: Draft, bound: Bound, likely: dict[str, str]) -> tuple[RoleBinding, ...]:
    added = [RoleBinding(role, role, draft.name.span) for role in bound.missing if role in likely]
    return (*bound.configs, *added)


def _stage(
    draft: Draft, configs: tuple[RoleBinding, ...], declared: Declared, known: Known
) -> tuple[StageDecl, list[Diagnostic]]:
    model, findings = find_model(draft, declared.models, complete=declared.names_complete)
    start, more = find_start(draft, known)
    findings += more
    needs: list[Scalar] = []
    for written in texts(draft.keys.get("needs")):
        need, more = find_stage(draft, written, known)
        findings += more
        needs += [need] if need else []
    description = text(draft.keys.get("description"))
    stage = StageDecl(
        name=draft.name,
        run=draft.run,
        call=draft.call,
        configs=configs,
        model=model,
        init_from=start,
        needs=tuple(needs),
        arguments=mapping(draft.keys.get("with")),
        outputs=mapping(draft.keys.get("outputs")),
        description=str(description.value) if description else "",
        node=draft.node,
    )
    return stage, findings
