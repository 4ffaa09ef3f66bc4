"""Construct the Trainer of a training config, with its loggers and callbacks, and throw it away."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import InstantiateError, UserError, exception_chain
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import RecipeLocation, UnprobedError
from espnet3_runtime.preflight.tried_stage import TriedStage
from espnet3_schemas import TARGET

_ABSENT = re.compile(r"No supported gpu|accelerator is not available|machine only has", re.DOTALL)
"""What Lightning says about a device that this machine does not have."""
_MACHINE = ("accelerator", "devices", "strategy", "precision", "sync_batchnorm", "plugins")
_ELSEWHERE = re.compile(r"api.?key|log ?in\b|\binstalled\b|pip install", re.IGNORECASE)
"""What is said where an account or a package is missing, which another machine may have."""
_ALWAYS = ("callbacks", "logger", "accumulate_grad_batches")
"""Keys that the runtime reads itself."""


def try_trainer(
    tried: TriedStage, config: ConfigView, machine: Mapping[str, Any] | None = None
) -> None:
    """Report what Lightning refuses of the ``trainer`` block, and what in it cannot be constructed.

    Args:
        tried: The stage.
        config: Its training config, late values filled in.
        machine: Keys of the ``trainer`` block that are about the machine, as this one needs them.
    """
    block = config["trainer"]
    usable = {
        **block,
        "callbacks": [node for node in block["callbacks"] if is_constructible(tried, node)],
        "logger": False,
    }
    for node in block["logger"] if isinstance(block["logger"], tuple) else ():
        is_constructible(tried, node)
    for key in ("strategy", "profiler", "plugins"):
        if isinstance(block.get(key), Mapping | tuple) and not is_constructible(tried, block[key]):
            del usable[key]
    _make_trainer(tried, config, usable | dict(machine or {}))


def is_constructible(tried: TriedStage, node: Any) -> bool:
    """Construct a node; return whether that works, and report why where it does not.

    What names a file that a stage has still to make is left alone.
    """
    if not is_untouched(tried, node):
        return False
    location = _location_of(tried, node)
    named = node.get(TARGET, "it") if isinstance(node, Mapping) else "it"
    tried.answers.step(location, f"constructing {named}")
    try:
        instantiate(node)
    except FAILURES as error:
        _report_failure(tried, location, error)
        return False
    return True


def is_untouched(tried: TriedStage, node: Any) -> bool:
    """Say whether a node has no finding, and names no file that a stage has still to make."""
    location = _location_of(tried, node)
    wrong = tried.answers.is_wrong(location.owner, location.path)
    return not wrong and not tried.artifacts.are_missing(node)


def _location_of(tried: TriedStage, node: Any) -> RecipeLocation:
    where = getattr(node, "where", "")
    return tried.locate(where) if where else tried.own_location("trainer", "plugins")


def _report_failure(tried: TriedStage, location: RecipeLocation, error: BaseException) -> None:
    """Report that something cannot be constructed, or note why that says nothing."""
    if not tried.answers.needs_packages and _is_elsewhere(error):
        tried.answers.note(f"{tried.answers.current_step}: {tried.origin(error).text}")
        return
    try:
        tried.construction_failure(error, location)
    except UnprobedError as why:
        tried.answers.note(str(why))


def _is_elsewhere(error: BaseException) -> bool:
    return any(_ELSEWHERE.search(str(link)) for link in exception_chain(error))


def _make_trainer(tried: TriedStage, config: ConfigView, block: Mapping[str, Any]) -> None:
    location = tried.own_location("trainer")
    tried.answers.step(location, "constructing the Trainer")
    error = _refusal(config, block)
    if isinstance(error, UserError) and not isinstance(error, InstantiateError):
        if _ABSENT.search(error.message):
            _report_absent(tried, block, error.message)
            _make_trainer(tried, config, _without(block, _MACHINE))
        else:
            _report_refusal(tried, config, block, error)
    elif error is not None:
        _report_failure(tried, location, error)


def _report_absent(tried: TriedStage, block: Mapping[str, Any], message: str) -> None:
    counted = "devices" if "machine only has" in message and "devices" in block else "accelerator"
    text = f"this machine does not have what the trainer asks for: {_one_line(message)}"
    if tried.answers.needs_devices:
        location = tried.own_location("trainer", counted)
        help_ = ("run this stage where it is, or write accelerator: auto",)
        tried.answers.report_finding("R914", location, text, help_=help_)
    else:
        tried.answers.note(f'"{tried.stage.name}": {text}')


def _report_refusal(
    tried: TriedStage, config: ConfigView, block: Mapping[str, Any], error: UserError
) -> None:
    named = error.where.rpartition(".")[2]
    path = (named,) if named in block else _find_culprit(config, block, error.message)
    help_ = (error.hint,) if error.hint else ()
    if path and not help_:
        help_ = (f'remove or change "{path[-1]}": without it there is nothing to refuse',)
    location = tried.own_location("trainer", *path)
    tried.answers.report_finding("R913", location, _one_line(error.message), help_=help_)


def _refusal(config: ConfigView, block: Mapping[str, Any]) -> BaseException | None:
    """Return why there is no Trainer of a block; None where there is one."""
    import lightning.pytorch as pl

    from espnet3_runtime.training.trainer import make_trainer, quiet_lightning

    changed = {**config, "trainer": ConfigView(block, config["trainer"].where)}
    try:
        with quiet_lightning():
            make_trainer(changed, Path(), [pl.Callback()], [])
    except FAILURES as error:
        return error
    return None


def _find_culprit(
    config: ConfigView, block: Mapping[str, Any], message: str
) -> tuple[str | int, ...]:
    """Return the path of what Lightning would do without; of several, what it names first."""
    found = {key: re.search(rf"(?<!\w){key}(?!\w)", message) for key in block}
    keys = sorted(block, key=lambda key: at.start() if (at := found[key]) else len(message))
    for key in keys:
        if key not in _ALWAYS and _refusal(config, _without(block, (key,))) is None:
            return (key,)
    for index, _ in enumerate(block["callbacks"]):
        left = [node for other, node in enumerate(block["callbacks"]) if other != index]
        if _refusal(config, {**block, "callbacks": left}) is None:
            return "callbacks", index
    return ()


def _without(block: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key not in keys}


def _one_line(message: str) -> str:
    return " ".join(message.split())
