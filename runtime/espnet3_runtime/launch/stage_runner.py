"""Run one stage: make its context, record its outputs, write its receipt."""

import logging
import math
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from espnet3_runtime.atomic import remove_leftovers
from espnet3_runtime.build.late_values import find_references, lookup, resolve_references
from espnet3_runtime.build.lock import Build
from espnet3_runtime.config import ConfigView, to_plain
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental import receipts
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.slices import configs_of, edges_of, model_of
from espnet3_runtime.launch.live_report import LiveReport
from espnet3_runtime.launch.logs import stage_log, write_header
from espnet3_runtime.process.interrupts import Interrupts
from espnet3_runtime.process.isolation import isolated
from espnet3_runtime.process.lockfile import hold_lock
from espnet3_runtime.process.progress import Bars
from espnet3_runtime.process.redact import secret_values, spellings
from espnet3_runtime.stage import Outputs, StageContext, StageSpec, Stop
from espnet3_runtime.system import System
from espnet3_schemas.build_records import Stage
from espnet3_schemas.late_values import Env, StageOutput
from espnet3_schemas.secret_names import is_secret, is_secret_name

_SHORTEST = 4
"""Shorter secrets of configs would replace parts of words in logs."""


@dataclass(frozen=True)
class StageRunner:
    """What all stages of a run share.

    Attributes:
        build: The compiled recipe.
        system: Its System.
        experiment: Its receipts and outputs.
        interrupts: Whether a stop was requested.
        rank: Rank of this process.
        label: Part of its log's name, when it is not rank 0.
    """

    build: Build
    system: System
    experiment: Experiment
    interrupts: Interrupts
    rank: int = 0
    label: str = ""
    results: dict[str, float | str] = field(default_factory=dict)

    def log_path(self, stage: Stage) -> Path:
        """Return where the stage's log lies."""
        suffix = f"_{self.label or f'rank{self.rank}'}" if self.rank else ""
        return self.build.log_of(stage, suffix)

    def run(self, stage: Stage, *, resume: bool) -> Outputs:
        """Call the stage's method and return its outputs."""
        spec = next(spec for spec in self.system.stages if spec.name == stage.name)
        directory = self.build.directory_of(stage)
        directory.mkdir(parents=True, exist_ok=True)
        if self.rank == 0:
            remove_leftovers(directory)
        with ExitStack() as stack:
            log = stack.enter_context(
                stage_log(self.log_path(stage), self.stage_secrets(stage), console=self.rank == 0)
            )
            say = log.getChild(stage.name).warning
            shared = [
                stack.enter_context(hold_lock(lock, f'"{lock.parent}"', waiting=say))
                for lock in (self._shared_locks(stage) if self.rank == 0 else ())
            ]
            context = self._make_context(stage, spec, log, resume=resume)
            write_header(log, self.build.recipe_dir, _logged_settings(context))
            if stage.call is not None:  # it need not read ``resume``
                context.cleared()
            try:
                with isolated():
                    made = getattr(self.system, stage.name)(context)
            except BaseException:
                log.exception("the stage did not finish")
                raise
            for lock in shared:
                lock.check(may_be_missing=True)
            log.info("the stage has finished")
            context.cleared()
        return _check_outputs(made, stage, self.build)

    def _make_context(
        self, stage: Stage, spec: StageSpec, log: logging.Logger, *, resume: bool
    ) -> StageContext:
        build = self.build
        paths, hashes = self._upstream_outputs(stage)

        def output(reference: StageOutput, where: str) -> str:
            path = paths.get(f"{reference.stage}.{reference.output}")
            if path is None:
                raise UserError(
                    f'stage "{reference.stage}" made no output "{reference.output}"',
                    where=where,
                    hint="its settings may switch it off; its outputs are listed in "
                    f"stages/{reference.stage}.json",
                )
            return self.experiment.relative_path(path)

        fill = partial(resolve_references, late=build.late, lookup=lookup(output, os.environ))
        composed = configs_of(build, stage)
        model = model_of(build, stage)
        configs = {role: _resolve_view(view, fill) for role, view in composed.items()}
        seeds = (dict(view).get("seed") for view in configs.values())
        arguments = build.arguments(stage)
        return StageContext(
            spec=replace(spec, init_from=fill(spec.init_from, where=f"{spec.name}.init_from")),
            configs=MappingProxyType(configs),
            model=None if model is None else _resolve_view(model, fill),
            composed=MappingProxyType(composed),
            composed_model=model,
            late=build.late,
            arguments=fill(to_plain(arguments), where=arguments.where),
            outputs=self._output_paths(stage),
            recipe=build.recipe,
            exp_tag=build.exp_tag,
            recipe_dir=build.recipe_dir,
            exp_dir=build.experiment,
            data_dir=build.recipe_dir / build.data_dir,
            directory=build.directory_of(stage),
            build=build.directory,
            upstream=MappingProxyType(paths),
            upstream_hashes=MappingProxyType(hashes),
            upstream_kinds={name: build.stage(name).run or "" for name in edges_of(build, stage)},
            seed=next((seed for seed in seeds if isinstance(seed, int)), 0),
            resume=resume,
            rank=self.rank,
            cleared=partial(receipts.clear_marker, build.directory_of(stage))
            if self.rank == 0
            else lambda: None,
            progress=Bars(quiet=self.rank > 0),
            stop=Stop(requested=self.interrupts.requested, gracefully=self.interrupts.gracefully),
            log=log.getChild(stage.name),
            result=self._keep_result,
            refresh=LiveReport(build, log.getChild(stage.name)) if self.rank == 0 else lambda: None,
        )

    def _keep_result(self, name: str, value: float | str) -> None:
        """Keep a result; all but finite numbers (nan, true, a tensor) are kept as text."""
        number = value if isinstance(value, int | float) else math.nan
        kept = -math.inf < number < math.inf and not isinstance(value, bool)
        self.results[name] = value if kept else str(value)

    def _output_paths(self, stage: Stage) -> dict[str, Path]:
        """Return where a stage writes its outputs.

        The lock lists none for a method of the recipe's own System, which may make others. It may
        call the method that it replaces, too, and that writes those of the kind.
        """
        build, directory = self.build, self.build.directory_of(stage)
        if stage.outputs or stage.call:
            return {name: build.recipe_dir / one.path for name, one in stage.outputs.items()}
        paths = {name: one["path"] for name, one in stage.facts.get("outputs", {}).items()}
        data = build.recipe_dir / build.data_dir
        return {n: data if path == "${data_dir}" else directory / path for n, path in paths.items()}

    def _upstream_outputs(self, stage: Stage) -> tuple[dict[str, Path], dict[str, str]]:
        paths, hashes = {}, {}
        for name, wanted in edges_of(self.build, stage).items():
            for output, found in self.experiment.outputs(name).items():
                if found.sha256 is not None and (wanted is None or output in wanted):
                    paths[f"{name}.{output}"] = self.experiment.path(found.record.path)
                    hashes[f"{name}.{output}"] = found.sha256
        return paths, hashes

    def stage_secrets(self, stage: Stage) -> tuple[str, ...]:
        """Return values that must not be shown: of secrets in the environment and in configs."""
        model = model_of(self.build, stage)
        views = [*configs_of(self.build, stage).values(), self.build.arguments(stage)]
        views += [] if model is None else [model]
        found = {
            str(leaf)
            for view in views
            for path, leaf in view.flat_leaves
            if is_secret(path, leaf) and len(str(leaf)) >= _SHORTEST
        }
        late = [pair for view in views for pair in find_references(view, self.build.late)]
        for path, reference in late:
            if isinstance(reference, Env) and (
                is_secret_name(reference.name) or is_secret_name(path.rpartition(".")[2])
            ):
                found.add(os.environ.get(reference.name, ""))
                found |= {
                    p for p in reference.default if isinstance(p, str) and len(p) >= _SHORTEST
                }
        return (*spellings(found - {""}), *secret_values())

    def _shared_locks(self, stage: Stage) -> list[Path]:
        """Return lock files for outputs that other experiments may be writing too."""
        locks = []
        for output in stage.outputs.values():
            path = self.build.recipe_dir / output.path
            if not path.is_relative_to(self.build.experiment):
                is_directory = output.type == "directory"
                name = ".lock" if is_directory else f".{path.name}.lock"
                locks.append((path if is_directory else path.parent) / name)
        return locks


