"""Construct models: on the meta device first, which costs neither time nor memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from espnet3_runtime.build.model_node import key_of, name_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.error_origin import FAILURES, find_origin, raise_unprobed, report_error
from espnet3_runtime.deep.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.deep.request import PlannedStage, Request
from espnet3_runtime.deep.samples import FoundError
from espnet3_runtime.errors import InstantiateError
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
        """Put ``requires_grad`` of every parameter back."""
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_(self.trains[name])


def build_model(
    request: Request, answers: Answers, node: ConfigView, stage: PlannedStage, role: str
) -> ProbedModel:
    """Construct the model of a stage.

    A constructor that reads files or looks at values has no use for the meta device; it is called
    again for the CPU, and so is that of every model that is small enough: only there a batch can
    be looked at with its values. What it says there counts.

    Args:
        request: What the compiler asks for.
        answers: Takes steps and findings.
        node: The model's node, late values filled in.
        stage: The stage that has the model.
        role: The role of the config that a message may name.

    Raises:
        FoundError: It cannot be constructed (R903), which was reported.
        UnprobedError: It needs more memory than is allowed, or the network.
    """
    name = name_of(node)
    place = request.place(node.where, stage, role)
    answers.step(place, f"constructing {name}")
    meta = _on_meta(node)
    size = _count_parameters(meta)
    if meta is not None and size > request.largest:
        return _wrap_model(name, meta, "meta")
    before = answers.network.refused
    try:
        torch.manual_seed(0)
        module = construct_model(node)
    except FAILURES as error:
        check_installed(error, name)
        raise_unprobed(error, answers, before, f"constructing {name}")
        raise report_construction_error(request, answers, error, place, stage, role) from error
    if not isinstance(module, nn.Module):
        what = f"{name} gives {type(module).__name__}, and a model is a torch.nn.Module"
        answers.report_finding(
            "R903", RecipeLocation(place.owner, (*place.path, key_of(node)), stage.name), what
        )
        raise FoundError
    return _wrap_model(name, module, "cpu")


def report_construction_error(
    request: Request,
    answers: Answers,
    error: BaseException,
    place: RecipeLocation,
    stage: PlannedStage,
    role: str,
    code: str = "R903",
) -> FoundError:
    """Report that something cannot be constructed, and return what to raise.

    The key path of an :class:`InstantiateError` names the node inside of the settings that failed.

    Args:
        request: What the compiler asks for.
        answers: Takes the finding.
        error: Why it cannot be constructed.
        place: The setting, where the error names none.
        stage: The stage that needs it.
        role: The role of the config that a message may name.
        code: The number of the finding.
    """
    found = find_origin(error, request.recipe_dir)
    if isinstance(error, InstantiateError) and error.where:
        place = request.place(error.where, stage, role)
    elif found.where:
        place = request.place(found.where, stage, role)
    inner = request.node(place)
    name = name_of(inner, "") if isinstance(inner, Mapping) else ""
    path = (*place.path, key_of(inner)) if name else place.path
    what = f"constructing {name} fails" if name else "this cannot be used"
    report_error(answers, code, RecipeLocation(place.owner, path, stage.name), what, found)
    return FoundError()


def check_installed(error: BaseException, name: str) -> None:
    """Take a package of others that is not installed as nobody's mistake."""
    cause, package = error.__cause__, name.partition(".")[0]
    if isinstance(cause, ModuleNotFoundError) and cause.name == package:
        raise UnprobedError(f'{name}: the package "{package}" is not installed') from error


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


def _count_parameters(module: nn.Module | None) -> int:
    return sum(parameter.numel() for parameter in module.parameters()) if module else 0


def is_about_meta(error: BaseException) -> bool:
    """Return whether an operator is missing on the meta device."""
    text = str(error)
    return isinstance(error, NotImplementedError) or "meta" in text or "data-dependent" in text


def on_device(fields: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Return a batch on a device."""
    return {
        key: value.to(device) if isinstance(value, torch.Tensor) else value
        for key, value in fields.items()
    }


__all__ = [
    "ProbedModel",
    "UnprobedError",
    "build_model",
    "is_about_meta",
    "on_device",
    "report_construction_error",
]
