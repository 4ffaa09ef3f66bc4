"""Extracts the features of a batch for the statistics, with a module or with the model."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from espnet3_runtime.build.instantiate import instantiate, locate_target
from espnet3_runtime.build.model_node import is_task
from espnet3_runtime.errors import UserError
from espnet3_runtime.process.dask_workers import worker_number
from espnet3_schemas import TARGET

Batch = Mapping[str, torch.Tensor]
Features = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""By name: features ``(B, T, D)`` and the frames of each item ``(B,)``."""
Extract = Callable[[Batch], Features]


def pick_device() -> torch.device:
    """Return the GPU of this worker, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", worker_number() % torch.cuda.device_count())


def make_feature_extractor(node: Any, model: Any, device: torch.device) -> Extract | None:
    """Return a function from a batch to its features; None without features.

    Args:
        node: ``collect_stats.features``, which has priority.
        model: The model's node; used when its class has ``collect_feats``, as all models of tasks
            have.  These are built without normalisation, which reads the statistics.
        device: Where to compute.
    """
    if node is not None:
        return extract_by_call(instantiate(node), node.where, device)
    if is_task(model):
        from espnet3_runtime.task_bridge.build import build_task_model

        return _from_model(build_task_model(model, normalize=False).model, device)
    if model is None or TARGET not in model:
        return None
    if not hasattr(locate_target(model[TARGET], model.where), "collect_feats"):
        return None
    return _from_model(instantiate(model), device)


def extract_by_call(module: Any, where: str, device: torch.device) -> Extract:
    """Return a function that calls a module with the fields of its arguments' names.

    It gives ``feats``.  Where a batch does not have all of these fields, the module gets speech.

    Args:
        module: A module, or a function, that gives features ``(B, T, D)`` and lengths ``(B,)``.
        where: The setting that names it, for messages.
        device: Where a module computes.
    """
    if isinstance(module, torch.nn.Module):
        module.to(device).eval()
    function = module.forward if isinstance(module, torch.nn.Module) else module
    names = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty and "VAR_" not in parameter.kind.name
    ]

    def extract(batch: Batch) -> Features:
        wanted = names if all(name in batch for name in names) else ["speech", "speech_lengths"]
        missing = [name for name in wanted if name not in batch]
        if missing:
            problem = f"the features need {', '.join(names)}; a batch has {', '.join(batch)}"
            raise UserError(problem, where=where)
        return {"feats": module(*(batch[name] for name in wanted))}

    return _computed_on(device, extract)


def require_extract_features(owner: Any, where: str) -> Any:
    """Return the method ``extract_features`` of a model, or of its class.

    Args:
        owner: The model or its class.
        where: The setting that asks for it, for messages.

    Raises:
        UserError: There is no such method.
    """
    method = getattr(owner, "extract_features", None)
    if method is None:
        name = getattr(owner, "__name__", type(owner).__name__)
        hint = "write one that returns features (batch, frames, width) and lengths (batch,)"
        raise UserError(f"{name} has no method extract_features", where=where, hint=hint)
    return method


def _from_model(model: torch.nn.Module, device: torch.device) -> Extract:
    model.to(device).eval()

    def extract(batch: Batch) -> Features:
        found: Mapping[str, torch.Tensor] = model.collect_feats(**batch)  # type: ignore[operator]
        features = {}
        for name, value in found.items():
            if not name.endswith("_lengths"):
                full = torch.full((len(value),), value.shape[1], device=value.device)
                features[name] = value, found.get(f"{name}_lengths", full)
        return features

    return _computed_on(device, extract)


def _computed_on(device: torch.device, extract: Extract) -> Extract:
    """Return the function with its batch moved to a device, and without gradients."""

    def compute(batch: Batch) -> Features:
        with torch.inference_mode():
            return extract({key: value.to(device) for key, value in batch.items()})

    return compute
