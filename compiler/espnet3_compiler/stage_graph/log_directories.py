"""Where the log of a stage lies, if its System says another place than the stage's directory."""

import re
from collections.abc import Mapping

from espnet3_compiler.manifest.recipe import Resolved as Values
from espnet3_compiler.manifest.recipe import RoleBinding, StageDecl
from espnet3_compiler.syntax.tree import Node, Scalar, node_at

_GLOBAL = r"\$\{(exp_dir|data_dir)\}"


def log_key(stage: StageDecl) -> tuple[str, ...] | None:
    """Return the path of the key that ``log_dir`` of a stage's kind names; None for a path."""
    written = stage.spec.get("log_dir")
    if written is None or "/" in written or "$" in written:
        return None
    return tuple(written.split("."))


def first_binding(stage: StageDecl) -> RoleBinding | None:
    """Return the first config that a stage reads, in the order of the roles of its kind."""
    bound = {binding.role: binding for binding in stage.configs}
    return next((bound[role] for role in stage.spec["roles"] if role in bound), None)


def log_value(stage: StageDecl, resolved: Values) -> Node | None:
    """Return the value of the key that ``log_dir`` names, in the first config of a stage."""
    key, binding = log_key(stage), first_binding(stage)
    config = resolved.configs.get(binding.config) if key and binding else None
    return node_at(config, key) if config is not None and key else None


def log_directory(stage: StageDecl, resolved: Values, directories: Mapping[str, str]) -> str | None:
    """Return the directory of a stage's log from the recipe directory; None for its own.

    Args:
        stage: A stage without mistakes.
        resolved: The values of the configs.
        directories: ``exp_dir`` and ``data_dir``.
    """
    written = stage.spec.get("log_dir")
    if written is None:
        return None
    if log_key(stage) is None:
        return re.sub(_GLOBAL, lambda found: directories[found[1]], written).rstrip("/")
    value = log_value(stage, resolved)
    text = value.value if isinstance(value, Scalar) else None
    return text.rstrip("/") or None if isinstance(text, str) else None
