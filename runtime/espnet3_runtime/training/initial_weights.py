"""Weights that a training starts from: another stage's, a file's or a bundle's."""

from collections.abc import Iterable, Mapping, Sequence
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

from espnet3_runtime.errors import UserError, did_you_mean
from espnet3_runtime.stage import StageContext
from espnet3_runtime.training.parameter_groups import abbreviate_names, matches_selector
from espnet3_runtime.weights import read_weights
from espnet3_schemas.initial_weights import InitialWeights, split_init_from

if TYPE_CHECKING:
    from torch import Tensor, nn


def initial_path(context: StageContext) -> Path | None:
    """Return the checkpoint or bundle that ``init_from`` names, if any."""
    if context.spec.init_from is None:
        return None
    source = split_init_from(context.spec.init_from).source
    return context.upstream.get(f"{source}.best_checkpoint", context.recipe_dir / source)


def load_initial_weights(
    model: "nn.Module",
    path: Path,
    start: InitialWeights,
    log: Logger,
    reinit: Sequence[str],
    where: str,
) -> str:
    """Copy weights into a model, all but the reinitialised parts; return how many were copied.

    Args:
        model: The model.
        path: A checkpoint, a file of weights, or a bundle.
        start: What ``init_from`` says: the source for messages, and the parts.
        log: Gets the names of the weights that were left out.
        reinit: The parts that keep their initial values, named as for ``freeze``.
        where: The key path of ``reinit``.

    Raises:
        UserError: The file cannot be read, or does not fit by names and shapes apart from those
            parts, or one of them is no part of the model, or a part of ``start`` none of either.
    """
    own, shown = model.state_dict(), start.source
    _check_parts(reinit, own, where)
    moved, part = move_parts(read_weights(path), own, start)
    kept, wanted = without_parts(moved, reinit), without_parts(part, reinit)
    problems = "\n    ".join(describe_mismatches(wanted, kept))
    if problems:
        raise UserError(
            f'the weights of "{shown}" do not fit {type(model).__name__}:\n    {problems}',
            where="init_from",
            hint=f"parts that shall start afresh are listed in {where}, for example [head]",
        )
    model.load_state_dict(kept, strict=False)
    left = own.keys() - kept.keys()
    if left:
        log.info("init_from: %d weights start afresh: %s", len(left), abbreviate_names(left))
    return f"{len(kept)} of {len(own)} weights from {shown}{start.suffix}"


def move_parts(
    weights: "Mapping[str, Tensor]", own: "Mapping[str, Tensor]", start: InitialWeights
) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
    """Return the weights of the part that is taken, by their names in the model; and that of it.

    Args:
        weights: Those of the file, by name.
        own: Those of the model, by name.
        start: Which part goes where.

    Raises:
        UserError: The file has no such part, or the model none.
    """
    taken, target = below_part(weights, start.part), below_part(own, start.target)
    for found, part, every, what in (
        (taken, start.part, weights, f'"{start.source}" has no weights'),
        (target, start.target, own, "the model has no weights"),
    ):
        if not found:
            hint = did_you_mean(part, sorted({name.partition(".")[0] for name in every}))
            raise UserError(f'{what} below "{part}"', where="init_from", hint=hint)
    prefix = f"{start.target}." if start.target else ""
    renamed = [{f"{prefix}{name}": value for name, value in x.items()} for x in (taken, target)]
    return renamed[0], renamed[1]


def below_part(weights: "Mapping[str, Tensor]", part: str) -> "dict[str, Tensor]":
    """Return the weights of a part by their names in it; of no part all."""
    prefix = f"{part}." if part else ""
    inside = {name: value for name, value in weights.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in inside.items()}


def without_parts(weights: "Mapping[str, Tensor]", parts: Iterable[str]) -> "dict[str, Tensor]":
    """Return weights by name without those of parts, which are named as for ``freeze``."""
    return {
        name: value
        for name, value in weights.items()
        if not any(matches_selector(name, part) for part in parts)
    }


def _check_parts(parts: Sequence[str], own: Iterable[str], where: str) -> None:
    names = list(own)
    for part in parts:
        if not any(matches_selector(name, part) for name in names):
            hint = f"its parts are {abbreviate_names({name.partition('.')[0] for name in names})}"
            raise UserError(f'"{part}" matches no weight of the model', where=where, hint=hint)


def describe_mismatches(
    own: "Mapping[str, Tensor]", weights: "Mapping[str, Tensor]"
) -> Iterable[str]:
    """Yield how the weights of a file differ from a model's own by names and shapes."""
    shapes = {
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own.keys() & weights.keys()
        if own[name].shape != weights[name].shape
    }
    for problem, names in (
        ("missing in the file", own.keys() - weights.keys()),
        ("not in the model", weights.keys() - own.keys()),
        ("of another shape", shapes),
    ):
        if names:
            yield f"{len(names)} {problem}: {abbreviate_names(names)}"
