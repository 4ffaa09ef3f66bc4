"""Look at the stages that will run, before the first one does."""

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from espnet3_runtime.build.lock import Build
from espnet3_runtime.build.model_node import TASK, is_task
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import UserError, exception_chain
from espnet3_runtime.incremental.fingerprint import Inputs
from espnet3_runtime.incremental.held_code import is_importable
from espnet3_runtime.incremental.slices import configs_of, model_of
from espnet3_runtime.preflight.child import run_in_child
from espnet3_runtime.preflight.find_targets import (
    Target,
    call_targets,
    config_targets,
    model_targets,
)
from espnet3_runtime.preflight.no_effects import NoEffects
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.planned_outputs import PlannedOutputs
from espnet3_runtime.preflight.protocol import Answers, FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.preflight.request import request_of
from espnet3_runtime.preflight.targets import probe_targets
from espnet3_runtime.preflight.tried_stage import TriedStage
from espnet3_runtime.preflight.warm_imports import import_packages
from espnet3_runtime.system import System
from espnet3_schemas.build_records import Stage

Answer = Mapping[str, Any]


def look_first(
    build: Build,
    system_cls: type[System],
    stages: Sequence[Stage],
    inputs: Sequence[Inputs] | None = None,
) -> list[Answer]:
    """Return the findings and notes about stages, see :mod:`espnet3_runtime.preflight.protocol`.

    Args:
        build: The compiled recipe.
        system_cls: Its System; nothing is known of stages that the recipe runs in a way of its own.
        stages: The stages that will run.
        inputs: Their fingerprints when they run in this process now: it must have the devices that
            they ask for.
    """
    if not hasattr(os, "fork"):
        return [{"kind": "unfinished", "text": "any stage: this system forks no processes"}]
    known = tuple(stage for stage in stages if _is_known(system_cls, stage))
    if inputs is not None:
        targets = (target.name for target in _targets_of(build, known))
        import_packages(build.recipe_dir, inputs, targets)
    artifacts = PlannedOutputs(build, makes_files=len(known) < len(stages) or _makes_files(known))
    with tempfile.TemporaryDirectory(prefix="espnet3-preflight-") as name:
        folder = Path(name)
        here = inputs is not None
        answers = run_in_child(partial(_look_at_all, build, known, artifacts, folder, here), folder)
    found = [answer for answer in answers if answer["kind"] in ("finding", "note")]
    if not any(answer["kind"] == "end" for answer in answers):
        steps = [answer["what"] for answer in answers if answer["kind"] == "step"]
        last = steps[-1] if steps else "the look at all stages"
        text = f"{last} did not come to an end, nor what follows"
        found.append({"kind": "unfinished", "text": text})
    return found


def _is_known(system_cls: type[System], stage: Stage) -> bool:
    method = getattr(system_cls, stage.run or "call", None)
    return getattr(method, "__module__", "").startswith("espnet3_runtime.")


def _makes_files(stages: Sequence[Stage]) -> bool:
    """Say whether code of the recipe runs that may write anywhere."""
    return any(stage.call or stage.run == "create_dataset" for stage in stages)


def _look_at_all(
    build: Build,
    stages: tuple[Stage, ...],
    artifacts: PlannedOutputs,
    folder: Path,
    here: bool,
    file: TextIO,
) -> None:
    """Look at targets first, then at what each stage constructs; write the answers to a file."""
    warnings.simplefilter("ignore")
    request = request_of(build)
    guard = NoEffects(folder).refuse()

    def excuse(error: BaseException) -> str:
        return artifacts.excuse(error) or _excuse_device(error, here=here)

    answers = Answers(file, guard, needs_packages=True, needs_devices=here, excuse=excuse)
    targets = {target.location: target for target in _targets_of(build, stages)}
    probe_targets(request, answers, targets.values())
    for stage in stages:
        _look_at_task(build, stage, answers)
        roles = stage.facts["roles"]
        tried = TriedStage(request, answers, stage, next(iter(roles), ""), artifacts)
        _look_at_stage(tried)
    answers.end()


def _excuse_device(error: BaseException, *, here: bool) -> str:
    """Return why an exception only tells that a GPU is out of reach; otherwise nothing."""
    texts = [str(link) for link in exception_chain(error)]
    if any("forked subprocess" in text for text in texts):
        return "the GPU is in use by run.py itself"
    absent = any(re.search("CUDA|NVIDIA driver", text) for text in texts)
    return "it needs a GPU" if absent and not here else ""


def _targets_of(build: Build, stages: Sequence[Stage]) -> Iterator[Target]:
    """Yield the targets in what the stages read."""
    for stage in stages:
        node = model_of(build, stage)
        if node is not None and stage.model is not None:
            yield from model_targets(stage.model, build.model(stage.model))
        elif node is not None:  # in the style of ESPnet3
            name = stage.configs["training"]
            yield from config_targets(name, "training", build.config(name).only(["model"]))
        for role, view in configs_of(build, stage).items():
            if "packs" not in stage.facts or role != "training":  # that is only copied
                name = stage.configs[role]
                yield from config_targets(name, build.configs[name].role, view)
        if stage.call is not None:
            block = ConfigView({"with": build.arguments(stage)})
            yield from call_targets(stage.name, stage.call, block)


def _look_at_task(build: Build, stage: Stage, answers: Answers) -> None:
    """Report R901 for the task of a model whose package is not installed."""
    node = model_of(build, stage)
    if node is None or not is_task(node):
        return
    package = str(node[TASK]).partition(".")[0]
    owner = ("models", stage.model) if stage.model else ("configs", stage.configs["training"])
    location = RecipeLocation(owner, (TASK,) if stage.model else ("model", TASK), stage.name)
    if not is_importable(package) and not answers.is_wrong(location.owner, location.path):
        from espnet3_runtime.task_bridge.importing import INSTALL

        text = f'importing {node[TASK]} fails: the package "{package}" is not installed'
        answers.report_finding("R901", location, text, help_=(INSTALL,))


def _look_at_stage(tried: TriedStage) -> None:
    from espnet3_runtime.preflight.stages import try_stage

    location = RecipeLocation(("stages", tried.stage.name), (), tried.stage.name)
    tried.answers.step(location, f"looking at {tried.stage.name}")
    try:
        try_stage(tried)
    except FoundError:
        return
    except UnprobedError as why:
        tried.answers.note(str(why))
    except UserError as error:  # an environment variable is not set
        place = tried.locate(error.where) if error.where else location
        if not tried.answers.is_wrong(place.owner, place.path):
            tried.answers.report_finding("R915", place, error.message, help_=(error.hint,))
    except FAILURES as error:  # an unforeseen error may not be the recipe's
        tried.answers.note(f'the stage "{tried.stage.name}": {tried.origin(error).text}')
