"""Let Lightning train a ``LightningModule`` on one batch, as it will in the stage."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.lightning import LightningEnvironment

from espnet3_runtime.build.model_node import key_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.build_model import ProbedModel, build_with_values
from espnet3_runtime.deep.forward import ForwardRun, describe_batch
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.deep.training.monitors import report_unlogged
from espnet3_runtime.preflight.origin.error_origin import FAILURES, raise_unprobed
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.training.lightning_code.data import (
    FieldBatches,
    gives_batches,
    has_validation_data,
    make_datamodule,
)
from espnet3_runtime.training.loaders import entries_of, has_validation
from espnet3_runtime.training.trainer import quiet_lightning

_MOST_WITH_VALUES = 50_000_000
"""Parameters of the largest model that a core can train on a batch in some seconds."""

MakeRun = Callable[[str], ForwardRun]
"""From a split to a batch for the model."""


def probe_own_steps(
    probe: StageProbe, config: ConfigView, node: ConfigView, built: ProbedModel, make_run: MakeRun
) -> dict[str, Any]:
    """Fit one batch, validate one; report R904 and R412.  Return facts about the batch.

    Args:
        probe: The stage.
        config: Its training config.
        node: The node of the model.
        built: The module.
        make_run: Makes a batch of a split of ``dataset``.

    Raises:
        FoundError: A mistake was reported.
        UnprobedError: The steps were not tried.
    """
    not_tried = f"the training_step of {built.name} was not tried"
    if built.parameters > _MOST_WITH_VALUES:
        raise UnprobedError(f"{not_tried}: it has {built.parameters:,} parameters")
    if built.device == "meta":
        built = build_with_values(probe, node)
    batches: list[Any] = [None, None]
    source, certain, facts = None, True, {}
    if entries_of(config, "train"):
        runs = [make_run("train")]
        if has_validation(config, has_data=has_validation_data(config, built.module, None)):
            runs.append(make_run("valid"))
        # Lightning takes a list for several loaders
        batches[: len(runs)] = [FieldBatches([run.fields]) for run in runs]
        certain = all(run.items.is_certain() for run in runs)
        facts = {"inputs": describe_batch(runs[0].fields), "items": runs[0].items.origin}
    elif config["datamodule"]:
        source = _make_source(probe, config)
    elif not gives_batches(built.module, "train"):
        raise UnprobedError(f"{not_tried}: there are no data")
    found = probe.locate(node.where)
    location = RecipeLocation(found.owner, (*found.path, key_of(node)), found.stage)
    probe.answers.step(location, f"training {built.name} on a batch")
    trainer, module = _make_trainer(probe, config), built.module
    assert isinstance(module, pl.LightningModule)
    try:
        with quiet_lightning():
            trainer.fit(module, batches[0], batches[1], datamodule=source)
    except FAILURES as error:
        raise_unprobed(error, probe.answers)
        if batches[0] is None and _is_of_data(error):
            text = f"{not_tried}: its data are not there: {probe.origin(error).text}"
            raise UnprobedError(text) from error
        raise probe.failure(error, "R904", location, certain=certain) from error
    report_unlogged(probe, config, sorted(trainer.callback_metrics))
    return {**facts, "steps": "its own, taken once"}


def _make_source(probe: StageProbe, config: ConfigView) -> pl.LightningDataModule:
    node = config["datamodule"]
    location = probe.locate(node.where)
    if probe.answers.is_wrong(location.owner, location.path):
        raise FoundError
    probe.answers.step(location, "constructing the datamodule")
    try:
        return make_datamodule(node)
    except FAILURES as error:
        raise probe.construction_failure(error, location) from error


def _make_trainer(probe: StageProbe, config: ConfigView) -> pl.Trainer:
    """Return a Trainer that takes one step, and writes nothing outside of the probe's folder."""
    kept = ("gradient_clip_val", "gradient_clip_algorithm")
    block: Mapping[str, Any] = config["trainer"]
    return pl.Trainer(
        fast_dev_run=True,
        accelerator="cpu",
        devices=1,
        logger=False,
        plugins=[LightningEnvironment()],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=probe.artifacts.folder,
        **{key: block[key] for key in kept if block.get(key) is not None},
    )


def _is_of_data(error: BaseException) -> bool:
    """Return whether something failed in the hooks or loaders of data that may not be there."""
    hooks = ("prepare_data", "setup", "train_dataloader", "val_dataloader", "__getitem__")
    return any(frame.f_code.co_name in hooks for frame, _ in traceback.walk_tb(error.__traceback__))
