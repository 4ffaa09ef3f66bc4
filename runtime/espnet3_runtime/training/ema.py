"""Exponential moving average of the weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Averages the weights after every step; validation and best checkpoints use the average.

    The decay grows as ``(1 + steps) / (10 + steps)`` up to the given one, so that the random
    initial weights do not linger (as in TensorFlow's ``ExponentialMovingAverage``).  Buffers, such
    as batch-norm statistics, are those of the model.

    Args:
        model: The model whose parameters are followed.
        decay: Weight of the past in one step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        named = dict(model.named_parameters())
        self._names, self._live = list(named), list(named.values())
        self._average = [parameter.detach().clone() for parameter in self._live]
        self._swapped = False

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights after an optimizer step."""
        self.steps += 1
        self._follow()
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        update(self._average, [parameter.detach() for parameter in self._live], self.steps)

    @contextmanager
    def apply_average(self) -> Iterator[None]:
        """Use the average as the weights while the block runs."""
        outermost = not self._swapped
        if outermost:
            self.swap_weights()
        try:
            yield
        finally:
            if outermost:
                self.swap_weights()

    @torch.no_grad()
    def swap_weights(self) -> None:
        """Exchange weights and average."""
        self._follow()
        for parameter, average in zip(self._live, self._average, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(kept)
        self._swapped = not self._swapped

    def state(self) -> dict[str, Any]:
        """Return the averages, tensors by parameter name, and the number of steps."""
        return {"steps": self.steps, "weights": dict(zip(self._names, self._average, strict=True))}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.steps = state["steps"]
        self._average = [state["weights"][name].clone() for name in self._names]

    def _follow(self) -> None:
        """Move the average to the device of the weights."""
        if self._average[0].device != self._live[0].device:
            pairs = zip(self._average, self._live, strict=True)
            self._average = [average.to(parameter.device) for average, parameter in pairs]
