"""Learning-rate schedules of speech recipes that torch does not have."""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup(optimizer: Optimizer, warmup_steps: int = 25_000) -> LambdaLR:
    """Rise linearly to the optimizer's rate, then fall with the inverse square root of the step.

    The schedule of the Transformer (Vaswani et al. 2017), scaled so that the optimizer's rate is
    the peak, as ESPnet's ``WarmupLR``.

    Args:
        optimizer: Its ``lr`` is the peak.
        warmup_steps: The step of the peak.
    """

    def factor(step: int) -> float:
        step += 1
        return math.sqrt(warmup_steps) * min(
            1 / math.sqrt(step), step / math.pow(warmup_steps, 1.5)
        )

    return LambdaLR(optimizer, factor)


def warmup_cosine(
    optimizer: Optimizer, warmup_steps: int, total_steps: int, final: float = 0.0
) -> LambdaLR:
    """Rise linearly to the optimizer's rate, then fall along half a cosine.

    Args:
        optimizer: Its ``lr`` is the peak.
        warmup_steps: The step of the peak.
        total_steps: Steps of the whole training; supplied when not given.
        final: Factor of the peak at the end.
    """

    def fall(done: float) -> float:
        return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2

    return _warmup_then(fall, optimizer, warmup_steps, total_steps)


def warmup_linear(
    optimizer: Optimizer, warmup_steps: int, total_steps: int, final: float = 0.0
) -> LambdaLR:
    """Rise linearly to the optimizer's rate, then fall linearly.

    Args:
        optimizer: Its ``lr`` is the peak.
        warmup_steps: The step of the peak.
        total_steps: Steps of the whole training; supplied when not given.
        final: Factor of the peak at the end.
    """
    return _warmup_then(lambda done: 1.0 - (1 - final) * done, optimizer, warmup_steps, total_steps)


def _warmup_then(
    fall: Callable[[float], float], optimizer: Optimizer, warmup_steps: int, total_steps: int
) -> LambdaLR:
    """Rise linearly, then multiply the peak by a function of the part of the rest that is done."""

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        return fall(min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0))

    return LambdaLR(optimizer, factor)
