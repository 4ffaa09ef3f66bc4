"""Stages with everything they name looked up: configs, model, other stages."""

from dataclasses import dataclass

from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.ir import ConfigDecl, ModelDecl, RoleBinding, StageDecl, System
from espnet3_compiler.lower_bindings import Bound, bind, missing_roles
from espnet3_compiler.lower_drafts import Draft, draft_stages
from espnet3_compiler.lower_report import unknown
from espnet3_compiler.lower_values import mapping, stand_in, text, texts
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence
from espnet3_schemas import systems


@dataclass(frozen=True, slots=True)
class Declared:
    """What stages may name, and the manifest they stand in."""

    root: Mapping
    system: System
    models: tuple[ModelDecl, ...]
    configs: tuple[ConfigDecl, ...]


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
    bound = [(draft, bind(draft, names)) for draft in drafts]
    missing: tuple[Diagnostic, ...] = ()
    likely: dict[str, str] = {}
    if declared.root.entry("configs") is None or mapping(declared.root.get("configs")):
        missing, likely = missing_roles(bound, declared.configs, declared.root)
    stages: list[StageDecl] = []
    for draft, result in bound:
        stage, found = _stage(draft, _complete(draft, result, likely), declared, drafts)
        stages.append(stage)
        findings += (*result.findings, *found)
    items = len(node.items) if isinstance(node, Sequence) else -1
    whole = len(drafts) == items and all(draft.sure for draft in drafts)
    meant = {name: role for role, name in likely.items()}
    return Stages(tuple(stages), (*findings, *missing), whole, meant)


def _complete(draft: Draft, bound: Bound, likely: dict[str, str]) -> tuple[RoleBinding, ...]:
    added = [RoleBinding(role, role, draft.name.span) for role in bound.missing if role in likely]
    return (*bound.configs, *added)


def _stage(
    draft: Draft,
    configs: tuple[RoleBinding, ...],
    declared: Declared,
    drafts: tuple[Draft, ...],
) -> tuple[StageDecl, list[Diagnostic]]:
    findings: list[Diagnostic] = []
    model = _model(draft, declared, findings)
    names = [str(other.name.value) for other in drafts if other is not draft]
    needs = tuple(
        need
        for written in texts(draft.keys.get("needs"))
        for need in _known_stage(draft, written, names, findings)
    )
    description = text(draft.keys.get("description"))
    stage = StageDecl(
        name=draft.name,
        run=draft.run,
        call=draft.call,
        configs=configs,
        model=model,
        init_from=_init_from(draft, names, findings),
        needs=needs,
        arguments=mapping(draft.keys.get("with")),
        outputs=mapping(draft.keys.get("outputs")),
        description=str(description.value) if description else "",
        node=draft.node,
    )
    return stage, findings


def _model(draft: Draft, declared: Declared, findings: list[Diagnostic]) -> Scalar | None:
    """Return the model that a stage names, or the manifest's only one where it may use one."""
    names = [str(model.name.value) for model in declared.models]
    written = text(draft.keys.get("model"))
    if written is None:
        kind = systems()["kinds"].get(draft.run.value if draft.run else None, {})
        only = len(declared.models) == 1 and kind.get("model", "none") != "none"
        return declared.models[0].name if only else None
    if str(written.value) in names:
        return written
    message = f'stage "{draft.name.value}" names a model "{written.value}" that is not declared'
    hint = f"declare it under models: {written.value}: {{_target_: src.model.Model}}"
    findings.append(unknown("R203", message, written, names, hint))
    near = nearest(str(written.value), names) or (names[0] if len(names) == 1 else None)
    return stand_in(near, written) if near else None


def _known_stage(
    draft: Draft, written: Scalar, names: list[str], findings: list[Diagnostic]
) -> tuple[Scalar, ...]:
    name = str(written.value)
    if name in names or name == draft.name.value:
        return (written,)
    message = f'stage "{draft.name.value}" names a stage "{name}" that is not declared'
    findings.append(unknown("R205", message, written, names, "declare it under stages"))
    near = nearest(name, names)
    return (stand_in(near, written),) if near else ()


def _init_from(draft: Draft, names: list[str], findings: list[Diagnostic]) -> Scalar | None:
    written = text(draft.keys.get("init_from"))
    if written is None or is_path(written):
        return written
    return next(iter(_known_stage(draft, written, names, findings)), None)


def is_path(node: Node) -> bool:
    """Return whether ``init_from`` is a path or a reference and not the name of a stage."""
    value = str(node.value) if isinstance(node, Scalar) else ""
    return any(mark in value for mark in ("/", ".", "\\", "${"))
