"""The Trainer of a train stage, whatever machine the stage will run on."""

from collections.abc import Mapping
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.preflight.trainer import try_trainer

_OF_THE_MACHINE: Mapping[str, Any] = {
    "accelerator": "cpu",
    "devices": 1,
    "num_nodes": 1,
    "strategy": "auto",
    "deterministic": None,
}


def probe_trainer(probe: StageProbe, config: ConfigView) -> None:
    """Report what Lightning refuses of the Trainer (R913), and what in it cannot be constructed."""
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    environment = (LightningEnvironment(),)  # not that of a job that this may run in
    try_trainer(probe, config, {**_OF_THE_MACHINE, "plugins": environment})
