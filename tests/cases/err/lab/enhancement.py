"""The lab's System for enhancement."""

from espnet3_runtime.systems.base import BaseSystem


class Enhancement(BaseSystem):
    """The base system with a metric of its own."""
