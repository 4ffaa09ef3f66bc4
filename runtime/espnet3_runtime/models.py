"""Models from their nodes: by ``_target_``, or by the ESPnet2 ``task`` that builds them."""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.instantiate import instantiate
from espnet3_schemas import TARGET

TASK = "task"
PROVIDERS = (
    "espnet3_runtime.inference.provider.from_checkpoint",
    "espnet3_runtime.task_bridge.decode.speech2text",
)
"""What loads a model from its node for inference.

They read weights in any form, so those of a bundle are safetensors, and do without any."""


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

    A stage kind names the endings as ``task_without`` in ``systems.json``.
    """
    if not endings or not is_task(node):
        return node
    kept = {key: value for key, value in node.items() if not key.endswith(tuple(endings))}
    return ConfigView(kept, node.where, hidden=node.hidden)


def construct(node: Mapping[str, Any]) -> Any:
    """Construct what a model's node describes.

    Raises:
        InstantiateError: It cannot be constructed; the message names the key path.
    """
    if is_task(node):
        from espnet3_runtime.task_bridge.build import build

        return build(node).model
    return instantiate(node)
