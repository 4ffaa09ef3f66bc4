"""Settings of the trainer that Lightning or the runtime refuses, alone or beside each other.

Passes: ``val_check_interval: 0.5``, ``limit_val_batches: 2``; ``strategy: fsdp`` on GPUs.
Fails: ``val_check_interval: 1.5``; ``{accelerator: cpu, strategy: fsdp}``;
``enable_checkpointing: false``; ``accumulate_grad_batches`` beside ``optimizers``.
"""

import math
from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.empty_lists import why_no_validation
from espnet3_compiler.checks.training.monitors import LIGHTNING
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.stage_graph.stage_inputs import certain_configs
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written, written_entry
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_schemas import TARGET

_SHARES = (
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches"),
    *("overfit_batches", "val_check_interval"),
)
"""Settings that are a number of batches, or a share of an epoch."""

_NOT_GPU = ("cpu", "mps", "tpu", "xla", "hpu")
_GPU_STRATEGIES = ("fsdp", "deepspeed")
_GPU_CLASSES = (".FSDPStrategy", ".DeepSpeedStrategy")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R415."""
    configs = certain_configs("train", "training", recipe, resolved)
    yield from first_per_location(found for config in configs for found in _check_config(config))


def _check_config(config: Mapping) -> Iterator[Diagnostic]:
    trainer = config.get("trainer")
    if isinstance(trainer, Mapping):
        yield from _check_shares(trainer)
        yield from _check_intervals(config, trainer)
        yield from _check_checkpointing(trainer)
        yield from _check_devices(trainer)
        yield from _check_strategy(trainer)
        yield from _check_accumulation(config, trainer)


def _check_shares(trainer: Mapping) -> Iterator[Diagnostic]:
    for name in _SHARES:
        node = trainer.get(name)
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(node, Scalar) and isinstance(value, float) and value > 1 and value % 1:
            batches = math.ceil(value) if math.isfinite(value) else 100
            yield value_finding(
                "R415",
                f'"trainer.{name}" is {value}: neither a number of batches nor a share of an epoch',
                node,
                "a share is at most 1.0",
                advice=(f"write an integer for batches, for example {batches}, or at most 1.0",),
            )


def _check_intervals(config: Mapping, trainer: Mapping) -> Iterator[Diagnostic]:
    """Report intervals of validation without an end or a meaning."""
    interval, every = trainer.get("val_check_interval"), trainer.entry("check_val_every_n_epoch")
    if not isinstance(interval, Scalar) or isinstance(interval.value, bool):
        return
    if isinstance(interval.value, int) and interval.value == 0 and not why_no_validation(config):
        yield value_finding(
            "R415",
            '"trainer.val_check_interval" is 0: validation would never be due',
            interval,
            "no number of batches",
            advice=("write 1 or more; limit_val_batches: 0 switches validation off",),
        )
    null = every and isinstance(every.value, Scalar) and every.value.value is None
    if every and null and is_written(every.value) and isinstance(interval.value, float):
        yield value_finding(
            "R415",
            f"val_check_interval: {interval.value} is a share of an epoch, and "
            "check_val_every_n_epoch: null counts over all epochs",
            interval,
            "expected a number of batches",
            related=(Label(use_location(every.value), "no epochs"),),
            advice=("write an integer, or remove check_val_every_n_epoch: null",),
        )


def _check_checkpointing(trainer: Mapping) -> Iterator[Diagnostic]:
    for name, refused in (("enable_checkpointing", False), ("barebones", True)):
        node = trainer.get(name)
        if isinstance(node, Scalar) and node.value is refused:
            yield value_finding(
                "R415",
                f"{name}: {str(refused).lower()} writes no checkpoints, and a training stage does",
                node,
                "always written",
                advice=("remove the key",),
            )


def _check_devices(trainer: Mapping) -> Iterator[Diagnostic]:
    node = trainer.get("devices")
    if node is None:
        return
    if _is_no_device(node):
        yield value_finding(
            "R415",
            '"trainer.devices" is 0: there is nothing to train on',
            node,
            "no device",
            advice=("write a number of devices, or accelerator: cpu with devices: 1",),
        )
    elif _text_of(trainer, "accelerator") == "cpu" and _are_indices(node):
        yield value_finding(
            "R415",
            "accelerator: cpu has no single devices to choose from",
            node,
            "expected a number of processes",
            advice=("write devices: 1, or accelerator: gpu",),
        )


def _is_no_device(node: Node) -> bool:
    if isinstance(node, Sequence):
        return not node.items
    return isinstance(node, Scalar) and str(node.value) == "0"


def _are_indices(node: Node) -> bool:
    """Return whether devices are named by index, or all are meant."""
    if isinstance(node, Scalar):
        return "," in str(node.value) or str(node.value).startswith("-")
    return isinstance(node, Sequence)


def _check_strategy(trainer: Mapping) -> Iterator[Diagnostic]:
    """Report strategies that run on GPUs only beside another accelerator."""
    node, accelerator = trainer.get("strategy"), trainer.get("accelerator")
    target = node.get(TARGET) if isinstance(node, Mapping) else node
    where = _text_of(trainer, "accelerator")
    if not isinstance(target, Scalar) or accelerator is None or not is_written(target):
        return
    name = str(target.value)
    of_lightning = name.startswith(LIGHTNING) and name.endswith(_GPU_CLASSES)
    of_gpus = name.startswith(_GPU_STRATEGIES) or of_lightning
    if (of_gpus and where in _NOT_GPU) or (name.startswith("ddp") and where == "mps"):
        yield value_finding(
            "R415",
            f"the strategy {name} does not run with accelerator: {where}",
            target,
            "needs accelerator: gpu" if of_gpus else "needs accelerator: gpu or cpu",
            related=(Label(use_location(accelerator), "chosen here"),),
            advice=("write accelerator: gpu (cuda), or strategy: auto",),
        )


def _check_accumulation(config: Mapping, trainer: Mapping) -> Iterator[Diagnostic]:
    """Report accumulation of the trainer beside optimizers that accumulate by themselves."""
    named = written_entry(config, "optimizers")
    entry = written_entry(trainer, "accumulate_grad_batches")
    if not named or not entry or not isinstance(named.value, Mapping) or not named.value.entries:
        return
    if isinstance(entry.value, Scalar) and isinstance(entry.value.value, int):
        if entry.value.value == 1:
            return
        yield value_finding(
            "R415",
            "accumulate_grad_batches is not for optimizers: named optimizers accumulate themselves",
            entry.key,
            "refused beside optimizers",
            related=(Label(named.key.span, "the named optimizers"),),
            advice=("write accum_grad_steps in each block of optimizers instead",),
        )


def _text_of(block: Mapping, name: str) -> str | None:
    node = block.get(name)
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None
