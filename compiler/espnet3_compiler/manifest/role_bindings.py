"""Find the config that a stage reads in each role."""

from collections.abc import Collection, Iterable

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.group_names import GroupNames
from espnet3_compiler.manifest.recipe import ConfigDecl, RoleBinding
from espnet3_compiler.manifest.stage_items import StageItem
from espnet3_compiler.manifest.values import as_text, mapping_entries
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import (
    did_you_mean,
    format_names,
    rename_fix,
    unknown_name,
)


class RoleBindings(Struct, frozen=True):
    """Bindings of a stage, what is wrong with them, and the required roles that have no config."""

    configs: tuple[RoleBinding, ...]
    findings: tuple[Diagnostic, ...]
    missing: tuple[str, ...]


def bind_roles(
    item: StageItem, names: Collection[str], groups: GroupNames, *, complete: bool = True
) -> RoleBindings:
    """Return the explicit bindings of a stage and those by the default rule.

    A plain name binds the kind's first role; a role that the stage does not name takes the config
    of its own name. A stage without known roles reads what ``config`` lists.

    Args:
        item: The stage.
        names: The declared configs.
        groups: What short names mean in groups.
        complete: Whether every name under ``configs`` could be read.
    """
    roles: dict[str, dict[str, bool]] = item.spec["roles"]
    given = _explicit_bindings(item, roles)
    bindings: list[RoleBinding] = []
    findings: list[Diagnostic] = []
    for role, written in given:
        found, config = _find_config(item, role, written, names, groups, complete=complete)
        findings += found
        if config:
            bindings.append(RoleBinding(role, config, written))
    block = item.keys.get("config")
    named = {role for role, _ in given} | {entry.name for entry in mapping_entries(block)}
    unnamed = [role for role in roles if role not in named]
    if not (has_certain_keys(item.keys) and has_certain_keys(block)) or (not given and block):
        unnamed = []  # a role may be named in the unreadable part
    owner = "stages", str(item.name.value)
    own = {role: groups.full_name(owner, "configs", role) for role in unnamed}
    bindings += [RoleBinding(role, own[role], item.name) for role in own if own[role] in names]
    missing = tuple(r for r in own if own[r] not in names and roles[r]["required"])
    order = {role: (not entry["required"], i) for i, (role, entry) in enumerate(roles.items())}
    bindings.sort(key=lambda binding: order.get(binding.role, (True, len(order))))
    return RoleBindings(tuple(bindings), tuple(findings), missing)


def _explicit_bindings(
    item: StageItem, roles: dict[str, dict[str, bool]]
) -> list[tuple[str, Scalar]]:
    node = item.keys.get("config")
    name = as_text(node)
    if name:
        return [(next(iter(roles), str(name.value)), name)]
    pairs = [(entry.name, as_text(entry.value)) for entry in mapping_entries(node)]
    return [(role, value) for role, value in pairs if value]


def _find_config(
    item: StageItem,
    role: str,
    written: Scalar,
    names: Collection[str],
    groups: GroupNames,
    *,
    complete: bool,
) -> tuple[list[Diagnostic], str | None]:
    owner = "stages", str(item.name.value)
    name = groups.full_name(owner, "configs", str(written.value))
    if name in names:
        return [], name
    every, names = names, tuple(groups.visible_names(owner, "configs", names))
    if not complete and not is_certain_match(name, names):
        return [], None
    hint = f"declare it under configs, for example {name}: conf/{name}.yaml"
    message = f'stage "{item.name.value}" reads a config "{name}" that is not declared'
    rows = groups.rows_hint("configs", name)
    found = unknown_name("R204", message, written, names, hint, rows=rows)
    likely = closest_match(name, names) or (role if role in names else None)
    likely = likely and groups.full_name(owner, "configs", likely)
    return [found], likely if likely in every else None


def missing_roles(
    stages: Iterable[tuple[StageItem, RoleBindings]],
    configs: tuple[ConfigDecl, ...],
    root: Mapping,
    *,
    complete: bool,
) -> tuple[tuple[Diagnostic, ...], dict[str, str]]:
    """Report each required role without a config once, with every stage that reads it.

    Args:
        stages: The stages and their bindings.
        configs: The declared configs.
        root: The manifest.
        complete: Whether these are all configs; if not, only certain misspellings are reported.

    Returns:
        The findings, and for a role the config that was likely meant.
    """
    readers: dict[str, list[StageItem]] = {}
    bound: dict[str, list[str]] = {}
    for item, result in stages:
        for role in result.missing:
            readers.setdefault(role, []).append(item)
        for binding in result.configs:
            bound.setdefault(binding.role, []).append(binding.config)
    used = {name for some in bound.values() for name in some}
    free = {str(config.name.value): config for config in configs}
    likely = {role: closest_match(role, [n for n in free if n not in used]) for role in readers}
    if not complete:  # what is missing may be a name that could not be read
        likely = {
            role: name for role, name in likely.items() if name and is_certain_match(name, [role])
        }
    findings = tuple(
        _missing_role(role, items, free.get(likely.get(role) or ""), bound.get(role, []), root)
        for role, items in readers.items()
        if complete or role in likely
    )
    return findings, {role: name for role, name in likely.items() if name}


def _missing_role(
    role: str, readers: list[StageItem], likely: ConfigDecl | None, others: list[str], root: Mapping
) -> Diagnostic:
    message = f'stage "{readers[0].name.value}" has no {role} config'
    article = "an" if role[0] in "aeiou" else "a"
    labels = [Label(item.name.span, f"reads {article} {role} config") for item in readers]
    if likely:
        name = str(likely.name.value)
        primary = Label(likely.name.span, f'no stage reads "{name}"')
        fix = rename_fix(likely.name, role, certain=is_certain_match(name, [role]))
        return Diagnostic("R405", message, primary, tuple(labels), did_you_mean(role), fix=fix)
    hint = f"declare it under configs: {role}: conf/{role}.yaml"
    if others:
        hint = f"choose one with config: {format_names(dict.fromkeys(others))}"
    block = root.entry("configs")
    if block:
        labels.append(Label(block.key.span, f'no config is called "{role}"'))
    return Diagnostic("R405", message, labels[0], tuple(labels[1:]), (hint,))
