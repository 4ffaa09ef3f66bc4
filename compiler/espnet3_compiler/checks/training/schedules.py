"""Schedules of the learning rate: those that never advance, need an end, or set the rate.

Passes: ``OneCycleLR`` with ``scheduler_interval: step`` and ``max_epochs: 20``.
Fails: ``OneCycleLR`` with an interval of epochs, or beside ``trainer: {max_epochs: -1}``; with
``max_lr: 3e-3`` beside an optimizer with ``lr: 1e-4``, which has no effect.
"""

from collections.abc import Iterator
from math import isclose

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.monitors import scheduler_blocks
from espnet3_compiler.checks.training.no_effect import (
    JudgedSetting,
    idle_settings,
    whole_number,
)
from espnet3_compiler.checks.training.optimizers import SCHEDULERS
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import number_of, text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, is_null, node_at
from espnet3_schemas import TARGET

_STEPS = "total_steps"
_RATES = {"OneCycleLR": ("max_lr",), "CyclicLR": ("base_lr", "max_lr")}
"""Schedulers that overwrite the rate of the optimizer, and the arguments that decide it."""

_DIVISOR = 25.0  # of OneCycleLR: what max_lr is divided by at the beginning


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R801 for a schedule that never advances, R415 for one without end, R809 for rates."""
    configs = list(certain_configs("train", "training", recipe, resolved))
    judged = [setting for config in configs for setting in _judge_rates(config)]
    yield from first_per_location(idle_settings(judged))
    yield from first_per_location(
        found
        for config in configs
        for found in (*_check_one_cycle(config), *_check_end(config, recipe.library))
    )


def _check_one_cycle(config: Mapping) -> Iterator[Diagnostic]:
    """Report a schedule over all steps that advances only once an epoch."""
    node, interval = config.get("scheduler"), config.get("scheduler_interval")
    if not isinstance(node, Mapping) or not isinstance(interval, Scalar):
        return
    target = node.get(TARGET)
    one_cycle = text_of(target) == f"{SCHEDULERS}OneCycleLR"
    if interval.value != "epoch" or not target or not one_cycle:
        return
    if not any(node.entry(name) for name in (_STEPS, "epochs", "_args_")):
        yield value_finding(
            "R801",
            "OneCycleLR plans for every step of training, but moves only once an epoch",
            interval,
            "it never gets beyond its beginning",
            related=(Label(use_location(target), "the scheduler"),),
            advice=("write scheduler_interval: step, or total_steps: and the number of epochs",),
        )


def _judge_rates(config: Mapping) -> Iterator[JudgedSetting]:
    """Judge the rates of optimizers whose scheduler may overwrite them."""
    yield from _judge_rate(config.get("optimizer"), config.get("scheduler"))
    named, plans = config.get("optimizers"), config.get("schedulers")
    for entry in named if isinstance(named, Mapping) else ():
        plan = plans.get(entry.name) if isinstance(plans, Mapping) else None
        scheduler = node_at(plan, ("scheduler",)) if plan else None
        yield from _judge_rate(node_at(entry.value, ("optimizer",)), scheduler)


def _judge_rate(optimizer: Node | None, scheduler: Node | None) -> Iterator[JudgedSetting]:
    """Judge the rate of an optimizer, which is none of those that its scheduler names."""
    given = written_entry(optimizer, "lr") if isinstance(optimizer, Mapping) else None
    rate = number_of(given.value) if given else None
    if given is None or rate is None:
        return
    target = scheduler.get(TARGET) if isinstance(scheduler, Mapping) else None
    name = text_of(target).removeprefix(SCHEDULERS)
    if not isinstance(scheduler, Mapping) or name not in _RATES:
        yield given, None
        return
    entries = [entry for key in _RATES[name] if (entry := scheduler.entry(key))]
    rates = [number_of(entry.value) for entry in entries]
    starts = [most / (number_of(scheduler.get("div_factor")) or _DIVISOR) for most in rates if most]
    known = entries and None not in rates
    idle = known and not any(isclose(rate, one) for one in (*filter(None, rates), *starts))
    yield given, _idle_rate(given, name, entries) if idle else None


def _idle_rate(given: Entry, scheduler: str, entries: list[Entry]) -> Diagnostic:
    value, names = getattr(given.value, "value", ""), " and ".join(one.name for one in entries)
    deciding = entries[-1]
    return value_finding(
        "R809",
        f"lr: {value} has no effect: {scheduler} sets the rate itself, by {names}",
        given.value,
        "no effect",
        related=(Label(use_location(deciding.value), "this decides"),),
        advice=(f"write the rate into {deciding.name}, and the same or nothing here",),
    )


def _check_end(config: Mapping, library: Library) -> Iterator[Diagnostic]:
    """Report schedules over all steps in a training that only a time or a hand ends."""
    endless = _endless_by(config)
    for block, _, _ in scheduler_blocks(config) if endless else ():
        node = block.get("scheduler")
        target = node.get(TARGET) if isinstance(node, Mapping) else None
        if not endless or not isinstance(node, Mapping) or not isinstance(target, Scalar):
            continue
        if wants_steps(node, target, library):
            name = str(target.value).rpartition(".")[2]
            yield value_finding(
                "R415",
                f"{name} needs the number of steps, and the training has no end",
                target,
                f"no {_STEPS}",
                related=(Label(use_location(endless.value), "no end in epochs or steps"),),
                advice=(f"write trainer.max_epochs or max_steps, or {_STEPS}: at the scheduler",),
            )


def _endless_by(config: Mapping) -> Entry | None:
    """Return the setting of the trainer by which neither epochs nor steps end the training."""
    trainer = config.get("trainer")
    if not isinstance(trainer, Mapping) or not has_certain_keys(trainer):
        return None
    steps, epochs, time = (trainer.entry(f"max_{unit}") for unit in ("steps", "epochs", "time"))
    if steps and not is_null(steps.value) and whole_number(steps.value) != -1:
        return None
    if epochs and not is_null(epochs.value):
        return epochs if whole_number(epochs.value) == -1 else None
    return time if time and not is_null(time.value) else None


def wants_steps(node: Mapping, target: Scalar, library: Library) -> bool:
    """Return whether the runtime would give a scheduler the number of steps.

    Args:
        node: The scheduler.
        target: Its class or function.
        library: Reads its signature.
    """
    given = any(node.entry(name) for name in (_STEPS, "epochs", "_args_", "_partial_"))
    if given or not has_certain_keys(node) or not isinstance(target.value, str):
        return False
    signature = read(library, target.value) if all(target.value.split(".")) else None
    return isinstance(signature, Signature) and signature.find(_STEPS) is not None