def _resolve_view(view: ConfigView, fill: Callable[..., Any]) -> ConfigView:
    return ConfigView(fill(to_plain(view), where=view.where), view.where, hidden=view.hidden)


def _logged_settings(context: StageContext) -> dict[str, Any]:
    settings = {f"config {view.where}": view.plain() for view in context.composed.values()}
    if context.composed_model is not None:
        settings[f"model {context.spec.model}"] = context.composed_model.plain()
    return settings


def _check_outputs(made: Any, stage: Stage, build: Build) -> Outputs:
    """Compare the outputs that a method returned with those of the lock."""
    if not isinstance(made, dict):
        raise UserError(
            f'stage "{stage.name}" returned {made!r:.60}, not its outputs',
            hint="end its method with return and a mapping from output to path, {} for none",
        )
    checked = {}
    for name, path in made.items():
        declared = stage.outputs.get(name)
        if declared is None and stage.outputs:
            raise ValueError(f'stage "{stage.name}" returned an undeclared output "{name}"')
        checked[name] = build.recipe_dir / (declared.path if declared else path)
        if os.path.realpath(path) != os.path.realpath(checked[name]):
            text = f'stage "{stage.name}" made "{name}" at {path} instead of {checked[name]}'
            raise ValueError(text)
    return checked
