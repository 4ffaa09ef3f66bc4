"""Skips or refuses batches with a loss or a gradient that is not finite."""

import logging
from collections.abc import Collection, Iterable

import lightning.pytorch as pl
import torch
from torch import nn

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.forward_outputs import ForwardOutput

MOST_IN_A_ROW = 100
"""After so many skipped batches in a row a training ends with an error."""

CALMER = "a lower learning rate, gradient clipping or another precision may help"
_LOG = logging.getLogger(__name__)


class NanPolicy:
    """Skips batches with a loss that is NaN or infinite, stops at them, or allows them.

    A batch is skipped by all ranks when it is bad on one.  The policy is ``skip``, ``error`` or
    ``allow``.
    """

    def __init__(self, policy: str) -> None:
        self.policy = policy
        self._skipped = 0
        self._in_a_row = 0
        self._good = 0
        self._problem = ""
        # Of the epoch: good batches, and steps with a norm that was finite and that was not.
        self._batches = self._steps = self._dropped = 0
        self._dropped_last = False

    def check(self, outcome: ForwardOutput, module: pl.LightningModule, utt_ids: list[str]) -> bool:
        """Return whether to train on a batch.

        Args:
            outcome: The result of ``forward``.
            module: The module that is trained.
            utt_ids: The items of the batch, for messages.

        Raises:
            UserError: The policy is ``error``, or too many batches were skipped in a row.
        """
        if self.policy == "allow" or self._is_finite(outcome, module.trainer.world_size):
            self._good += 1
            self._batches += 1
            if not self._dropped_last:
                self._in_a_row = 0
            return True
        self._skip(_describe_batch(outcome, module, utt_ids))
        return False

    def check_gradients(self, norm: torch.Tensor, parameters: Collection[nn.Parameter]) -> None:
        """Drop gradients whose common norm, a scalar, is not finite (the same on all ranks)."""
        if self.policy == "allow":
            return
        self._dropped_last = not bool(torch.isfinite(norm))
        if not self._dropped_last:
            if any(parameter.grad is not None for parameter in parameters):
                self._steps += 1
                self._in_a_row = 0
            return
        self._dropped += 1
        self._skip("the norm of the gradients is not finite")
        _drop_gradients(parameters)

    def zero_loss(self, model: nn.Module) -> torch.Tensor:
        """Return a scalar loss without effect: every rank still runs its backward pass."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.stack([parameter.flatten()[0] * 0 for parameter in parameters]).sum()

    def before_step(self, model: nn.Module) -> None:
        """Drop the gradients of a step whose batches were all skipped."""
        if self._good == 0 and self.policy != "allow":
            _drop_gradients(model.parameters())
        self._good = 0

    def end_epoch(self, *, whole: bool) -> int:
        """Return how many batches of the epoch were skipped.

        Raises:
            UserError: All of a whole epoch were, so that nothing was learned.
        """
        skipped, learned = self._skipped, self._steps or (self._batches and not self._dropped)
        self._skipped = self._batches = self._steps = self._dropped = 0
        if whole and skipped and not learned:
            problem = f"nothing was learned in an epoch, all batches were skipped: {self._problem}"
            raise UserError(problem, hint=CALMER)
        return skipped

    def _is_finite(self, outcome: ForwardOutput, world: int) -> bool:
        losses = outcome.losses
        values = losses.values() if isinstance(losses, dict) else [losses]
        finite = torch.stack([torch.isfinite(value.detach()) for value in values]).all()
        if world > 1:
            finite = finite.to(torch.uint8)
            torch.distributed.all_reduce(finite, op=torch.distributed.ReduceOp.MIN)
        return bool(finite)

    def _skip(self, problem: str) -> None:
        if self.policy == "error":
            hint = '"skip" leaves such batches out'
            raise UserError(problem, where="training.nan_policy", hint=hint)
        self._skipped += 1
        self._in_a_row += 1
        self._problem = problem
        if self._in_a_row == 1:
            _LOG.info("%s; it is skipped", problem)
        if self._in_a_row >= MOST_IN_A_ROW:
            raise UserError(
                f"{self._in_a_row} batches in a row were skipped: {problem}",
                hint=CALMER,
            )


def find_not_finite(model: nn.Module) -> list[str]:
    """Return the names of parameters that hold NaN or infinity, and of buffers that hold NaN."""
    broken = [name for name, one in model.named_parameters() if not one.isfinite().all()]
    return broken + [name for name, one in model.named_buffers() if one.isnan().any()]


def _drop_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Make the next optimizer step change no weights."""
    for parameter in parameters:
        parameter.grad = None


def _describe_batch(outcome: ForwardOutput, module: pl.LightningModule, utt_ids: list[str]) -> str:
    values = {name: float(value) for name, value in outcome.stats.items() if "loss" in name}
    shown = ", ".join(f"{name} {value:g}" for name, value in values.items())
    items = ", ".join(utt_ids[:3]) + (" …" if len(utt_ids) > 3 else "")  # noqa: PLR2004
    step = module.trainer.global_step
    return f"not finite: {shown} (epoch {module.current_epoch + 1}, step {step}; {items})"
