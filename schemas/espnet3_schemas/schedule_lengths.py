"""Lengths of a learning-rate scheduler that a training of so many moves never gets to.

The compiler asks where the configs tell how many moves there are; ``--deep`` where the data do.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

TORCH_SCHEDULERS = "torch.optim.lr_scheduler."

WARMUPS = ("warmup_steps", "num_warmup_steps", "warmup_iters")
"""Arguments that say when the rate has risen to its peak."""

_NEVER = "the rate never changes"
_PEAK = "the rate never rises to its peak"
_SLOW = "the rate hardly moves"
_SLOWEST = 0.2  # of a length: where the training ends before, the rate has hardly moved
_PEAK_OF_CYCLE = 0.3  # pct_start of OneCycleLR
_START_OF_LINE = 1 / 3  # start_factor of LinearLR


class LateLength(NamedTuple):
    """A length that is never reached.

    Attributes:
        key: The argument that says it.
        number: What is written there.
        effect: What becomes of the rate.
    """

    key: str
    number: int
    effect: str


class _Length(NamedTuple):
    """A length that matters.

    Attributes:
        key: The argument that says it.
        effect: What becomes of the rate where it is not reached.
        share: Which part of it has to be reached.
        after: How many moves more.
    """

    key: str
    effect: str
    share: float = 1.0
    after: int = 0


_OF_TORCH = {
    "StepLR": _Length("step_size", _NEVER, after=1),
    "MultiStepLR": _Length("milestones", _NEVER, after=1),
    "ConstantLR": _Length("total_iters", _NEVER, after=1),
    "CyclicLR": _Length("step_size_up", _PEAK),
    "CosineAnnealingLR": _Length("T_max", _SLOW, _SLOWEST),
    "CosineAnnealingWarmRestarts": _Length("T_0", _SLOW, _SLOWEST),
    "PolynomialLR": _Length("total_iters", _SLOW, _SLOWEST),
}
_BY_NAME = (
    *(_Length(key, _PEAK) for key in WARMUPS),
    _Length("num_training_steps", _SLOW, _SLOWEST),
    _Length("total_steps", _SLOW, _SLOWEST),
)


def late_length(target: str, arguments: Mapping[str, Any], moves: int) -> LateLength | None:
    """Return a length of a scheduler that is not reached; None where all are.

    Args:
        target: The dotted path of the scheduler.
        arguments: Its arguments; what is not known may be left out.
        moves: How often it moves in the training, at most.
    """
    for one in _lengths_of(target, arguments):
        number = _first_number(arguments.get(one.key))
        if number is not None and number * one.share + one.after > moves:
            return LateLength(one.key, number, one.effect)
    return None


def planned_moves(arguments: Mapping[str, Any]) -> int | None:
    """Return after how many moves ``OneCycleLR`` refuses to go on; None where that is not known."""
    if arguments.get("total_steps") is not None:
        return _first_number(arguments["total_steps"])
    epochs, steps = (_first_number(arguments.get(key)) for key in ("epochs", "steps_per_epoch"))
    return epochs * steps if epochs and steps else None


def _lengths_of(target: str, arguments: Mapping[str, Any]) -> tuple[_Length, ...]:
    """Return what matters of a scheduler; of one that is not torch's, by names of arguments."""
    name = target.removeprefix(TORCH_SCHEDULERS)
    if name == target:
        return _BY_NAME
    if name == "OneCycleLR":
        share = arguments.get("pct_start", _PEAK_OF_CYCLE)
        known = isinstance(share, float) and 0 < share <= 1
        return (_Length("total_steps", _PEAK, share),) if known else ()
    if name == "LinearLR":
        start, end = arguments.get("start_factor", _START_OF_LINE), arguments.get("end_factor", 1.0)
        if not all(isinstance(one, int | float) for one in (start, end)):
            return ()
        rises = start < end
        return (_Length("total_iters", _PEAK if rises else _SLOW, 1.0 if rises else _SLOWEST),)
    return (_OF_TORCH[name],) if name in _OF_TORCH else ()


def _first_number(value: Any) -> int | None:
    """Return a whole number above zero, or the least of a list of them."""
    if isinstance(value, list | tuple):
        numbers = [_first_number(one) for one in value]
        return None if None in numbers else min((one for one in numbers if one), default=None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
