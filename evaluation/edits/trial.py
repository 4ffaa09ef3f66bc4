"""Prepare a recipe that has run, plan after an edit, and judge the plan."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from espnet3_compiler.build.files import build_files
from espnet3_compiler.build.write import write_build
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.recompile import recompose
from espnet3_runtime.build.lock import Build, load_build
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.plan import Action, Verdict, plan_stages
from espnet3_runtime.launch.arguments import read_arguments
from evaluation.edits.commands import UNCLEAN, edit_during_run, run
from evaluation.edits.model import Edit, Place, Subject
from evaluation.recipes import GENERATED, RECIPES

SAID = "said.txt"


@dataclass(frozen=True)
class Found:
    """What a plan says after an edit.

    Attributes:
        edit: The edit.
        verdicts: What is done with every stage.
        stale: Stages that are passed over although the edit reaches them.
        needless: Stages that run although it does not.
        unsaid: What nobody said and should have.
    """

    edit: Edit
    verdicts: Mapping[str, Verdict]
    stale: tuple[str, ...]
    needless: tuple[str, ...]
    unsaid: str = ""

    @property
    def right(self) -> bool:
        """Whether the plan is exact."""
        return not (self.stale or self.needless or self.unsaid)

    @property
    def told(self) -> bool:
        """Whether every stage that runs says why."""
        return all(verdict.reasons for verdict in self.verdicts.values())


def finished(subject: Subject, root: Path) -> Place:
    """Copy a shipped recipe, compile it small, and run all its stages."""
    place = Place(root, subject)
    for name in (subject.name, *subject.beside):
        shutil.copytree(RECIPES / name, root / "recipes" / name, ignore=GENERATED)
    if subject.prepare is not None:
        subject.prepare(place)
    for patch in subject.patches:
        place.replace(*patch)
    done = run(place, subject.sets)
    if done.returncode:
        raise SystemExit(
            f"{subject.name} does not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return place


def edited(place: Place, edit: Edit, root: Path) -> Place:
    """Return a copy of a finished recipe with an edit in it; what a run under way says is kept."""
    shutil.copytree(place.root, root, symlinks=True)
    copy = Place(root, place.subject)
    if edit.during is not None:
        (root / SAID).write_text(edit_during_run(copy, edit), encoding="utf-8")
    elif edit.apply is not None:
        edit.apply(copy)
    return copy


def planned(place: Place, edit: Edit) -> Found:
    """Compile an edited recipe and plan it."""
    if place.subject.prepare is not None:
        return _shown(place, edit)
    directory = place.recipe / "build"
    with _environment(edit.environment):
        outcome = compile_manifest(place.recipe / "recipe.yaml", (*place.subject.sets, *edit.sets))
        if outcome.plan is None:
            found = [(each.code, each.message) for each in outcome.diagnostics]
            raise ValueError(f"after this edit the recipe has mistakes: {found}")
        write_build(directory, build_files(outcome.plan, directory))
        build = load_build(directory)
        arguments = read_arguments(build, edit.options, place.recipe)
        if arguments.sets or arguments.config_files:
            again = recompose(directory, arguments.config_files, arguments.sets)
            if not again.ok:
                raise ValueError(again.report)
            build = load_build(directory, again.files)
        verdicts = plan_stages(build, Experiment(build), arguments.stages)
    return judged(edit, build, {verdict.stage.name: verdict for verdict in verdicts})


def _shown(place: Place, edit: Edit) -> Found:
    """Plan in a process of its own, which has the paths and the packages of the place."""
    done = run(place, (*place.subject.sets, *edit.sets), (*edit.options, "--dry_run"))
    if done.returncode:
        raise ValueError(f"{edit.name}: {done.stdout}{done.stderr}")
    build = load_build(place.recipe / "build")
    verdicts = {
        name: Verdict(build.stage(name), _action(edit, name, word, reason), (reason,), {})
        for name, word, reason in re.findall(
            r"^  (\w+) +(runs|may run|skipped) +(\S.*)", done.stdout, re.MULTILINE
        )
    }
    said = (place.root / SAID).read_text(encoding="utf-8") if edit.during else done.stderr
    found = judged(edit, build, verdicts)
    is_said = edit.says in said and UNCLEAN not in said
    return found if is_said else replace(found, unsaid=f"{edit.says!r} in: {said[-600:]}")


def _action(edit: Edit, stage: str, word: str, reason: str) -> Action:
    """Return what a plan says of a stage; one that the run under way refused to run may run."""
    refused = edit.during is not None and reason.startswith("its last run failed")
    if word == "skipped":
        return "skip"
    return "maybe" if word == "may run" or (refused and stage not in edit.runs) else "run"


def judged(edit: Edit, build: Build, verdicts: Mapping[str, Verdict]) -> Found:
    """Compare a plan with what the edit must run: itself, and what lies behind may."""
    behind = _behind(build, edit.runs)
    actions = {name: verdict.action for name, verdict in verdicts.items()}
    stale = [name for name in edit.runs if actions.get(name) != "run"]
    stale += [name for name in behind if actions[name] == "skip"]
    expected = edit.runs | behind
    needless = [
        name
        for name, action in actions.items()
        if (action == "run" and name not in edit.runs)
        or (action != "skip" and name not in expected)
    ]
    return Found(edit, verdicts, tuple(sorted(stale)), tuple(needless))


def _behind(build: Build, names: frozenset[str]) -> frozenset[str]:
    """Return the stages that need one of these, directly or not."""
    reached = set(names)
    for stage in build.stages:  # in their order: whatever is needed has been seen
        if not reached.isdisjoint(stage.needs):
            reached.add(stage.name)
    return frozenset(reached - names)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
