"""Compare the ids that reach a loss or a table with the classes that it has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class LabelError(Exception):
    """An id lies outside of the classes.

    Args:
        function: For example ``ctc_loss``.
        classes: How many classes there are.
        low: The smallest id.
        high: The largest id.
    """

    def __init__(self, function: str, classes: int, low: int, high: int) -> None:
        super().__init__(f"{function} has {classes} classes and is given the ids {low} to {high}")
        self.classes, self.low = classes, low


class LabelWatch(TorchFunctionMode):
    """Checks the ids of every loss and table that a model uses.

    ``ctc_loss`` reads beyond its input when an id is too large, so it is stopped before.

    Attributes:
        classes: The number of classes of every CTC loss seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[int] = []

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Look at a call, then make it."""
        given = kwargs or {}
        found = _CHECKS[func](args, given) if func in _CHECKS else None
        if found and func is functional.ctc_loss:
            self.classes.append(found[1])
        if found:
            _check_range(*found)
        return func(*args, **given)


def _ctc_labels(args: Sequence[Any], given: Mapping[str, Any]) -> tuple[str, int, Any] | None:
    scores, targets = _pick_arguments(args, given, "log_probs", "targets")
    lengths = args[3] if len(args) > 3 else given.get("target_lengths")  # noqa: PLR2004
    if not _are_tensors(scores, targets):
        return None
    if targets.dim() == 2 and isinstance(lengths, torch.Tensor) and not lengths.is_meta:  # noqa: PLR2004
        inside = torch.arange(targets.shape[1]) < lengths.cpu()[:, None]
        targets = targets.cpu()[inside] if not targets.is_meta else targets
    return "ctc_loss", scores.shape[-1], targets


def _cross_entropy_labels(
    args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[str, int, Any] | None:
    scores, targets = _pick_arguments(args, given, "input", "target")
    if not _are_tensors(scores, targets) or targets.is_floating_point() or not scores.dim():
        return None
    ignored = args[4] if len(args) > 4 else given.get("ignore_index", -100)  # noqa: PLR2004
    if not targets.is_meta:
        targets = targets[targets != ignored]
    return "cross_entropy", scores.shape[1 if scores.dim() > 1 else 0], targets


def _embedding_labels(args: Sequence[Any], given: Mapping[str, Any]) -> tuple[str, int, Any] | None:
    ids, weight = _pick_arguments(args, given, "input", "weight")
    return ("embedding", weight.shape[0], ids) if _are_tensors(ids, weight) else None


_CHECKS: dict[Any, Callable[..., tuple[str, int, Any] | None]] = {
    functional.ctc_loss: _ctc_labels,
    functional.cross_entropy: _cross_entropy_labels,
    functional.nll_loss: _cross_entropy_labels,
    functional.embedding: _embedding_labels,
}


def _pick_arguments(args: Sequence[Any], given: Mapping[str, Any], *names: str) -> list[Any]:
    return [
        args[index] if len(args) > index else given.get(name) for index, name in enumerate(names)
    ]


def _are_tensors(*values: Any) -> bool:
    return all(isinstance(value, torch.Tensor) for value in values)


def _check_range(function: str, classes: int, ids: torch.Tensor) -> None:
    if ids.is_meta or ids.numel() == 0 or ids.is_floating_point():
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= classes:
        raise LabelError(function, classes, low, high)
