"""What ``init_from`` of a stage says: weights, and which part of them goes where."""

import re
from typing import NamedTuple

_PART = r"[A-Za-z0-9_.]*"
_FORM = rf"(?P<source>.+?)(?::(?P<part>{_PART})(?::(?P<target>{_PART}))?)?"


class InitialWeights(NamedTuple):
    """Weights that a training starts from.

    Attributes:
        source: A stage, or the path of a checkpoint or bundle.
        part: The part of it that is taken, for example ``encoder``; empty takes all.
        target: The part of the model that gets it; empty is the whole model.
    """

    source: str
    part: str = ""
    target: str = ""

    @property
    def suffix(self) -> str:
        """What stands after the source; empty where all weights go to where they were."""
        return f":{self.part}:{self.target}" if self.part or self.target else ""


def split_init_from(text: str) -> InitialWeights:
    """Return what ``SOURCE``, ``SOURCE:PART`` or ``SOURCE:PART:TARGET`` means, as in ESPnet.

    Without a target, a part goes to where it was.
    """
    found = re.fullmatch(_FORM, text) if ":" in text else None
    if found is None:
        return InitialWeights(text)
    part = found["part"] or ""
    return InitialWeights(
        found["source"], part, part if found["target"] is None else found["target"]
    )
