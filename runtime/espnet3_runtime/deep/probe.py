"""All that is probed of a recipe, in order."""

import os
import random
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch

from espnet3_runtime.deep.error_origin import FAILURES, find_origin
from espnet3_runtime.deep.fake_artifacts import FakeArtifacts, FakeTokenizers
from espnet3_runtime.deep.features import FakeStatistics
from espnet3_runtime.deep.infer import probe_infer
from espnet3_runtime.deep.protocol import Answers, RecipeLocation, UnprobedError
from espnet3_runtime.deep.request import PlannedStage, Request
from espnet3_runtime.deep.samples import FoundError, Source
from espnet3_runtime.deep.targets import probe_targets
from espnet3_runtime.deep.task_config import make_task_config
from espnet3_runtime.deep.train import Tools, probe_train

PROBES = {"train": probe_train, "infer": probe_infer}


def probe_recipe(request: Request, answers: Answers, folder: Path) -> None:
    """Probe targets first, then the stages in their order.

    Args:
        request: What to probe.
        answers: Where to say it.
        folder: For stand-ins; it is removed afterwards.
    """
    _prepare_process(request)
    probe_targets(request, answers)
    tools = make_tools(request, answers, folder)
    for stage in request.stages:
        _probe_stage(tools, stage)
    calls = [stage.name for stage in request.stages if stage.call]
    if calls:
        answers.note(
            f"calls ({', '.join(calls)}): imported and bound, the functions are not called"
        )


def make_tools(request: Request, answers: Answers, folder: Path) -> Tools:
    """Return what the probes of the stages share.

    Args:
        request: What the compiler asks for.
        answers: Takes steps, findings and notes.
        folder: A temporary directory for the files that stand in for outputs of stages.
    """
    stand_ins, tokenizers = FakeArtifacts(request, folder), FakeTokenizers(request, folder)
    tools = Tools(request, answers, stand_ins, tokenizers, Source(request, answers, tokenizers))
    stand_ins.makers |= tokenizers.makers()
    stand_ins.makers["collect_stats", "feats_stats"] = FakeStatistics(tools, folder).of
    stand_ins.makers["train", "task_config"] = partial(make_task_config, tools, folder)
    return tools


def _prepare_process(request: Request) -> None:
    """Stand where ``run.py`` would, on one core, with seeds of our own."""
    os.chdir(request.recipe_dir)
    sys.path.insert(0, str(request.recipe_dir))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - user code may use the global generator
    torch.manual_seed(0)


def _probe_stage(tools: Tools, stage: PlannedStage) -> None:
    work = PROBES.get(str(stage.run))
    if work is None:
        return
    tools.answers.step(
        RecipeLocation(("stages", stage.name), (), stage.name), f"probing {stage.name}"
    )
    try:
        work(tools, stage)
    except FoundError:
        return
    except UnprobedError as why:
        tools.answers.note(str(why))
    except FAILURES as error:  # what nobody foresaw says nothing about the recipe
        tools.answers.note(
            f'the stage "{stage.name}": {find_origin(error, tools.request.recipe_dir).text}'
        )
