"""A copy of recipes/digits/asr, compiled, with everything before the stage under test made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.config import ConfigView
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.launch.stage_runner import StageRunner
from espnet3_runtime.process.interrupts import Interrupts
from espnet3_runtime.process.progress import Bars
from espnet3_runtime.stage import Outputs, StageContext, StageSpec
from evaluation.recipes import GENERATED, RECIPES, settings

RECIPE = RECIPES / "digits" / "asr"
BATCH = 16


@contextmanager
def workspace(directory: Path, steps: int, items: int) -> Iterator[Path]:
    """Copy and compile the recipe, run what comes before the stages under test, go there.

    A corpus that lies beside the recipe is used; otherwise its DatasetBuilder makes a small one.

    Args:
        directory: An empty directory.
        steps: Training batches.
        items: Utterances to decode.
    """
    shutil.copytree(RECIPE, directory, ignore=GENERATED, dirs_exist_ok=True)
    sets = [
        f"training.dataset.train=[{{data_src_args: {{split: train, limit: {BATCH * steps}}}}}]",
        f"inference.dataset.test=[{{name: test, data_src_args: {{split: test, limit: {items}}}}}]",
        "training.trainer.max_epochs=1",
        "training.trainer.accelerator=cpu",
        "inference.device=cpu",
    ]
    if (RECIPE / "data" / "digits" / "corpus.txt").is_file():
        (directory / "data").symlink_to(RECIPE / "data", target_is_directory=True)
    else:
        sizes = f"{{train: {BATCH * steps}, valid: 32, test: {items}}}"
        sets.append(f"training.create_dataset.sizes={sizes}")
    _prepare(directory, sets)
    before = Path.cwd()
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    try:
        yield directory
    finally:
        sys.path.remove(str(directory))
        os.chdir(before)


def _prepare(directory: Path, sets: list[str]) -> None:
    _call(directory, "-m", "espnet3_compiler", "recipe.yaml", *settings(sets))
    stages = ("create_dataset", "train_tokenizer", "collect_stats", "train")
    _call(directory, "build/run.py", "--stages", *stages)


def _call(directory: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}")


@dataclass
class _Taken:
    """Stands in for a System, and keeps the context that a stage is called with."""

    stages: tuple[StageSpec, ...]
    contexts: list[StageContext] = field(default_factory=list)

    def _take(self, context: StageContext) -> Outputs:
        self.contexts.append(context)
        return {}

    train = infer = collect_stats = _take


def context_of(directory: Path, name: str) -> StageContext:
    """Return the context with which ``run.py`` would call a stage; it shows no bars."""
    build = load_build(directory / "build")
    stage = build.stage(name)
    system: Any = _Taken((StageSpec(name=name, run=name, model=stage.model),))
    StageRunner(build, system, Experiment(build), Interrupts(say=print)).run(stage, resume=False)
    (context,) = system.contexts
    return replace(context, progress=Bars(quiet=True))


def changed(context: StageContext, role: str, changes: Mapping[str, Any]) -> StageContext:
    """Return a context with other values at dotted keys of one config."""
    view = context.configs[role]
    values = view.plain()
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = values
        for parent in parents:
            node = node[parent]
        node[last] = value
    configs = {**context.configs, role: ConfigView(values, view.where)}
    return replace(context, configs=MappingProxyType(configs))
