"""A trained model as a directory that ``from_pretrained`` reads, here and anywhere."""

from espnet3_runtime.inference.provider import from_checkpoint
from espnet3_runtime.stage import StageContext


def save_pretrained(checkpoint: str, directory: str, context: StageContext) -> None:
    """Write config and weights in the form of transformers.

    Args:
        checkpoint: The weights that a stage trained.
        directory: Gets ``config.json`` and ``model.safetensors``.
        context: The stage; its model is saved.
    """
    from_checkpoint(context.model, checkpoint, "cpu").save_pretrained(directory)
