"""Choose the device that runs the model, and move batches to it."""

from typing import Any

from espnet3_runtime.errors import UserError


def pick_device(wanted: str, worker: int = 0) -> str:
    """Return a device that exists.

    Args:
        wanted: ``auto``, ``cpu``, ``mps``, ``xpu``, ``cuda`` or ``cuda:N``.
        worker: Number of the worker; ``auto`` and ``cuda`` spread workers over the GPUs.

    Raises:
        UserError: The machine has no such device.
    """
    import torch

    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = wanted.partition(":")
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(),
    }
    if not present.get(kind, False):
        raise UserError(
            f'this machine has no device "{wanted}"',
            hint="write device: auto, or one of " + ", ".join(k for k, v in present.items() if v),
        )
    if kind != "cuda":
        return wanted
    count = torch.cuda.device_count()
    if index and int(index) >= count:
        raise UserError(f'this machine has no device "{wanted}", only {count} GPUs')
    return wanted if index else f"cuda:{worker % count}"


def prepare_model(model: Any, device: str | None) -> Any:
    """Return a module in evaluation mode, without gradients, on a device; None: where it is."""
    for parameter in model.parameters():  # a scripted module has no requires_grad_ of its own
        parameter.requires_grad_(False)
    model = model.eval()
    return model if device is None else model.to(device)


def move_batch(value: Any, device: str) -> Any:
    """Return a batch with every tensor in it on the device, shapes unchanged."""
    if hasattr(value, "to"):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: move_batch(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(move_batch(item, device) for item in value)
    return value
