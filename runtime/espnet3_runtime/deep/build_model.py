"""Construct models: on the meta device first, which costs neither time nor memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from espnet3_runtime.build.model_node import key_of, name_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.preflight.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation
from espnet3_runtime.task_bridge.models import construct_model


@dataclass(frozen=True)
class ProbedModel:
    """A model.

    Attributes:
        name: Its import path.
        module: On the CPU where it is small enough, otherwise on the meta device.
        device: ``cpu`` or ``meta``.
        parameters: How many numbers it learns, frozen ones included.
        trains: The parameters' own ``requires_grad``, to undo what ``freeze`` does.
    """

    name: str
    module: nn.Module
    device: str
    parameters: int
    trains: Mapping[str, bool]

    def restore_trainable(self) -> None:
        """Restore ``requires_grad`` of every parameter."""
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_(self.trains[name])


def build_model(probe: StageProbe, node: ConfigView) -> ProbedModel:
    """Construct the model of a stage from its node, late values filled in.

    A model that is small enough, or that cannot be constructed on the meta device, is constructed
    on the CPU: only there a batch has values.

    Raises:
        FoundError: It cannot be constructed (R903), which was reported.
        UnprobedError: It needs more memory than is allowed, or the network.
    """
    name = name_of(node)
    location = probe.locate(node.where)
    probe.answers.step(location, f"constructing {name}")
    meta = _on_meta(node)
    if meta is not None and _count_parameters(meta) > probe.request.largest:
        return _wrap_model(name, meta, "meta")
    probe.answers.step(location, f"constructing {name}")
    try:
        torch.manual_seed(0)
        module = construct_model(node)
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error
    if not isinstance(module, nn.Module):
        text = f"{name} gives {type(module).__name__}, and a model is a torch.nn.Module"
        path = (*location.path, key_of(node))
        location = RecipeLocation(location.owner, path, probe.stage.name)
        probe.answers.report_finding("R903", location, text)
        raise FoundError
    return _wrap_model(name, module, "cpu")


def _on_meta(node: ConfigView) -> nn.Module | None:
    """Return the model on the meta device, or None where its constructor does not work there."""
    try:
        with torch.device("meta"):
            module = construct_model(node)
    except FAILURES:
        return None
    return module if isinstance(module, nn.Module) else None


def _wrap_model(name: str, module: nn.Module, device: str) -> ProbedModel:
    trains = {key: parameter.requires_grad for key, parameter in module.named_parameters()}
    return ProbedModel(name, module, device, _count_parameters(module), trains)


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
