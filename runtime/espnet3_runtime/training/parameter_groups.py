"""Parameters chosen by name: for freezing, and for named optimizers."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from espnet3_runtime.errors import UserError, nearest

if TYPE_CHECKING:
    from torch import nn


def matches_selector(name: str, selector: str) -> bool:
    """Return whether a selector names a parameter.

    A selector is a parameter, a module (``encoder.layers.0``), a dotted part that may begin
    anywhere on a dot (``layers.0``), or a pattern with ``*`` and ``?`` for the whole name.
    """
    if "*" in selector or "?" in selector:
        return fnmatchcase(name, selector)
    return f".{selector}." in f".{name}."


def freeze_parameters(model: "nn.Module", selectors: Sequence[str], where: str) -> list[str]:
    """Take parameters out of training and return their names.

    Args:
        model: The model that is trained.
        selectors: Patterns of parameter names.
        where: The key path of the patterns, for messages.

    Raises:
        UserError: A selector matches no parameter, or nothing is left to train.
    """
    parameters = dict(model.named_parameters())
    frozen = set()
    for selector in selectors:
        found = [name for name in parameters if matches_selector(name, selector)]
        if not found:
            raise _unmatched_selector(selector, parameters, where)
        frozen.update(found)
    for name in frozen:
        parameters[name].requires_grad_(False)
    if frozen and len(frozen) == len(parameters):
        raise UserError("every parameter of the model is frozen", where=where)
    return [name for name in parameters if name in frozen]


def freeze_statistics(model: "nn.Module", selectors: Sequence[str]) -> list[str]:
    """Keep the running statistics of frozen batch norms as they are and return the names of these.

    A batch norm is frozen when a selector names it or all of its parameters are frozen.

    Args:
        model: The model that is trained, its parameters frozen already.
        selectors: Patterns of parameter names.
    """
    frozen = []
    for name, module in model.named_modules():
        if getattr(module, "running_mean", None) is None:
            continue
        trained = [parameter.requires_grad for parameter in module.parameters()]
        statistics = f"{name}.running_mean".lstrip(".")
        if any(matches_selector(statistics, one) for one in selectors) or (
            trained and not any(trained)
        ):
            module.eval()
            frozen.append(name)
    return frozen


def assign_parameters(
    model: "nn.Module", selectors: Mapping[str, str], where: str
) -> "dict[str, list[nn.Parameter]]":
    """Give every trainable parameter to exactly one named optimizer.

    Args:
        model: The model.
        selectors: Name of the optimizer to its ``params``.
        where: Key path of the block of optimizers.

    Raises:
        UserError: A parameter is covered twice or not at all, or a selector matches nothing.
    """
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    owners = {
        name: [owner for owner, selector in selectors.items() if matches_selector(name, selector)]
        for name in trainable
    }
    for owner, selector in selectors.items():
        if not any(owner in found for found in owners.values()):
            raise _unmatched_selector(selector, list(trainable), f"{where}.{owner}.params")
    uncovered = [name for name, found in owners.items() if not found]
    _refuse_parameters(uncovered, "no optimizer has", where)
    shared = [name for name, found in owners.items() if len(found) > 1]
    _refuse_parameters(shared, "several optimizers have", where)
    return {
        owner: [trainable[name] for name, found in owners.items() if found == [owner]]
        for owner in selectors
    }


def count_parameters(model: "nn.Module") -> tuple[int, int]:
    """Return the number of parameters, and of those that are not trained."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(count for count, _ in counts), sum(count for count, grad in counts if not grad)


_SHOWN = 8


def abbreviate_names(names: Iterable[str]) -> str:
    """Return the first names in the order of the alphabet, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(ordered[:_SHOWN]) + more


def _refuse_parameters(names: Sequence[str], problem: str, where: str) -> None:
    if names:
        raise UserError(
            f"{problem} the parameters {abbreviate_names(names)}",
            where=where,
            hint="every trainable parameter belongs to exactly one optimizer; "
            "widen or narrow params, or freeze the parameters",
        )


def _unmatched_selector(selector: str, names: Iterable[str], where: str) -> UserError:
    parts = {".".join(name.split(".")[:depth]) for name in names for depth in (1, 2, 3)}
    close = nearest(selector, sorted(parts | set(names)))
    known = f"its parts are {', '.join(sorted(parts)[:12])}"
    hint = f'did you mean "{close}"?' if close else known
    problem = f'"{selector}" matches no trainable parameter of the model'
    return UserError(problem, where=where, hint=hint)
