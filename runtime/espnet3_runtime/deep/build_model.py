"""Construct models: on the CPU, or on the meta device where they are too large for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy

from espnet3_runtime.build.model_node import key_of, name_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.preflight.origin.error_origin import FAILURES, needs_memory
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.task_bridge.models import construct_model

_TRAINED: WeakKeyDictionary[nn.Module, dict[str, bool]] = WeakKeyDictionary()
"""What models learn: a factory that remembers its models gives a later stage a frozen one."""


class _TooLargeError(BaseException):
    """A model has more parameters than is allowed; no ``except Exception`` of it catches this."""


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
            parameter.requires_grad_(self.trains.get(name, parameter.requires_grad))


def build_model(probe: StageProbe, node: ConfigView) -> ProbedModel:
    """Construct the model of a stage from its node, late values filled in.

    A model is constructed on the CPU, where a batch has values.  One that is too large for that is
    constructed on the meta device, if its constructor works there.

    Raises:
        FoundError: It cannot be constructed (R903), which was reported.
        UnprobedError: It needs more memory than is allowed, or the network.
    """
    return _build_by(probe, node, partial(_construct_model, probe.request.largest))


def build_with_values(probe: StageProbe, node: ConfigView) -> ProbedModel:
    """Construct the model of a stage on the CPU, large as it may be.

    Raises:
        FoundError: It cannot be constructed (R903), which was reported.
        UnprobedError: It needs more memory than is allowed.
    """
    return _build_by(probe, node, construct_model)


def _build_by(
    probe: StageProbe, node: ConfigView, construct: Callable[[ConfigView], Any]
) -> ProbedModel:
    name = name_of(node)
    location = probe.locate(node.where)
    probe.answers.step(location, f"constructing {name}")
    torch.manual_seed(0)
    try:
        module = construct(node)
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error
    if not isinstance(module, nn.Module):
        raise _report_no_module(probe, node, module)
    if any(map(is_lazy, module.parameters())):
        raise UnprobedError(f"{name}: the sizes of its lazy parameters are not known yet")
    on_meta = any(parameter.is_meta for parameter in module.parameters())
    return _wrap_model(name, module, "meta" if on_meta else "cpu")


def _construct_model(largest: int, node: ConfigView) -> Any:
    try:
        return _construct_small(node, largest)
    except _TooLargeError:
        module = _construct_on_meta(node)
        if module is not None and _count_parameters(module) <= largest:
            module = None  # some were counted twice, or are not kept
    except FAILURES as error:
        if not needs_memory(error):
            raise
        module = _construct_on_meta(node)
        if module is None:
            raise
    torch.manual_seed(0)
    return module or construct_model(node)


def _construct_small(node: ConfigView, largest: int) -> Any:
    """Return the model; stop where it has more parameters than is allowed."""
    total = 0

    def count(_module: nn.Module, _name: str, parameter: nn.Parameter) -> None:
        nonlocal total
        total += 0 if is_lazy(parameter) else parameter.numel()
        if total > largest:
            raise _TooLargeError

    hook = register_module_parameter_registration_hook(count)
    try:
        return construct_model(node)
    finally:
        hook.remove()


def _construct_on_meta(node: ConfigView) -> nn.Module | None:
    """Return the model on the meta device, or None where its constructor does not work there."""
    try:
        with torch.device("meta"):
            module = construct_model(node)
    except FAILURES:
        return None
    return module if isinstance(module, nn.Module) else None


def _report_no_module(probe: StageProbe, node: ConfigView, found: Any) -> FoundError:
    partly = "_partial_" if node.get("_partial_") is True else ""
    text = f"{name_of(node)} gives {type(found).__name__}, and a model is a torch.nn.Module"
    location = probe.locate(node.where)
    path = (*location.path, partly or key_of(node))
    location = RecipeLocation(location.owner, path, probe.stage.name)
    help_ = ["remove _partial_: true, with which nothing is constructed"] if partly else []
    probe.answers.report_finding("R903", location, text, help_=help_)
    return FoundError()


def _wrap_model(name: str, module: nn.Module, device: str) -> ProbedModel:
    trains = {key: parameter.requires_grad for key, parameter in module.named_parameters()}
    trains = _TRAINED.setdefault(module, trains)
    return ProbedModel(name, module, device, _count_parameters(module), trains)


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def model_node(probe: StageProbe, config: ConfigView) -> ConfigView:
    """Return the node of the stage's model, late values filled in.

    It is that of its config, of its training config (ESPnet3 style), or of the manifest.
    """
    stage, request = probe.stage, probe.request
    training = request.configs.get(stage.configs.get("training", ""))
    for own in (config.get("model"), training and training.get("model")):
        if isinstance(own, ConfigView):
            return probe.artifacts.resolve_view(own)
    view = request.models.get(stage.model or "")
    if view is None:
        raise UnprobedError(f'the stage "{stage.name}" has no model')
    if probe.answers.is_wrong(("models", str(stage.model))):
        raise FoundError
    return probe.artifacts.resolve_view(view)
