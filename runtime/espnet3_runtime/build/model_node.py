"""The node of a model: a ``_target_`` to instantiate, or the ESPnet2 ``task`` that builds it."""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_schemas import TARGET

TASK = "task"


def is_task(node: Mapping[str, Any] | None) -> bool:
    """Say whether a model's node is one of the task bridge."""
    return node is not None and TASK in node and TARGET not in node


def key_of(node: Mapping[str, Any]) -> str:
    """Return the key of a model's node that holds an import path."""
    return TASK if is_task(node) else TARGET


def name_of(node: Mapping[str, Any], otherwise: str = "the model") -> str:
    """Return the import path of a model's class or task."""
    return str(node.get(key_of(node), otherwise))


def without_endings(node: ConfigView, endings: Sequence[str]) -> ConfigView:
    """Return the node of a task's model without the keys that end so; other nodes as they are.

    A stage kind names the endings as ``task_without``.
    """
    if not endings or not is_task(node):
        return node
    kept = {key: value for key, value in node.items() if not key.endswith(tuple(endings))}
    return ConfigView(kept, node.where, hidden=node.hidden)
