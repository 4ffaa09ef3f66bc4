"""Speech enhancement and separation."""

from espnet3_runtime.systems.base import BaseSystem


class EnhancementSystem(BaseSystem):
    """The stages of any recipe; what is its own are the defaults of its declaration."""
