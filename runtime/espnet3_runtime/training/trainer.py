"""A Lightning Trainer from the ``trainer`` block."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import profilers
from lightning.pytorch.callbacks import EarlyStopping, ProgressBar

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import to_plain
from espnet3_runtime.errors import UserError
from espnet3_runtime.training.optimizers import CLIP_VALUE, limit_epochs

_NODES = ("strategy", "profiler", "plugins")
_NULLS = ("check_val_every_n_epoch",)
"""Keys whose null means something to Lightning; of the others it keeps Lightning's default."""
_OURS = ("logger", "callbacks", "enable_progress_bar", "enable_model_summary")


def make_trainer(
    config: Mapping[str, Any],
    directory: Path,
    ours: Sequence[pl.Callback],
    loggers: Sequence[Any],
    *,
    own_steps: bool = False,
    own_data: bool = False,
) -> pl.Trainer:
    """Construct the Trainer.

    Args:
        config: The training config.
        directory: The stage's directory, for the callbacks' files.
        ours: Callbacks of the runtime; the first comes before the recipe's, the others after.
        loggers: What the curves go to.
        own_steps: Whether the model is a ``LightningModule``: Lightning's defaults count.
        own_data: Whether the loaders are not the runtime's: Lightning spreads them over ranks.

    Raises:
        UserError: Lightning refuses an argument or a combination of them.
    """
    block = config["trainer"]
    if block.get("enable_checkpointing") is False or block.get("barebones"):
        raise UserError(
            "a training stage always writes checkpoints",
            where=_key_path(block),
            hint="remove enable_checkpointing: false and barebones: true",
        )
    arguments: dict[str, Any] = {} if own_steps else {"gradient_clip_val": CLIP_VALUE}
    arguments |= {key: to_plain(value) for key, value in block.items() if key not in _OURS}
    arguments["max_epochs"] = limit_epochs(block)
    for key in _NODES:
        if isinstance(block.get(key), (Mapping, tuple)):
            arguments[key] = instantiate(block[key])
    if isinstance(arguments.get("profiler"), str):
        arguments["profiler"] = _make_profiler(arguments["profiler"], directory)
    if config["optimizers"]:
        if arguments["accumulate_grad_batches"] != 1:
            raise UserError(
                "named optimizers accumulate by themselves",
                where=f"{_key_path(block)}.accumulate_grad_batches",
                hint="set optimizers.NAME.accum_grad_steps instead",
            )
        arguments |= {
            "gradient_clip_val": None,
            "gradient_clip_algorithm": None,
        }  # they clip by themselves, too
    callbacks = [instantiate(node) for node in block["callbacks"]]
    if config["early_stopping"] is not None:
        given = {"strict": not own_steps, "check_finite": False}  # the names are checked later
        callbacks.append(EarlyStopping(**given | to_plain(config["early_stopping"])))
    defaults = {"default_root_dir": directory, "use_distributed_sampler": own_data}
    try:
        return pl.Trainer(
            **{
                **defaults,
                **{k: v for k, v in arguments.items() if v is not None or k in _NULLS},
            },
            logger=list(loggers),
            callbacks=[ours[0], *callbacks, *ours[1:]],
            enable_progress_bar=any(isinstance(one, ProgressBar) for one in callbacks),
            enable_model_summary=False,
        )
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"Lightning refuses the trainer: {error}", where=_key_path(block)) from None


def _make_profiler(name: str, directory: Path) -> Any:
    """Construct a profiler by its short name with a file for its report, unlike Lightning."""
    kinds = {
        "simple": profilers.SimpleProfiler,
        "advanced": profilers.AdvancedProfiler,
        "pytorch": profilers.PyTorchProfiler,
    }
    kind = kinds.get(name.lower())
    return name if kind is None else kind(dirpath=directory, filename="profile")


def _key_path(block: Any) -> str:
    return getattr(block, "where", "trainer")


_MESSAGES = (
    ".*does not have many workers.*",
    ".*number of training batches.*is smaller than the logging interval.*",
    ".*You're resuming from a checkpoint that ended.*",
    ".*`training_step` returned `None`.*",
    ".*Trying to infer the `batch_size`.*",
    ".*GPU available but not used.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*module.* in eval mode at the start of training.*",
    ".*No `.*_dataloader.*",
    ".*It is recommended to use `self.log.*sync_dist=True.*",  # Means are of all ranks already
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ".*Total length of .* across ranks is zero.*",
    ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ".*ReduceLROnPlateau conditioned on metric.*",  # ours move once their value is measured
    "Early stopping conditioned on metric.*",  # what a module logs is looked at afterwards
    ".*lr_scheduler.step\\(\\)` before `optimizer.step\\(\\).*",
)
_LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning")
_SUMMARY = "lightning.pytorch.callbacks.model_summary"
"""Logs the table of a ``ModelSummary``, which is there only if the recipe asks for it."""


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notices and hints while the block runs; its errors stay."""
    import lightning.pytorch  # noqa: F401 - its import sets the levels

    levels = {name: logging.getLogger(name).level for name in (*_LOGGERS, _SUMMARY)}
    with warnings.catch_warnings():
        for message in _MESSAGES:
            warnings.filterwarnings("ignore", message=message)
        try:
            for name in _LOGGERS:
                logging.getLogger(name).setLevel(logging.WARNING)
            logging.getLogger(_SUMMARY).setLevel(logging.INFO)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
