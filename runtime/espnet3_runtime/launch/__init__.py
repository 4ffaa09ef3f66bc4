"""From the command line to finished stages; ``build/run.py`` calls :func:`launch`."""

from espnet3_runtime.incremental.held_code import hold_code
from espnet3_runtime.launch.main import launch, only_looks

__all__ = ("hold_code", "launch", "only_looks")
