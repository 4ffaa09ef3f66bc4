"""Measured values that a config watches: for checkpoints, early stopping and schedulers.

Passes: ``best_model_criterion: [[valid/loss, 3, min]]``; ``[[valid/acc, 3, max]]``.
Fails: ``[[val_loss, 3, min]]``; ``[[valid/los, 3, min]]``; ``[[valid/loss, 3, max]]``, which keeps
the worst; ``ReduceLROnPlateau`` without ``scheduler_monitor``.

Training measures ``train/NAME`` and ``valid/NAME`` of the loss and of the other values that
``forward`` returns (``methods/measured_values.py``); callbacks may add more.  A LightningModule
logs any names (``methods/logged_values.py``).
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.stage_graph.lightning_models import self_trained_configs
from espnet3_compiler.syntax.provenance import is_fixable, use_location
from espnet3_compiler.syntax.span_key import is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean
from espnet3_schemas import TARGET

MEASURED_VALUES = ("valid/loss", "train/loss")
VALUE_FORM = "values are called train/NAME and valid/NAME, for example valid/loss"

_MINIMIZED = (
    *("loss", "wer", "cer", "ter", "error", "err", "ppl", "perplexity"),
    *("mae", "mse", "rmse", "nll", "eer", "der"),
)
_MAXIMIZED = (
    *("acc", "accuracy", "f1", "f1_score", "bleu", "recall", "precision"),
    *("auc", "auroc", "uar", "pesq", "stoi"),
)
"""What the names of values end in that are best where they are least, or most."""
_NEGATED = r"neg|negative|minus|inverse"
_PLATEAU = "ReduceLROnPlateau"

_MINIMIZING = ("EarlyStopping", "ModelCheckpoint", _PLATEAU)
"""Classes that take the least for the best unless told otherwise."""

LIGHTNING = ("lightning.pytorch.", "pytorch_lightning.")
"""How the paths of Lightning's classes begin."""

_COUNTERS = ("epoch", "step")
_PHASES = {"train": "train", "training": "train"} | dict.fromkeys(
    ("val", "valid", "validation", "dev", "eval"), "valid"
)
_PHASE = rf"({'|'.join(_PHASES)})[/_.]([A-Za-z]\w*)"


class MonitoredValue(Struct, frozen=True):
    """A monitor, and the mode (``min`` or ``max``): the one given, else the one that counts.

    Where a criterion has ESPnet2's form ``[phase, name, mode]``, ``name`` is the second of these.
    """

    monitor: Scalar
    mode: Scalar | None
    default: str | None = None
    name: Scalar | None = None


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R412 and R808."""
    own_steps = self_trained_configs(recipe, resolved)
    for name, config in configs_in_role(recipe, resolved, "training"):
        yield from _check_monitors(config, any_name=name in own_steps)
        if resolved.is_certain(name) and name not in own_steps:
            yield from _check_schedulers(config)


def _check_monitors(config: Mapping, *, any_name: bool) -> Iterator[Diagnostic]:
    targets, own = [name for _, name in callbacks_of(config)], has_own_callbacks(config)
    rates = any(name.endswith(".LearningRateMonitor") for name in targets)
    for value in monitored_values(config):
        node = value.monitor
        if not isinstance(node.value, str) or "${" in node.value or not is_written(node):
            continue
        known = node.value.startswith(("train/", "valid/")) or node.value in _COUNTERS
        if value.name:
            yield _of_espnet2(value, value.name)
        elif not any_name and (
            is_misspelt(node.value)
            or not (own or known or (rates and node.value.startswith("lr-")))
        ):
            yield _of_phase(node) or unknown_value(
                "R412",
                f'training measures no "{node.value}"',
                node,
                MEASURED_VALUES,
                label="never measured",
                hints=(VALUE_FORM,),
                notes=(VALUE_FORM,) if closest_match(node.value, MEASURED_VALUES) else (),
            )
        else:
            yield from _check_mode(value)


def _of_phase(node: Scalar) -> Diagnostic | None:
    """Return R412 for a value of the model that begins as other tools call a phase: ``val/mae``."""
    match = re.fullmatch(_PHASE, str(node.value))
    meant = f"{_PHASES[match[1]]}/{match[2]}" if match else ""
    if not meant or meant in MEASURED_VALUES or is_misspelt(str(node.value)):
        return None
    fix = Fix(f'write "{meant}"', (Edit(node.span, meant),)) if is_fixable(node) else None
    return value_finding(
        "R412",
        f'training measures no "{node.value}"',
        node,
        "never measured",
        advice=did_you_mean(meant),
        notes=(VALUE_FORM,),
        fix=fix,
    )


def is_misspelt(name: str) -> bool:
    """Return whether a value is certainly one that every training measures, misspelt.

    ``valid/closs`` may be another loss of the model.
    """
    another = name.startswith(("train/", "valid/")) and name.endswith("loss")
    return is_certain_match(name, MEASURED_VALUES) and not another


def likely_mode(name: str) -> str:
    """Return whether the best of a value is its least or its greatest, as its name says."""
    return "max" if _ends_in(name.casefold(), _MAXIMIZED) else "min"


def _ends_in(name: str, words: tuple[str, ...]) -> bool:
    return f"/{name}".endswith(tuple(mark + word for word in words for mark in "/_"))


def has_own_callbacks(config: Mapping) -> bool:
    """Return whether callbacks of others than Lightning may measure more."""
    return not all(name.startswith(LIGHTNING) for _, name in callbacks_of(config))


def monitored_values(config: Mapping) -> Iterator[MonitoredValue]:
    """Yield the values that criteria, early stopping, callbacks and schedulers watch."""
    criteria = config.get("best_model_criterion")
    for item in criteria.items if isinstance(criteria, Sequence) else ():
        if isinstance(item, Sequence) and item.items and isinstance(item.items[0], Scalar):
            yield MonitoredValue(
                item.items[0], _as_scalar(item.items[-1]), name=_name_of_espnet2(item)
            )
    yield from training_monitors(config)


def _name_of_espnet2(item: Sequence) -> Scalar | None:
    """Return the name in a criterion of the form ``[valid, acc, max]``."""
    match item.items:
        case [Scalar(value="train" | "valid"), Scalar(value=str(text)) as name, Scalar(value=mode)]:
            return name if mode in ("min", "max") and "${" not in text else None
    return None


def _of_espnet2(value: MonitoredValue, name: Scalar) -> Diagnostic:
    mode = value.mode.value if value.mode else "min"
    criterion = f"[{value.monitor.value}/{name.value}, 1, {mode}]"
    return value_finding(
        "R412",
        f'training measures no "{value.monitor.value}": [phase, name, mode] is ESPnet2\'s form',
        value.monitor,
        "never measured",
        advice=(f"write {criterion}: the value, how many checkpoints are kept, and the mode",),
    )


def training_monitors(config: Mapping) -> Iterator[MonitoredValue]:
    """Yield the values that early stopping, Lightning's callbacks and the schedulers watch."""
    stopping = config.get("early_stopping")
    if isinstance(stopping, Mapping) and (monitor := _as_scalar(stopping.get("monitor"))):
        yield MonitoredValue(monitor, _as_scalar(stopping.get("mode")), "min")
    for callback, name in callbacks_of(config):
        monitor = _as_scalar(callback.get("monitor"))
        if monitor and monitor.value is not None and name.startswith(LIGHTNING):
            yield _watched_by(name, callback, monitor)
    for block, _, key in scheduler_blocks(config):
        if (monitor := _as_scalar(block.get(key))) and monitor.value is not None:
            node = block.get("scheduler")
            target = _as_scalar(node.get(TARGET)) if isinstance(node, Mapping) else None
            name = str(target.value) if target else ""
            yield _watched_by(name, node if isinstance(node, Mapping) else block, monitor)


