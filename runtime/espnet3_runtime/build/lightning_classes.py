"""Models and data modules that are written for Lightning, told apart without importing it."""

import sys
from typing import Any

from espnet3_runtime.errors import UserError

_OTHER_NAME = "pytorch_lightning"
"""The same library under another name, whose classes the Trainer here does not take."""


def is_lightning_module(value: Any) -> bool:
    """Return whether a model, or its class, is a ``LightningModule``.

    One that is has imported Lightning, so nothing is imported here.
    """
    return _is_of_class(value, "LightningModule")


def is_datamodule(value: Any) -> bool:
    """Return whether an object, or its class, is a ``LightningDataModule``."""
    return _is_of_class(value, "LightningDataModule")


def _is_of_class(value: Any, name: str) -> bool:
    wanted = getattr(sys.modules.get("lightning.pytorch"), name, None)
    if not isinstance(wanted, type):
        return False
    return issubclass(value, wanted) if isinstance(value, type) else isinstance(value, wanted)


def refuse_other_lightning(value: Any, name: str, where: str) -> None:
    """Refuse a module or data module of the package ``pytorch_lightning``.

    Args:
        value: The object.
        name: Its import path, for messages.
        where: The key path of its node.

    Raises:
        UserError: It is of that package.
    """
    wanted = ("LightningModule", "LightningDataModule")
    for base in type(value).__mro__:
        if base.__module__.partition(".")[0] == _OTHER_NAME and base.__name__ in wanted:
            raise UserError(
                f'"{name}" is a {base.__name__} of {_OTHER_NAME}, and the Trainer is that of '
                "lightning.pytorch",
                where=where,
                hint="write import lightning.pytorch as pl: it has the same classes",
            )


def configure_layers(model: Any) -> Any:
    """Return a model with the layers that a ``LightningModule`` makes in ``configure_model``.

    Lightning calls the hook again in a training; it is documented to be called several times.
    """
    if is_lightning_module(model):
        model.configure_model()
    return model
