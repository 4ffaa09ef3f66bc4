"""Optimizers and schedulers: their names, the parts that they train, and numbers they refuse.

Passes: ``lr: 0``; ``schedulers: {head: …}`` beside ``optimizers: {head: …}``.
Fails: ``optimizer: null``; ``lr: -1e-3``, ``lr: .nan``; ``schedulers: {haed: …}``; two
optimizers with ``params: head``.
"""

import math
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import number_of
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, is_null, node_at
from espnet3_schemas import TARGET

_OPTIMIZERS = "torch.optim."
SCHEDULERS = "torch.optim.lr_scheduler."


class _Limits(Struct, frozen=True):
    """The numbers that an argument may have, both ends included, in numbers and in words."""

    least: float
    most: float
    words: str


_POSITIVE = _Limits(0, math.inf, "at least 0")
_COUNT = _Limits(1, math.inf, "at least 1")
_SHARE = _Limits(0, 1, "from 0 to 1")
_BELOW_ONE = _Limits(0, math.nextafter(1, 0), "from 0 to below 1")

_RATES = dict.fromkeys(("lr", "weight_decay", "eps", "momentum"), _POSITIVE)
_STEPS = {
    **dict.fromkeys(("max_lr", "base_lr", "eta_min", "min_lr"), _POSITIVE),
    **dict.fromkeys(("step_size", "T_max", "T_0", "total_steps", "epochs"), _COUNT),
    "pct_start": _SHARE,
}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 without any, R605 for numbers, R604 for names, R415 for parts of two."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        own_steps = lightning_model(stage, recipe, resolved)[1] is not None
        config = None if own_steps else certain_config(stage, "training", resolved)
        if config:
            found += _check_presence(stage, config)
            found += _check_config(config)
    yield from first_per_location(found)


def _check_presence(stage: StageDecl, config: Mapping) -> Iterator[Diagnostic]:
    """Report a training without an optimizer: set to null, or none beside ``schedulers``."""
    if not all(map(_is_nothing, map(config.get, ("optimizer", "optimizers")))):
        return
    given = [config.entry(name) for name in ("optimizer", "optimizers", "schedulers")]
    entry = next((one for one in given if one and is_written(one.value)), None)
    nothing = entry is not None and _is_nothing(entry.value)
    yield value_finding(
        "R603",
        f'the stage "{stage.name.value}" needs an optimizer, and its config has none',
        (entry.value if nothing else entry.key) if entry else stage.name,
        "no optimizer" if nothing else 'only together with "optimizers"',
        advice=(
            "write optimizer: {_target_: torch.optim.Adam, lr: 0.001}, or name some in optimizers",
        ),
    )


def _is_nothing(node: Node | None) -> bool:
    """Return whether a value is absent, null or an empty mapping."""
    if isinstance(node, Mapping):
        return not node.entries
    return is_null(node)


def _check_config(config: Mapping) -> Iterator[Diagnostic]:
    named, schedules = config.get("optimizers"), config.get("schedulers")
    blocks = [entry.value for entry in named] if isinstance(named, Mapping) else []
    plans = [entry.value for entry in schedules] if isinstance(schedules, Mapping) else []
    for node in (config.get("optimizer"), *(node_at(one, ("optimizer",)) for one in blocks)):
        yield from _check_numbers(node, _OPTIMIZERS, _RATES)
        yield from _check_nesterov(node)
    for node in (config.get("scheduler"), *(node_at(one, ("scheduler",)) for one in plans)):
        yield from _check_numbers(node, SCHEDULERS, _STEPS)
    if isinstance(named, Mapping) and has_certain_keys(named):
        yield from _check_parts(named)
        if isinstance(schedules, Mapping):
            yield from _check_schedules(named, schedules)


def _check_numbers(
    node: Node | None, package: str, limits: dict[str, _Limits]
) -> Iterator[Diagnostic]:
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping) or not isinstance(target, Scalar):
        return
    for entry in node if str(target.value).startswith(package) else ():
        if entry.name in limits and isinstance(entry.value, Scalar):
            yield from _check_number(entry.name, entry.value, limits[entry.name])
        elif entry.name == "betas" and isinstance(entry.value, Sequence):
            for item in entry.value.items:
                if isinstance(item, Scalar):
                    yield from _check_number(entry.name, item, _BELOW_ONE)


def _check_nesterov(node: Node | None) -> Iterator[Diagnostic]:
    """Report Nesterov's momentum of SGD without a momentum, or with one that is dampened."""
    entry = node.entry("nesterov") if isinstance(node, Mapping) else None
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    if not entry or not isinstance(node, Mapping) or not has_certain_keys(node):
        return
    names = ("momentum", "dampening")
    momentum, dampening = (getattr(node.get(name), "value", None) for name in names)
    wrong = momentum in (None, 0) or dampening not in (None, 0)
    is_sgd = getattr(target, "value", None) in ("torch.optim.SGD", "torch.optim.sgd.SGD")
    if (
        is_sgd
        and wrong
        and getattr(entry.value, "value", None) is True
        and not node.entry("_args_")
    ):
        yield value_finding(
            "R415",
            "SGD refuses nesterov: true without a momentum, or with dampening",
            entry.key,
            "only together with momentum, and without dampening",
            advice=("write momentum: 0.9 beside it, or remove nesterov",),
        )


def _check_number(name: str, node: Scalar, limits: _Limits) -> Iterator[Diagnostic]:
    value = number_of(node)
    if value is not None and not limits.least <= value <= limits.most:  # as of nan
        yield value_finding(
            "R605",
            f'"{name}" is {value}, and must be {limits.words}',
            node,
            f"expected a number {limits.words}",
        )


def _check_parts(named: Mapping) -> Iterator[Diagnostic]:
    first: dict[str, Scalar] = {}
    for entry in named:
        part = node_at(entry.value, ("params",))
        if not isinstance(part, Scalar) or not isinstance(part.value, str) or "$" in part.value:
            continue
        twice = next((one for one in first if _covers(one, part.value)), None)
        inner = next((one for one in first if _covers(part.value, one)), None)
        if other := twice or inner:
            yield value_finding(
                "R415",
                f'two optimizers train the part "{part.value if twice else inner}"',
                part,
                "trained twice",
                related=(Label(use_location(first[other]), "by this one already"),),
                advice=("give every part of the model to exactly one optimizer",),
            )
        first.setdefault(part.value, part)


def _covers(one: str, other: str) -> bool:
    """Return whether every parameter that a selector names is also one of another selector."""
    if one in (other, "*"):
        return True
    patterns = [any(sign in text for sign in "*?") for text in (one, other)]
    if not any(patterns):
        return f".{one}." in f".{other}."
    beginning = one.removesuffix("*")
    plain = beginning != one and not any(sign in beginning for sign in "*?[")
    return plain and all(patterns) and other.startswith(beginning)


def _check_schedules(named: Mapping, schedules: Mapping) -> Iterator[Diagnostic]:
    names = [entry.name for entry in named]
    for entry in schedules:
        if entry.name not in names and is_written(entry.value) and "$" not in entry.name:
            yield unknown_value(
                "R604",
                f'there is no optimizer "{entry.name}" for this schedule',
                entry.key,
                names,
                hints=(f"schedulers are named after the optimizers: {', '.join(names)}",),
            )
