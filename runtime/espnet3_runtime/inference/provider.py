"""The default provider: builds the model of an inference and loads its weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.device import prepare_model
from espnet3_runtime.task_bridge.models import construct_model
from espnet3_runtime.weights import load_strictly, read_weights

if TYPE_CHECKING:
    from torch import nn


def from_checkpoint(
    model: Mapping[str, Any] | None, checkpoint: str | Path | None, device: str
) -> "nn.Module":
    """Build the stage's model, load the checkpoint strictly, and make it ready to run.

    Args:
        model: The model's node.
        checkpoint: A checkpoint, a file of weights, or a bundle; None keeps the initial weights.
        device: For example ``cpu`` or ``cuda:0``.

    Returns:
        The model on the device, in evaluation mode, without gradients.

    Raises:
        UserError: There is no model, it cannot be built, or the weights do not fit it.
    """
    if model is None:
        raise UserError(
            "there is no model to run",
            hint="give the stage a model (model: NAME), or the inference config its own model:",
        )
    built: nn.Module = construct_model(model)
    if checkpoint is not None:
        load_strictly(built, read_weights(Path(checkpoint)), checkpoint)
    prepared: nn.Module = prepare_model(built, device)
    return prepared
