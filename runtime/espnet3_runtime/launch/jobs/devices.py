"""GPUs for stages that run side by side: each that asks for one gets the one with fewest stages."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from espnet3_runtime.build.lock import Build
from espnet3_schemas.build_records import Stage

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ANY_GPU = ("auto", "gpu", "cuda")
_LISTING = ("nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader")
_PATIENCE_SECONDS = 30


def visible_gpus(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the CUDA devices that this process sees, as the variable names them."""
    if VISIBLE in environ:
        names = [name.strip() for name in environ[VISIBLE].split(",")]
        wrong = next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))
        return tuple(names[:wrong])  # CUDA sees those before a wrong one
    if shutil.which(_LISTING[0]) is None:
        return ()
    try:
        done = subprocess.run(
            _LISTING, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip())


@dataclass
class GpuPool:
    """The GPUs that stages share.

    Attributes:
        gpus: Their names.
    """

    gpus: tuple[str, ...]
    _taken: dict[str, str] = field(default_factory=dict)

    def take(self, build: Build, stage: Stage) -> dict[str, str]:
        """Return the variables that show a stage its GPU; none where it takes all, or none."""
        if len(self.gpus) <= 1 or not wants_one_gpu(build, stage):
            return {}
        counts = {gpu: list(self._taken.values()).count(gpu) for gpu in self.gpus}
        chosen = min(self.gpus, key=counts.__getitem__)
        self._taken[stage.name] = chosen
        return {VISIBLE: chosen}

    def give_back(self, stage: str) -> None:
        """Note that a stage has ended."""
        self._taken.pop(stage, None)


def wants_one_gpu(build: Build, stage: Stage) -> bool:
    """Say whether a stage asks for one GPU, whichever: a training, or an inference by itself."""
    if stage.run == "train":
        trainer = _values_of(build, stage, "training").get("trainer") or {}
        return (
            trainer.get("accelerator", "auto") in _ANY_GPU
            and str(trainer.get("devices", 1)) == "1"
            and trainer.get("num_nodes", 1) == 1
        )
    if stage.run == "infer":
        config = _values_of(build, stage, "inference")
        workers = (config.get("parallel") or {}).get("n_workers", 1)
        return config.get("device", "auto") in ("auto", "cuda") and workers == 1
    return False


def _values_of(build: Build, stage: Stage, role: str) -> dict[str, Any]:
    return build.config(stage.configs[role]).plain() if role in stage.configs else {}
