"""Values of training that a config watches: checkpoints, early stopping, schedulers.

Passes: ``best_model_criterion: [[valid/loss, 3, min]]``; ``[[valid/acc, 3, max]]``.
Fails: ``[[val_loss, 3, min]]``; ``[[valid/los, 3, min]]``; ``[[valid/loss, 3, max]]``, which keeps
the worst; ``ReduceLROnPlateau`` without ``scheduler_monitor``.

Training measures ``train/NAME`` and ``valid/NAME`` of the loss and of what ``forward`` returns
beside it, which only ``--deep`` knows; callbacks may add others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from espnet3_compiler.chain import is_mendable, related_labels, use_place
from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.lower import in_role
from espnet3_compiler.places import is_written
from espnet3_compiler.shape_hints import quoted_like
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence, descend
from espnet3_schemas import TARGET

MEASURED = ("valid/loss", "train/loss")
FORM = "values are called train/NAME and valid/NAME, for example valid/loss"

_FALLS = re.compile(r"(?:.*[/_])?(?:loss|wer|cer|ter|error|err|ppl|perplexity)")
_RISES = re.compile(r"(?:.*[/_])?(?:acc|accuracy|f1|bleu|recall|precision|auc)")
_PLATEAU = "ReduceLROnPlateau"


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor with the direction in which it is best, where one is said."""

    monitor: Scalar
    mode: Scalar | None


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R412 and R808."""
    for name, config in in_role(recipe, resolved, "training"):
        yield from _monitors(config)
        if resolved.is_sure(name):
            yield from _plateaus(config)


def _monitors(config: Mapping) -> Iterator[Diagnostic]:
    others = descend(config, ("trainer", "callbacks"))
    callbacks = isinstance(others, Sequence) and bool(others.items)
    for watched in _watched(config):
        node = watched.monitor
        if not isinstance(node.value, str) or "${" in node.value or not is_written(node):
            continue
        sure = is_sure(node.value, MEASURED)
        if sure or not (callbacks or node.value.startswith(("train/", "valid/"))):
            yield _unmeasured(node, sure=sure)
        elif isinstance(watched.mode, Scalar):
            yield from _direction(node, watched.mode)


def _watched(config: Mapping) -> Iterator[Watched]:
    criteria = config.get("best_model_criterion")
    for item in criteria.items if isinstance(criteria, Sequence) else ():
        if isinstance(item, Sequence) and item.items and isinstance(item.items[0], Scalar):
            yield Watched(item.items[0], _scalar(item.items[-1]))
    yield from stops(config)


def stops(config: Mapping) -> Iterator[Watched]:
    """Yield what early stopping and the schedulers watch."""
    stopping = config.get("early_stopping")
    if isinstance(stopping, Mapping) and (monitor := _scalar(stopping.get("monitor"))):
        yield Watched(monitor, _scalar(stopping.get("mode")))
    named = config.get("schedulers")
    entries = [entry.value for entry in named] if isinstance(named, Mapping) else []
    blocks = [item for item in entries if isinstance(item, Mapping)]
    for node in (config.get("scheduler_monitor"), *(block.get("monitor") for block in blocks)):
        if (monitor := _scalar(node)) and monitor.value is not None:
            yield Watched(monitor, None)


def _scalar(node: Node | None) -> Scalar | None:
    return node if isinstance(node, Scalar) else None


def _unmeasured(node: Scalar, *, sure: bool) -> Diagnostic:
    near = nearest(str(node.value), MEASURED)
    spot = use_place(node)
    edit = Edit(spot, quoted_like(node, near or ""))
    return Diagnostic(
        "R412",
        f'training measures no "{node.value}"',
        Label(spot, "never measured"),
        related=related_labels(node),
        help=(f'did you mean "{near}"?',) if near else (FORM,),
        notes=(FORM,) if near else (),
        fix=Fix(f'write "{near}"', (edit,), certain=sure) if near and is_mendable(node) else None,
    )


def _direction(monitor: Scalar, mode: Scalar) -> Iterator[Diagnostic]:
    name = str(monitor.value).casefold()
    better = {"max": "min", "min": "max"}.get(str(mode.value))
    wrong = (_FALLS if mode.value == "max" else _RISES).fullmatch(name)
    if better and wrong and is_written(mode):
        yield Diagnostic(
            "R808",
            f'"{monitor.value}" is best where it is {better}imal, not {mode.value}imal',
            Label(use_place(mode), "this takes the worst"),
            related=(Label(use_place(monitor), "what is watched"),),
            help=(f"write {better}",),
            fix=Fix(f"write {better}", (Edit(mode.span, better),)) if is_mendable(mode) else None,
        )


def _plateaus(config: Mapping) -> Iterator[Diagnostic]:
    """Report a plateau scheduler that cannot know the value which it waits for."""
    yield from _plateau(config.get("scheduler"), config, "scheduler_interval", "scheduler_monitor")
    named = config.get("schedulers")
    for entry in named if isinstance(named, Mapping) else ():
        if isinstance(entry.value, Mapping):
            yield from _plateau(entry.value.get("scheduler"), entry.value, "interval", "monitor")


def _plateau(
    node: Node | None, config: Mapping, interval: str, monitor: str
) -> Iterator[Diagnostic]:
    target = _scalar(node.get(TARGET)) if isinstance(node, Mapping) else None
    if target is None or not str(target.value).endswith(f".{_PLATEAU}"):
        return
    given = _scalar(config.get(monitor))
    when = _scalar(config.get(interval))
    absent = [f"{interval}: epoch"] if when and when.value == "step" else []
    absent += [f"{monitor}: valid/loss"] if given is None or given.value is None else []
    if absent:
        yield Diagnostic(
            "R412",
            f"{_PLATEAU} waits for a value that is known once an epoch",
            Label(use_place(target), f"needs {' and '.join(absent)}"),
            related=related_labels(target),
            help=(f"write {' and '.join(absent)}",),
        )
