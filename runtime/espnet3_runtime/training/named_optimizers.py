"""Manual optimization with named optimizers, each with its own loss or all with one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import ReduceLROnPlateau

from espnet3_runtime.errors import UserError
from espnet3_runtime.training.forward_outputs import ForwardOutput
from espnet3_runtime.training.measurements import read_value
from espnet3_runtime.training.optimizers import NamedOptimizer, Scheduler


@contextmanager
def _no_gradient_sync(module: pl.LightningModule) -> Iterator[None]:
    """Keep the gradients of the backward passes within a block on this rank."""
    wrapped = _ddp_wrapper(module)
    if wrapped is None:
        yield
        return
    with wrapped.no_sync():
        yield
    wrapped.require_forward_param_sync = True  # otherwise buffers differ from the next batch on


def _average_gradients(module: pl.LightningModule, parameters: Sequence[nn.Parameter]) -> None:
    """Replace the gradients of some parameters by their means over the ranks.

    A missing gradient counts as zero where another rank has one.
    """
    if _ddp_wrapper(module) is None or not parameters:
        return
    has = torch.tensor([p.grad is not None for p in parameters], device=parameters[0].device).int()
    dist.all_reduce(has, op=dist.ReduceOp.MAX)
    by_type: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for parameter, some in zip(parameters, has.tolist(), strict=True):
        if some:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = gradient
            by_type.setdefault((gradient.dtype, gradient.device), []).append(gradient)
    for gradients in by_type.values():
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def _ddp_wrapper(module: pl.LightningModule) -> DistributedDataParallel | None:
    model = module.trainer.strategy.model
    return model if isinstance(model, DistributedDataParallel) else None


class NamedOptimizerLoop:
    """Makes the steps of named optimizers.

    All gradients of a batch are computed before any weight changes, each loss moves the parameters
    of its own optimizer only, and then the optimizers step in the order of the config.  One common
    loss moves them all.

    Args:
        named: The optimizers by name.
        model_name: The import path of the model, for messages.
    """

    def __init__(self, named: Mapping[str, NamedOptimizer], model_name: str) -> None:
        self.named = dict(named)
        self.model_name = model_name

    def lightning(self) -> list[dict[str, Any]]:
        """Return what ``configure_optimizers`` returns, so that all states are saved."""
        return [
            {"optimizer": one.optimizer}
            | ({"lr_scheduler": one.scheduler.scheduler} if one.scheduler else {})
            for one in self.named.values()
        ]

    def step(self, module: pl.LightningModule, outcome: ForwardOutput) -> bool:
        """Learn from one batch; return whether any weight may have changed.

        Raises:
            UserError: A loss belongs to no optimizer, or depends on no parameter.
        """
        losses = self._losses_by_optimizer(outcome)
        active = [one for name, one in self.named.items() if name in losses and one.active]
        groups = _group_by_loss(active, losses)
        for index, (loss, members) in enumerate(groups):
            parameters = [parameter for one in members for parameter in one.parameters]
            last = index + 1 == len(groups)
            if not loss.requires_grad:
                raise _no_graph(f"{self.model_name} for {members[0].name}")
            with _no_gradient_sync(module):
                mean = loss / members[0].accumulate
                module.manual_backward(mean, inputs=parameters, retain_graph=not last)
        stepped = [self._step_optimizer(module, one) for one in active]
        for one in self.named.values():
            one.seen_batches += 1
        return any(stepped)

    def _step_optimizer(self, module: pl.LightningModule, one: NamedOptimizer) -> bool:
        one.held_batches += 1
        if one.held_batches < one.accumulate:
            return False
        one.held_batches = 0
        found: Any = module.optimizers()
        wrappers = found if isinstance(found, list) else [found]
        optimizer = next(wrapper for wrapper in wrappers if wrapper.optimizer is one.optimizer)
        _average_gradients(module, one.parameters)
        if one.clip:
            module.configure_gradient_clipping(optimizer, one.clip, one.clip_algorithm)
        optimizer.step()
        optimizer.zero_grad()
        if one.scheduler is not None and one.scheduler.interval == "step":
            one.scheduler.scheduler.step()
        return True

    def end_epoch(self, fresh: Mapping[str, float], known: Iterable[str]) -> None:
        """Move the schedulers that move once an epoch, see :func:`step_plateau`."""
        for one in self.named.values():
            chosen = one.scheduler
            epochal = chosen is not None and chosen.interval == "epoch"
            if chosen and epochal and not step_plateau(chosen, fresh, known):
                chosen.scheduler.step()

    def state(self) -> dict[str, dict[str, int]]:
        """Return the counters of every optimizer."""
        return {
            name: {"seen": one.seen_batches, "held": one.held_batches}
            for name, one in self.named.items()
        }

    def load(self, state: Mapping[str, Mapping[str, int]]) -> None:
        """Continue from a state."""
        for name, one in self.named.items():
            one.seen_batches, one.held_batches = state[name]["seen"], state[name]["held"]

    def _losses_by_optimizer(self, outcome: ForwardOutput) -> dict[str, Tensor]:
        if not isinstance(outcome.losses, dict):
            return dict.fromkeys(self.named, outcome.losses)
        unknown = outcome.losses.keys() - self.named.keys()
        if unknown:
            raise UserError(
                f'"{self.model_name}" gives a loss for "{min(unknown)}", '
                "and there is no such optimizer",
                where="training.optimizers",
                hint=f"the optimizers are {', '.join(self.named)}",
            )
        return outcome.losses


def step_plateau(scheduler: Scheduler, fresh: Mapping[str, float], known: Iterable[str]) -> bool:
    """Pass its value to a plateau scheduler, if measured in this epoch; False for other kinds.

    Args:
        scheduler: Any scheduler.
        fresh: Values of this epoch.
        known: Names of all values that were ever measured.

    Raises:
        UserError: Its value is never measured.
    """
    if not isinstance(scheduler.scheduler, ReduceLROnPlateau):
        return False
    monitor = str(scheduler.monitor)
    if monitor in fresh:
        scheduler.scheduler.step(fresh[monitor])
    elif not monitor.startswith("valid/"):  # those are looked for at the first validation
        read_value(dict.fromkeys(known, 0.0), monitor, "training.scheduler_monitor")
    return True


def single_loss(outcome: ForwardOutput, model: str) -> Tensor:
    """Return the one loss of a batch.

    Raises:
        UserError: There are several, or no parameter influences it.
    """
    losses = outcome.losses
    if isinstance(losses, dict):
        raise UserError(
            f'"{model}" gives a loss for each of {", ".join(losses)}, and there is one optimizer',
            where="training.optimizer",
            hint="name an optimizer for each under optimizers",
        )
    if not losses.requires_grad:
        raise _no_graph(model)
    return losses


def _group_by_loss(
    active: Iterable[NamedOptimizer], losses: Mapping[str, Tensor]
) -> list[tuple[Tensor, list[NamedOptimizer]]]:
    """Put optimizers with the same loss and accumulation together: one backward pass for all."""
    groups: dict[tuple[int, int], tuple[Tensor, list[NamedOptimizer]]] = {}
    for one in active:
        loss = losses[one.name]
        groups.setdefault((id(loss), one.accumulate), (loss, []))[1].append(one)
    return list(groups.values())


def _no_graph(model: str) -> UserError:
    return UserError(
        f'the loss of "{model}" depends on no trainable parameter',
        hint="is it computed under torch.no_grad(), from detach()ed values, or from frozen parts?",
    )
