"""Keeps objects of a user's code out of ``last.ckpt``, which is read without running any code."""

from typing import Any

import torch

_KINDS = ("", "datamodule_")
"""How Lightning's keys begin, of the module and of its data module."""
_VALUES = (bool, int, float, complex, str, bytes, type(None), torch.Tensor)


def drop_objects(checkpoint: dict[str, Any]) -> None:
    """Leave out what ``save_hyperparameters`` kept that is no plain data, such as a layer.

    A training that goes on does not read it: the recipe makes the module again.
    """
    for kind in _KINDS:
        checkpoint.pop(f"{kind}hparams_type", None)  # a class, of OmegaConf's containers only
        found = checkpoint.pop(f"{kind}hyper_parameters", None)
        if type(found) is dict:
            plain = {name: value for name, value in found.items() if _is_plain(value)}
            checkpoint[f"{kind}hyper_parameters"] = plain


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(map(_is_plain, [*value, *value.values()]))
    if type(value) in (list, tuple, set):
        return all(map(_is_plain, value))
    return type(value) in _VALUES
