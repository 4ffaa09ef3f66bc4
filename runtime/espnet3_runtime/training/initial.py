"""Weights that a training starts from: another stage's, a file's or a bundle's."""

from collections.abc import Mapping
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.weights import read_weights
from espnet3_runtime.stage import StageContext

if TYPE_CHECKING:
    from torch import Tensor, nn

_SHOWN = 8


def initial_path(context: StageContext) -> Path | None:
    """Return the checkpoint or bundle that ``init_from`` names, if any."""
    source = context.spec.init_from
    if source is None:
        return None
    best = context.upstream.get(f"{source}.best_checkpoint")
    return best if best is not None else context.recipe_dir / source


def initialise(model: "nn.Module", path: Path, log: Logger, shown: str) -> str:
    """Copy the weights that fit by name and shape into a model, and warn of the others.

    Returns:
        How many weights were taken.

    Raises:
        UserError: The file cannot be read, or nothing in it fits.
    """
    weights = read_weights(path)
    own = model.state_dict()
    fitting = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape
    }
    if not fitting:
        raise UserError(
            f'no weight of "{path}" fits {type(model).__name__}',
            where="init_from",
            hint=f"the model has {_some(own)}; the file has {_some(weights)}",
        )
    model.load_state_dict(fitting, strict=False)
    _report(own, weights, log)
    return f"{len(fitting)} of {len(own)} weights from {shown}"


def _report(own: "Mapping[str, Tensor]", weights: "Mapping[str, Tensor]", log: Logger) -> None:
    shared = own.keys() & weights.keys()
    differing = [name for name in shared if own[name].shape != weights[name].shape]
    for what, names in (
        ("not in the file, left as initialised", own.keys() - weights.keys()),
        ("in the file but not in the model", weights.keys() - own.keys()),
        ("of another shape, left as initialised", differing),
    ):
        if names:
            log.warning("init_from: %d weights %s: %s", len(names), what, _some(names))


def _some(names: "Mapping[str, Tensor] | set[str] | list[str]") -> str:
    chosen = sorted(names)
    more = f" and {len(chosen) - _SHOWN} more" if len(chosen) > _SHOWN else ""
    return ", ".join(chosen[:_SHOWN]) + more