def _watched_by(name: str, node: Mapping, monitor: Scalar) -> MonitoredValue:
    """Return a monitor with the mode of the class that watches it, where that is known."""
    if name.rpartition(".")[2] not in _MINIMIZING:
        return MonitoredValue(monitor, None)
    return MonitoredValue(monitor, _as_scalar(node.get("mode")), "min")


def callbacks_of(config: Mapping) -> list[tuple[Mapping, str]]:
    """Return the callbacks of the trainer, each with its dotted class."""
    found = node_at(config, ("trainer", "callbacks"))
    nodes = found.items if isinstance(found, Sequence) else ()
    named = [(node, _as_scalar(node.get(TARGET))) for node in nodes if isinstance(node, Mapping)]
    return [(node, str(target.value) if target else "") for node, target in named]


def _as_scalar(node: Node | None) -> Scalar | None:
    return node if isinstance(node, Scalar) else None


def _check_mode(value: MonitoredValue) -> Iterator[Diagnostic]:
    monitor, mode = value.monitor, value.mode
    given = mode if mode and is_written(mode) else None
    taken = str(given.value) if given else value.default
    better = {"max": "min", "min": "max"}.get(str(taken))
    wrong, name = _MINIMIZED if taken == "max" else _MAXIMIZED, str(monitor.value).casefold()
    if better is None or not _ends_in(name, wrong) or re.search(_NEGATED, name):
        return
    message = f'"{monitor.value}" is best where it is {better}imal, not {taken}imal'
    if given is None:
        label = f"mode is {taken} unless given"
        yield value_finding("R808", message, monitor, label, advice=(f"add mode: {better}",))
        return
    yield Diagnostic(
        "R808",
        message,
        Label(use_location(given), "this takes the worst"),
        related=(Label(use_location(monitor), "what is watched"),),
        help=(f"write {better}",),
        fix=Fix(f"write {better}", (Edit(given.span, better),)) if is_fixable(given) else None,
    )


def _check_schedulers(config: Mapping) -> Iterator[Diagnostic]:
    """Report plateau schedulers that never get the value that they wait for."""
    for block, interval, monitor in scheduler_blocks(config):
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


def scheduler_blocks(config: Mapping) -> list[tuple[Mapping, str, str]]:
    """Return the blocks with a ``scheduler``, and what its interval and its monitor are called."""
    named = config.get("schedulers")
    values = [entry.value for entry in named] if isinstance(named, Mapping) else []
    blocks = [(one, "interval", "monitor") for one in values if isinstance(one, Mapping)]
    return [(config, "scheduler_interval", "scheduler_monitor"), *blocks]
