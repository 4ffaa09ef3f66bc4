"""The configs of a stage that names them in a way that cannot be read, where the others tell."""

from collections.abc import Sequence
from dataclasses import replace

from espnet3_compiler.ir import ConfigDecl, RoleBinding
from espnet3_compiler.lower_bindings import Bound, roles_of_kind
from espnet3_compiler.lower_drafts import Draft, has_config
from espnet3_compiler.lower_values import entries, text
from espnet3_schemas import ROLES, load

All = Sequence[tuple[Draft, Bound]]


def with_likely(draft: Draft, own: Bound, every: All, configs: Sequence[ConfigDecl]) -> Bound:
    """Bind what could not be read of ``config``.

    Without any of it, the stage reads the only config that no other one does; a role takes the only
    config that others read in it.

    Args:
        draft: The stage.
        own: Its bindings.
        every: The bindings of all stages.
        configs: The declared configs.
    """
    if not has_config(draft.keys):
        role = next(iter(roles_of_kind(draft)), None)
        left = _unread(draft, every, configs)
        if role and len(left) == 1 and _may_play(left[0], role):
            name = str(left[0].name.value)
            return replace(own, configs=(RoleBinding(role, name, draft.name.span),))
    added = []
    for role in _illegible(draft, own):
        others = {b.config for _, other in every for b in other.configs if b.role == role}
        if len(others) == 1:
            added.append(RoleBinding(role, others.pop(), draft.name.span))
    return replace(own, configs=(*own.configs, *added)) if added else own


def _may_play(config: ConfigDecl, role: str) -> bool:
    """Return whether a config may be one of a role, and not free-form."""
    known = load(role)["properties"] if role in ROLES else ()
    return config.file is not None or any(e.name in known for e in entries(config.inline))


def _unread(draft: Draft, every: All, configs: Sequence[ConfigDecl]) -> list[ConfigDecl]:
    """Return the configs that no other stage reads and no config extends."""
    read = {b.config for other, bound in every if other is not draft for b in bound.configs}
    read |= {str(config.extends.value) for config in configs if config.extends}
    return [config for config in configs if str(config.name.value) not in read]


def _illegible(draft: Draft, bound: Bound) -> list[str]:
    """Return the roles for which a stage names a config in a way that cannot be read."""
    settled, roles = {binding.role for binding in bound.configs}, roles_of_kind(draft)
    return [
        entry.name
        for entry in entries(draft.keys.get("config"))
        if entry.name in roles and entry.name not in settled and text(entry.value) is None
    ]
