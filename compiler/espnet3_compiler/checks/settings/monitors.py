"""Measured values that a config watches: for checkpoints, early stopping and schedulers.

Passes: ``best_model_criterion: [[valid/loss, 3, min]]``; ``[[valid/acc, 3, max]]``.
Fails: ``[[val_loss, 3, min]]``; ``[[valid/los, 3, min]]``; ``[[valid/loss, 3, max]]``, which keeps
the worst; ``ReduceLROnPlateau`` without ``scheduler_monitor``.

Training measures ``train/NAME`` and ``valid/NAME`` of the loss and of the other values that
``forward`` returns, which only ``--deep`` knows; callbacks may add more.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.span_key import is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

MEASURED_VALUES = ("valid/loss", "train/loss")
VALUE_FORM = "values are called train/NAME and valid/NAME, for example valid/loss"

_MINIMIZED = re.compile(r"(?:.*[/_])?(?:loss|wer|cer|ter|error|err|ppl|perplexity)")
_MAXIMIZED = re.compile(r"(?:.*[/_])?(?:acc|accuracy|f1|bleu|recall|precision|auc)")
_PLATEAU = "ReduceLROnPlateau"

MonitoredValue = tuple[Scalar, Scalar | None]
"""A monitor, and the mode (``min`` or ``max``) if one is given."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R412 and R808."""
    for name, config in configs_in_role(recipe, resolved, "training"):
        yield from _check_monitors(config)
        if resolved.is_certain(name):
            yield from _check_schedulers(config)


def _check_monitors(config: Mapping) -> Iterator[Diagnostic]:
    others = node_at(config, ("trainer", "callbacks"))
    callbacks = isinstance(others, Sequence) and bool(others.items)
    for node, mode in _monitored_values(config):
        if not isinstance(node.value, str) or "${" in node.value or not is_written(node):
            continue
        misspelt = is_certain_match(node.value, MEASURED_VALUES)
        if misspelt or not (callbacks or node.value.startswith(("train/", "valid/"))):
            yield unknown_value(
                "R412",
                f'training measures no "{node.value}"',
                node,
                MEASURED_VALUES,
                label="never measured",
                hints=(VALUE_FORM,),
                notes=(VALUE_FORM,) if closest_match(node.value, MEASURED_VALUES) else (),
            )
        elif mode:
            yield from _check_mode(node, mode)


def _monitored_values(config: Mapping) -> Iterator[MonitoredValue]:
    criteria = config.get("best_model_criterion")
    for item in criteria.items if isinstance(criteria, Sequence) else ():
        if isinstance(item, Sequence) and item.items and isinstance(item.items[0], Scalar):
            yield item.items[0], _as_scalar(item.items[-1])
    yield from training_monitors(config)


def training_monitors(config: Mapping) -> Iterator[MonitoredValue]:
    """Yield the values that early stopping and the schedulers watch."""
    stopping = config.get("early_stopping")
    if isinstance(stopping, Mapping) and (monitor := _as_scalar(stopping.get("monitor"))):
        yield monitor, _as_scalar(stopping.get("mode"))
    named = [block.get("monitor") for block in _named_schedulers(config)]
    for node in (config.get("scheduler_monitor"), *named):
        if (monitor := _as_scalar(node)) and monitor.value is not None:
            yield monitor, None


def _as_scalar(node: Node | None) -> Scalar | None:
    return node if isinstance(node, Scalar) else None


def _check_mode(monitor: Scalar, mode: Scalar) -> Iterator[Diagnostic]:
    name = str(monitor.value).casefold()
    better = {"max": "min", "min": "max"}.get(str(mode.value))
    wrong = (_MINIMIZED if mode.value == "max" else _MAXIMIZED).fullmatch(name)
    if better and wrong and is_written(mode):
        yield Diagnostic(
            "R808",
            f'"{monitor.value}" is best where it is {better}imal, not {mode.value}imal',
            Label(use_location(mode), "this takes the worst"),
            related=(Label(use_location(monitor), "what is watched"),),
            help=(f"write {better}",),
            fix=Fix(f"write {better}", (Edit(mode.span, better),)) if is_fixable(mode) else None,
        )


def _check_schedulers(config: Mapping) -> Iterator[Diagnostic]:
    """Report plateau schedulers that never get the value that they wait for."""
    named = [(block, "interval", "monitor") for block in _named_schedulers(config)]
    for block, interval, monitor in ((config, "scheduler_interval", "scheduler_monitor"), *named):
        node = block.get("scheduler")
        target = _as_scalar(node.get(TARGET)) if isinstance(node, Mapping) else None
        if target is None or not str(target.value).endswith(f".{_PLATEAU}"):
            continue
        given, when = _as_scalar(block.get(monitor)), _as_scalar(block.get(interval))
        absent = [f"{interval}: epoch"] if when and when.value == "step" else []
        absent += [f"{monitor}: valid/loss"] if given is None or given.value is None else []
        if absent:
            yield value_finding(
                "R412",
                f"{_PLATEAU} waits for a value that is known once an epoch",
                target,
                f"needs {' and '.join(absent)}",
                advice=(f"write {' and '.join(absent)}",),
            )


def _named_schedulers(config: Mapping) -> list[Mapping]:
    named = config.get("schedulers")
    entries = named.entries if isinstance(named, Mapping) else ()
    return [entry.value for entry in entries if isinstance(entry.value, Mapping)]
