"""Callbacks of Lightning that do not do here what they say; ``docs/lightning.md`` lists all.

Passes: ``callbacks: [{_target_: lightning.pytorch.callbacks.LearningRateMonitor}]``.
Fails: ``StochasticWeightAveraging``, whose average no checkpoint would hold; ``BackboneFinetuning``
beside a bare model, which has no such hooks; ``EMAWeightAveraging`` beside ``ema``;
``LearningRateMonitor`` beside ``logger: false``.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.monitors import LIGHTNING, callbacks_of
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.lightning_models import is_bare_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET


class _RefusedCallback(Struct, frozen=True):
    """Why a callback is refused, and what to write instead."""

    why: str
    instead: str


_AVERAGE = "write ema: {decay: 0.999}; or average: true, which writes the mean of the best"
_OF_MODULE = "it averages the weights of a LightningModule"
_LATE = "best.ckpt is written during the training, and would not hold its average"

_REFUSED = {
    "StochasticWeightAveraging": _RefusedCallback(_LATE, _AVERAGE),
    "ModelPruning": _RefusedCallback(
        "best.ckpt would hold weight_orig and weight_mask in place of the weights",
        "prune in a stage of your own, call: src.prune.prune, after the training",
    ),
    "BasePredictionWriter": _RefusedCallback(
        "a training predicts nothing", "the stage infer writes what the model predicts"
    ),
    "GradientAccumulationScheduler": _RefusedCallback(
        "its epochs are numbers, and keys of a config are texts",
        "write a function of the recipe that returns it, for example _target_: "
        "src.callbacks.accumulate",
    ),
    "ProgressBar": _RefusedCallback(
        "it is the base of progress bars", "write TQDMProgressBar or RichProgressBar"
    ),
}
"""Refused for every model."""

_TUNED = "choose it by hand, or by stages of a matrix that train with several values"
_OF_MODULES = {
    "BackboneFinetuning": _RefusedCallback(
        "it unfreezes the attribute backbone of a LightningModule",
        "write two stages: one with freeze: [NAME], one with init_from: and without it",
    ),
    "LearningRateFinder": _RefusedCallback("it sets an attribute of a LightningModule", _TUNED),
    "BatchSizeFinder": _RefusedCallback("it sets an attribute of a LightningModule", _TUNED),
    "WeightAveraging": _RefusedCallback(_OF_MODULE, _AVERAGE),
    "EMAWeightAveraging": _RefusedCallback(_OF_MODULE, _AVERAGE),
}
"""Refused for bare models."""

_AVERAGES = ("WeightAveraging", "EMAWeightAveraging")
_SECOND = _RefusedCallback(
    "it is not the only average of the weights", "keep one such callback, or ema"
)
"""Refused beside another average."""

_OF_OWN_DATA = {
    "BatchSizeFinder": _RefusedCallback(
        "the batches of dataset are those of dataloader, which it cannot change", _TUNED
    )
}
"""Refused for a LightningModule without a data module."""

_WITHOUT_LOGGER = dict.fromkeys(
    ("LearningRateMonitor", "DeviceStatsMonitor"),
    _RefusedCallback(
        "it writes to loggers, and logger: false is none",
        "remove logger: false, or the callback: curves.jsonl has the learning rates without it",
    ),
)
"""Refused without a logger."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        refused = dict(_REFUSED)
        if is_bare_model(stage, recipe, resolved):
            refused |= _OF_MODULES
        elif config and not isinstance(config.get("datamodule"), Mapping):
            refused |= _OF_OWN_DATA
        found += _check_callbacks(config, refused) if config else ()
    yield from first_per_location(found)


def _check_callbacks(config: Mapping, refused: dict[str, _RefusedCallback]) -> Iterator[Diagnostic]:
    averages = int(isinstance(config.get("ema"), Mapping))
    logger = node_at(config, ("trainer", "logger"))
    if isinstance(logger, Scalar) and logger.value is False:
        refused = refused | _WITHOUT_LOGGER
    for node, name in callbacks_of(config):
        target, last = node.get(TARGET), name.rpartition(".")[2]
        if not name.startswith(LIGHTNING) or not isinstance(target, Scalar):
            continue
        averages += last in _AVERAGES
        if last in refused:
            yield _refused(target, last, refused[last])
        elif last in _AVERAGES and averages > 1:
            yield _refused(target, last, _SECOND)


def _refused(target: Scalar, name: str, refusal: _RefusedCallback) -> Diagnostic:
    message = f"{name} does not work here: {refusal.why}"
    return value_finding("R415", message, target, "refused", advice=(refusal.instead,))
