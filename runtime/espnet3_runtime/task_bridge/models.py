"""Models from their nodes: by ``_target_``, or by the ESPnet2 ``task`` that builds them."""

from collections.abc import Mapping
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.build.lightning_classes import configure_layers
from espnet3_runtime.build.model_node import is_task

PROVIDERS = (
    "espnet3_runtime.inference.provider.from_checkpoint",
    "espnet3_runtime.task_bridge.decode.speech2text",
)
"""The providers that load a model from its node for inference.

They read weights in any form, so a bundle can hold safetensors, and accept that there are none.
"""


def construct_model(node: Mapping[str, Any]) -> Any:
    """Construct the model that a node describes.

    Raises:
        InstantiateError: It cannot be constructed; the message names the key path.
    """
    if is_task(node):
        from espnet3_runtime.task_bridge.build import build_task_model

        return build_task_model(node).model
    return configure_layers(instantiate(node))
