"""A schedule of the learning rate."""


def warm(step: int, warmup_steps: int = 100) -> float:
    """Return the share of the rate at a step."""
    return min(1.0, step / warmup_steps)
