"""Construct the Trainer of a train stage, with its loggers and callbacks."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import exception_chain
from espnet3_runtime.preflight.origin.argument import argument_at_fault
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_schemas import TARGET

_OF_THE_MACHINE: Mapping[str, Any] = {
    "accelerator": "cpu",
    "devices": 1,
    "num_nodes": 1,
    "strategy": "auto",
    "deterministic": None,
    "callbacks": (),
    "logger": False,
}
"""What a machine with GPUs would have to be there for, and what is constructed by itself."""

_ALONE = ("callbacks", "logger", "strategy", "plugins")
_ELSEWHERE = re.compile(r"api.?key|log ?in\b|\binstalled\b|pip install", re.IGNORECASE)
"""What is said where an account or a package is missing, which another machine may have."""


def probe_trainer(probe: StageProbe, config: ConfigView, folder: Path) -> None:
    """Report R903 for the Trainer or a part of it that cannot be constructed.

    Args:
        probe: The stage.
        config: Its training config.
        folder: A temporary directory, for what the Trainer writes.
    """
    block = config["trainer"]
    nodes = [node for key in _ALONE for node in _nodes_in(block.get(key))]
    right = [_construct_part(probe, node) for node in nodes]
    if all(right):
        _construct_trainer(probe, config, folder)


def _nodes_in(value: Any) -> Iterator[ConfigView]:
    if isinstance(value, ConfigView):
        yield value
    elif isinstance(value, list | tuple):
        yield from (node for node in value if isinstance(node, ConfigView))


def _construct_part(probe: StageProbe, node: ConfigView) -> bool:
    """Return whether a callback, a logger, … is right as far as can be told."""
    location = probe.locate(node.where)
    if TARGET not in node or probe.answers.is_wrong(location.owner, location.path):
        return True
    probe.answers.step(location, f"constructing {node[TARGET]}")
    try:
        instantiate(node)
    except FAILURES as error:
        if any(_ELSEWHERE.search(str(link)) for link in exception_chain(error)):
            probe.answers.note(f"{probe.answers.current_step}: {probe.origin(error).text}")
            return True
        try:
            probe.construction_failure(error, location)
        except UnprobedError as why:
            probe.answers.note(str(why))
            return True
        return False
    return True


def _construct_trainer(probe: StageProbe, config: ConfigView, folder: Path) -> None:
    import lightning.pytorch as pl
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    from espnet3_runtime.training.trainer import make_trainer, quiet_lightning

    block = config["trainer"]
    environment = (LightningEnvironment(),)  # not that of a job that this may run in
    here = ConfigView({**block, **_OF_THE_MACHINE, "plugins": environment}, block.where)
    location = probe.locate(block.where)
    probe.answers.step(location, "constructing the Trainer")
    try:
        with quiet_lightning():
            values = ConfigView({**config, "trainer": here}, config.where)
            make_trainer(values, folder, [pl.Callback()], None, logging.getLogger(__name__))
    except FAILURES as error:
        if _ELSEWHERE.search(str(error)):
            raise UnprobedError(f"{probe.answers.current_step}: {error}") from error
        key = argument_at_fault(block, str(error))
        path = (*location.path, key) if key else location.path
        location = RecipeLocation(location.owner, path, probe.stage.name)
        raised = probe.failure(error, "R903", location, at=f"{block.where}.{key}" if key else "")
        if not isinstance(raised, FoundError):
            raise raised from error
