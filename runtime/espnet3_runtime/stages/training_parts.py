"""What Lightning trains: the model and its data, and what the runtime keeps of a training."""

from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn

from espnet3_runtime.build.lightning_classes import is_lightning_module
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.stage import StageContext
from espnet3_runtime.training.lightning_code.data import (
    SplitDataModule,
    has_validation_data,
    make_datamodule,
    require_training_data,
)
from espnet3_runtime.training.lightning_code.state import TrainingState
from espnet3_runtime.training.loaders import SplitLoaders, entries_of, has_validation
from espnet3_runtime.training.module import TrainingModule


@dataclass(frozen=True)
class TrainingParts:
    """What Lightning trains.

    Attributes:
        module: The model itself where it is a ``LightningModule``, otherwise what trains it.
        datamodule: Gives the batches where the module does not.
        kept: The state of the training.
        own_data: Whether the batches come from loaders that are not the runtime's.
    """

    module: Any
    datamodule: pl.LightningDataModule | None
    kept: TrainingState
    own_data: bool


def make_parts(context: StageContext, model: nn.Module, clock: Clock, name: str) -> TrainingParts:
    """Make what Lightning trains of a model.

    Args:
        context: The stage.
        model: A bare module, or a ``LightningModule``, on the CPU.
        clock: Seed and position.
        name: The model's import path, for messages.

    Raises:
        UserError: There are no training data, or the data module is none.
    """
    config = context.configs["training"]
    own_steps = is_lightning_module(model)
    datamodule = make_datamodule(config["datamodule"]) if config["datamodule"] else None
    require_training_data(config, model, datamodule)
    has_data = has_validation_data(config, model, datamodule)
    validates = has_validation(config, has_data=has_data)
    kept = TrainingState(model, config, clock, validates=validates, own_steps=own_steps)
    own_data = not entries_of(config, "train")
    loaders = None if own_data else SplitLoaders(context, clock)
    if not own_steps:
        if config["compile"]:
            model.compile()
        module = TrainingModule(name, config, loaders, kept)
        return TrainingParts(module, datamodule, kept, own_data)
    datamodule = SplitDataModule(loaders) if loaders else datamodule
    compiled = torch.compile(model) if config["compile"] else model
    return TrainingParts(compiled, datamodule, kept, own_data)
