"""Everything that is tried of a recipe, in order: targets first, then the stages."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from espnet3_runtime.deep.fake_artifacts import FakeArtifacts, FakeTokenizers
from espnet3_runtime.deep.features import FakeStatistics
from espnet3_runtime.deep.infer import probe_infer
from espnet3_runtime.deep.measure import probe_measure
from espnet3_runtime.deep.recipe_warnings import RecipeWarnings
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.deep.task_config import make_task_config
from espnet3_runtime.deep.tokenizer import probe_tokenizer
from espnet3_runtime.deep.training.train import probe_train
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import Answers, FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.preflight.request import Request
from espnet3_runtime.preflight.targets import probe_targets
from espnet3_schemas.build_records import Stage

_PROBES = {
    "train_tokenizer": (probe_tokenizer, "training"),
    "train": (probe_train, "training"),
    "infer": (probe_infer, "inference"),
    "measure": (probe_measure, "metrics"),
}


def probe_recipe(request: Request, answers: Answers, folder: Path) -> None:
    """Try the targets, then the stages in their order.

    Args:
        request: What to try.
        answers: Takes steps, findings and notes.
        folder: A temporary directory for the files that replace outputs of stages.
    """
    _prepare_process(request)
    with RecipeWarnings(answers, request.recipe_dir):
        _probe_all(request, answers, folder)


def _probe_all(request: Request, answers: Answers, folder: Path) -> None:
    probe_targets(request, answers, request.targets())
    artifacts, tokenizers = FakeArtifacts(request, folder), FakeTokenizers(request, folder)
    statistics = FakeStatistics(folder)

    def make_probe(stage: Stage, role: str = "training") -> StageProbe:
        return StageProbe(request, answers, stage, role, artifacts, tokenizers)

    artifacts.makers |= {
        **tokenizers.makers(),
        ("collect_stats", "feats_stats"): lambda stage: statistics.of(make_probe(stage)),
        ("train", "task_config"): lambda stage: make_task_config(make_probe(stage), folder),
    }
    for stage in request.stages:
        if stage.run in _PROBES:
            function, role = _PROBES[stage.run]
            _probe_stage(function, make_probe(stage, role))
    calls = [stage.name for stage in request.stages if stage.call]
    if calls:
        answers.note(
            f"calls ({', '.join(calls)}): imported and bound, the functions are not called"
        )


def _prepare_process(request: Request) -> None:
    """Take the working directory of ``run.py``, one core, and fixed seeds."""
    os.chdir(request.recipe_dir)
    sys.path.insert(0, str(request.recipe_dir))
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - user code may use the global generator
    torch.manual_seed(0)


def _probe_stage(function: Callable[[StageProbe], None], probe: StageProbe) -> None:
    name = probe.stage.name
    probe.answers.step(RecipeLocation(("stages", name), (), name), f"probing {name}")
    try:
        function(probe)
    except FoundError:
        return
    except UnprobedError as why:
        probe.answers.note(str(why))
    except FAILURES as error:  # an unforeseen error may not be the recipe's
        probe.answers.note(f'the stage "{name}": {probe.origin(error).text}')
