"""A Lightning Trainer from the ``trainer`` block."""

from collections.abc import Mapping, Sequence
from logging import Logger
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import profilers
from lightning.pytorch.callbacks import EarlyStopping

from espnet3_runtime.config import plain
from espnet3_runtime.errors import UserError
from espnet3_runtime.instantiate import instantiate

_NODES = ("strategy", "profiler", "plugins")
_OURS = ("logger", "callbacks", "enable_progress_bar", "enable_model_summary")


def make_trainer(
    config: Mapping[str, Any],
    directory: Path,
    ours: Sequence[pl.Callback],
    resume_step: int | None,
    log: Logger,
) -> pl.Trainer:
    """Construct the Trainer.

    Args:
        config: The training config.
        directory: The stage's directory: TensorBoard files and what callbacks write.
        ours: Callbacks of the runtime; the first comes before the recipe's, the others after.
        resume_step: The step that training goes on from; None for a new one.
        log: Told when TensorBoard is not installed.

    Raises:
        UserError: Lightning refuses an argument or a combination of them.
    """
    block = config["trainer"]
    if block.get("enable_checkpointing") is False or block.get("barebones"):
        raise UserError(
            "a training stage always writes checkpoints",
            where=_where(block),
            hint="remove enable_checkpointing: false and barebones: true",
        )
    arguments = {key: plain(value) for key, value in block.items() if key not in _OURS}
    for key in _NODES:
        if isinstance(block.get(key), (Mapping, tuple)):
            arguments[key] = instantiate(block[key])
    if isinstance(arguments.get("profiler"), str):
        arguments["profiler"] = _profiler(arguments["profiler"], directory)
    if config["optimizers"]:
        arguments = _for_named(arguments, f"{_where(block)}.accumulate_grad_batches")
    callbacks = [instantiate(node) for node in block["callbacks"]]
    defaults = {"default_root_dir": directory, "use_distributed_sampler": False}
    try:
        return pl.Trainer(
            **{**defaults, **{k: v for k, v in arguments.items() if v is not None}},
            logger=_loggers(block["logger"], directory, resume_step, log),
            callbacks=[ours[0], *callbacks, *_early_stopping(config), *ours[1:]],
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"Lightning refuses the trainer: {error}", where=_where(block)) from None


def _profiler(name: str, directory: Path) -> Any:
    """Construct a profiler by its short name; left to Lightning, its report reaches nobody."""
    kinds = {
        "simple": profilers.SimpleProfiler,
        "advanced": profilers.AdvancedProfiler,
        "pytorch": profilers.PyTorchProfiler,
    }
    kind = kinds.get(name.lower())
    return name if kind is None else kind(dirpath=directory, filename="profile")


def _for_named(arguments: dict[str, Any], where: str) -> dict[str, Any]:
    """Named optimizers clip and accumulate by themselves."""
    if arguments["accumulate_grad_batches"] != 1:
        raise UserError(
            "named optimizers accumulate by themselves",
            where=where,
            hint="set optimizers.NAME.accum_grad_steps instead",
        )
    dropped = ("gradient_clip_val", "gradient_clip_algorithm")
    return {key: value for key, value in arguments.items() if key not in dropped}


def _early_stopping(config: Mapping[str, Any]) -> list[pl.Callback]:
    block = config["early_stopping"]
    return [] if block is None else [EarlyStopping(**plain(block), check_finite=False)]


def _loggers(node: Any, directory: Path, resume_step: int | None, log: Logger) -> Any:
    if isinstance(node, bool):
        return [] if not node else _tensorboard(directory, resume_step, log)
    if node is not None:
        return [instantiate(one) for one in node]
    return _tensorboard(directory, resume_step, log)


def _tensorboard(directory: Path, resume_step: int | None, log: Logger) -> list[Any]:
    from lightning.pytorch.loggers import TensorBoardLogger

    purge: dict[str, Any] = {} if resume_step is None else {"purge_step": resume_step + 1}
    try:
        return [
            TensorBoardLogger(
                directory, name="tensorboard", version="", default_hp_metric=False, **purge
            )
        ]
    except ModuleNotFoundError:
        log.warning("tensorboard is not installed: there is curves.jsonl only")
        return []


def _where(block: Any) -> str:
    return getattr(block, "where", "trainer")
