"""Gradients of named optimizers on several ranks.

PyTorch's ``DistributedDataParallel`` takes the means over the ranks while it goes back through the
graph, and expects one pass through all parameters.  Each named optimizer has a pass of its own, so
the passes stay on their rank, and the means are taken when an optimizer steps: once for all that it
accumulated.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def on_this_rank(module: pl.LightningModule) -> Iterator[None]:
    """Keep the gradients of the passes within a block on this rank."""
    wrapped = _wrapped(module)
    if wrapped is None:
        yield
        return
    with wrapped.no_sync():
        yield
    wrapped.require_forward_param_sync = True  # else buffers would part, from the next batch on


def take_means(module: pl.LightningModule, parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace the gradients of some parameters by their means over the ranks.

    One that some rank has and others lack counts as zero there; what no rank has stays away.
    """
    if _wrapped(module) is None:
        return
    by_type: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for parameter in _with_gradients(list(parameters)):
        assert parameter.grad is not None
        key = parameter.grad.dtype, parameter.grad.device
        by_type.setdefault(key, []).append(parameter.grad)
    for gradients in by_type.values():
        _mean(gradients)


def _wrapped(module: pl.LightningModule) -> DistributedDataParallel | None:
    model = module.trainer.strategy.model
    return model if isinstance(model, DistributedDataParallel) else None


def _with_gradients(parameters: Sequence[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
    """Return the parameters of which any rank has a gradient, those without one given zeros."""
    if not parameters:
        return []
    has = torch.tensor([p.grad is not None for p in parameters], device=parameters[0].device).int()
    dist.all_reduce(has, op=dist.ReduceOp.MAX)
    found = [parameter for parameter, some in zip(parameters, has.tolist(), strict=True) if some]
    for parameter in found:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return found


def _mean(gradients: Sequence[Tensor]) -> None:
    """Take the means of some tensors of one type at once."""
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
