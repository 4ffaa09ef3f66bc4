"""Construct the optimizers and schedulers of a training config, and throw them away."""

from torch import nn

from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.origin.error_origin import FAILURES, raise_unprobed
from espnet3_runtime.preflight.tried_stage import TriedStage
from espnet3_runtime.training.optimizers import (
    count_steps,
    limit_epochs,
    make_named_optimizers,
    make_single_optimizer,
)
from espnet3_schemas import TARGET

_BATCHES = 10_000
"""How many batches an epoch is taken to have, for schedulers that need to know: a small part of it
(``limit_train_batches: 0.001``) and the usual steps of a warm-up still fit."""
_KEYS = ("optimizer", "optimizers", "scheduler", "schedulers")


def try_torch_optimizer(tried: TriedStage, config: ConfigView) -> None:
    """Try an optimizer and a scheduler of PyTorch on parameters that stand in for the model's.

    Others may need the parameters of the model itself, and several optimizers share them by name.
    """
    nodes = [config[key] for key in ("optimizer", "scheduler") if config[key] is not None]
    named = [str(node.get(TARGET, "")) for node in nodes]
    if not config["optimizers"] and all(name.startswith("torch.") for name in named):
        try_optimizers(tried, config, nn.Linear(2, 2, bias=False))


def try_optimizers(tried: TriedStage, config: ConfigView, model: nn.Module) -> None:
    """Report R908 for optimizers and schedulers that cannot be constructed for a model.

    Args:
        tried: The stage.
        config: Its training config, late values filled in.
        model: The model, or what stands in for it.
    """
    if any(tried.answers.is_wrong(tried.own_location().owner, (key,)) for key in _KEYS):
        return
    location = tried.own_location("optimizers" if config["optimizers"] else "optimizer")
    tried.answers.step(location, "constructing the optimizer")
    trainer = config["trainer"]

    def steps(per_step: int, every: int | None = None) -> int:
        most = -1 if trainer.get("max_steps") is None else trainer["max_steps"]
        limit = trainer.get("limit_train_batches")
        return count_steps(_BATCHES, limit, limit_epochs(trainer), most, per_step, every)

    try:
        make = make_named_optimizers if config["optimizers"] else make_single_optimizer
        make(model, config, steps)
    except FAILURES as error:
        if not isinstance(error, UserError) or error.__cause__ is not None:
            tried.construction_failure(error, location, "R908")
            return
        raise_unprobed(error, tried.answers)
        found = tried.origin(error)
        if found.where == "model":  # no parameters
            location = tried.own_location("optimizer")
        elif found.where:
            location = tried.locate(found.where)
        tried.answers.report_finding("R908", location, error.message, help_=found.help)
