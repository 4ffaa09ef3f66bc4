"""Weights of checkpoints, bundles and plain files, read without running any code in them."""

import hashlib
import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet3_runtime.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

TIED = "tied"
"""Key of the metadata of safetensors: JSON, for each name left out the one that has its tensor."""
_SHOWN = 5  # names listed in a message
_REFUSED = re.compile(r"Unsupported global: GLOBAL (\S+)")


def read_weights(path: Path) -> "dict[str, Tensor]":
    """Return the parameters and buffers in a file, on the CPU.

    Lightning checkpoints (their ``state_dict``), plain state dicts and safetensors are known, and
    a bundle of pack_model by its directory.

    Raises:
        UserError: The file is missing, damaged, or holds anything but tensors and plain data.
    """
    path = _weights_file(path)
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    state = loaded.get("state_dict", loaded)
    import torch

    if not isinstance(state, Mapping) or not state or not all(map(torch.is_tensor, state.values())):
        raise UserError(f'"{path}" holds no state dict')
    return dict(state)


def weights_digest(path: Path) -> str:
    """Return the SHA-256 of a checkpoint; of a bundle, that of its weights.

    Raises:
        UserError: There is no such file.
    """
    with _weights_file(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_strictly(model: "nn.Module", weights: "Mapping[str, Tensor]", source: object) -> None:
    """Copy weights into a model; every name and shape has to fit.

    Args:
        model: Gets the weights.
        weights: Tensors by the names of ``model.state_dict()``, of the shapes there.
        source: What the weights were read from, for messages.

    Raises:
        UserError: As in :func:`check_fit`.
    """
    check_fit(model, weights, source)
    model.load_state_dict(weights, strict=True)


def check_fit(model: "nn.Module", weights: "Mapping[str, Tensor]", source: object) -> None:
    """Compare the names and shapes of weights with those of a model.

    Args:
        model: Is to get the weights.
        weights: Tensors by the names of ``model.state_dict()``, of the shapes there.
        source: What the weights were read from, for messages.

    Raises:
        UserError: Something is missing, unexpected or of another shape; all of it is listed.
    """
    own = model.state_dict()
    shapes = [
        f"{name} is {tuple(weights[name].shape)} in the file and {tuple(own[name].shape)} in the"
        " model"
        for name in own.keys() & weights.keys()
        if weights[name].shape != own[name].shape
    ]
    problems = [
        *_list_names("missing in the file", own.keys() - weights.keys()),
        *_list_names("not in the model", weights.keys() - own.keys()),
        *_list_names("of another shape", shapes),
    ]
    if problems:
        raise UserError(
            f'the weights of "{source}" do not fit {type(model).__name__}:\n    '
            + "\n    ".join(problems),
            hint="the model's config and the one it was trained with must be the same",
        )


def _weights_file(path: Path) -> Path:
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        hint = "run the stage that trains the model first"
        raise UserError(f'there is no checkpoint "{file}"', hint=hint)
    return file


def _list_names(label: str, names: Any) -> list[str]:
    found = sorted(names)
    if not found:
        return []
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [f"{label}: {', '.join(found[:_SHOWN])}{more}"]


def find_tied(weights: "Mapping[str, Tensor]") -> dict[str, str]:
    """Return the names whose tensor an earlier name has, too, each with that earlier name.

    Args:
        weights: Tensors of any shapes; tied ones are one place in memory.
    """
    owners: dict[Any, str] = {}
    tied = {}
    for name, tensor in weights.items():
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        owner = owners.setdefault(place if tensor.numel() else name, name)
        if owner != name:
            tied[name] = owner
    return tied


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        loaded = dict(load_file(path))
        with safe_open(path, framework="pt") as file:
            tied = json.loads((file.metadata() or {}).get(TIED, "{}"))
        return loaded | {name: loaded[owner] for name, owner in tied.items()}
    except SafetensorError as error:
        raise UserError(f'"{path}" is damaged: {error}') from None
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f'"{path}" is damaged: its tied weights: {error!r}') from None


def read_torch(path: Path, *, mmap: bool = False) -> dict[str, Any]:
    """Return the content of a checkpoint that torch wrote, tensors on the CPU.

    Args:
        path: The file.
        mmap: Whether tensors stay in the file until they are used.

    Raises:
        UserError: The file is damaged, or holds anything but tensors and plain data.
    """
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        named = _REFUSED.search(str(error))
        reason = f"it holds {named[1]}" if named else str(error).splitlines()[0]
        raise UserError(
            f'"{path}" is not a checkpoint of tensors and plain data: {reason}',
            hint="files that would run code when opened are refused; save the state_dict alone",
        ) from None
    except Exception as error:  # noqa: BLE001 - torch fails on torn files in many ways
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(f'"{path}" is damaged: {reason}') from None
    if not isinstance(loaded, Mapping):
        raise UserError(f'"{path}" holds no state dict')
    return dict(loaded)
