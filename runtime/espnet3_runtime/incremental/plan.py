"""Which stages run, and why: decided before the first one runs, and again before each."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from espnet3_runtime.build.lock import Build
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental import receipts
from espnet3_runtime.incremental.code_reach import Walks
from espnet3_runtime.incremental.diff import describe_changes, pending_upstream
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.fingerprint import Inputs, inputs_of
from espnet3_runtime.incremental.receipts import Receipt, Unreadable
from espnet3_runtime.incremental.slices import edges_of
from espnet3_schemas.build_records import Stage

Action = Literal["run", "maybe", "skip"]

_UNFINISHED = {
    "running": "was killed",
    "interrupted": "was interrupted",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a stage.

    Attributes:
        stage: The stage.
        action: ``run``; ``skip``; ``maybe``: it depends on the outputs of earlier stages.
        reasons: Why, in words; for ``skip`` since when it is up to date.
        inputs: The fingerprint now.
        resume: An attempt with the same inputs was cut off and can be continued.
    """

    stage: Stage
    action: Action
    reasons: tuple[str, ...]
    inputs: Inputs
    resume: bool = False


def judge_stage(
    stage: Stage,
    experiment: Experiment,
    pending: AbstractSet[str] = frozenset(),
    *,
    force: bool = False,
    walks: Walks | None = None,
) -> Verdict:
    """Decide about one stage.

    Args:
        stage: The stage.
        experiment: Its receipts and outputs.
        pending: Stages before it that will, or may, run.
        force: Run it in any case.
        walks: What was found in the code for other stages; grows.

    Raises:
        UserError: An environment variable without default is not set.
    """
    inputs = inputs_of(stage, experiment, pending, walks)
    receipt = experiment.receipt(stage.name)
    if not isinstance(receipt, Receipt):
        why = f"its receipt is unusable: {receipt.reason}" if receipt else "it has not run yet"
        return Verdict(stage, "run", ("forced" if force and receipt else why,), inputs)
    changes = describe_changes(dict(receipt.inputs), inputs, receipt.own)
    if receipt.status != "done":
        reasons = (f"its last run {_UNFINISHED[receipt.status]}", *changes)
        resume = not changes and not receipts.has_marker(experiment.build.directory_of(stage))
        return Verdict(stage, "run", reasons, inputs, resume)
    changes += _describe_damage(stage, experiment)
    if force or changes:
        return Verdict(stage, "run", (*(["forced"] if force else []), *changes), inputs)
    unknown = pending_upstream(inputs)
    if unknown:
        return Verdict(stage, "maybe", (f"{' or '.join(unknown)} makes something else",), inputs)
    return Verdict(stage, "skip", (f"up to date since {receipt.latest_minute}",), inputs)


def plan_stages(
    build: Build, experiment: Experiment, wanted: Sequence[str], *, force: bool = False
) -> tuple[Verdict, ...]:
    """Decide about the wanted stages, in their declared order, before anything runs.

    Args:
        build: The compiled recipe.
        experiment: Its receipts and outputs.
        wanted: Names of stages.
        force: Whether stages that are up to date run, too.

    Raises:
        UserError: A stage needs another one that has not finished and is not wanted either.
    """
    verdicts: list[Verdict] = []
    pending: set[str] = set()
    walks: Walks = {}
    chosen = frozenset(wanted)
    for stage in build.stages:
        if stage.name in chosen:
            _check_upstream(stage, experiment, chosen)
            verdict = judge_stage(stage, experiment, pending, force=force, walks=walks)
            pending |= set() if verdict.action == "skip" else {stage.name}
            verdicts.append(verdict)
    return tuple(verdicts)


def stale_upstream(
    build: Build, experiment: Experiment, verdicts: Sequence[Verdict]
) -> Mapping[str, tuple[str, ...]]:
    """Return stages that are needed but not wanted and are out of date, with the reasons.

    Args:
        build: The compiled recipe.
        experiment: Its receipts and outputs.
        verdicts: What happens to the wanted stages.
    """
    wanted = {verdict.stage.name for verdict in verdicts}
    queue = [verdict.stage for verdict in verdicts if verdict.action != "skip"]
    stale: dict[str, tuple[str, ...]] = {}
    seen = set(wanted)
    while queue:
        for name in edges_of(build, queue.pop()):
            if name not in seen:
                seen.add(name)
                stage = build.stage(name)
                queue.append(stage)
                reasons = _stale_reasons(stage, experiment)
                if reasons:
                    stale[name] = reasons
    return stale


def _stale_reasons(stage: Stage, experiment: Experiment) -> tuple[str, ...]:
    try:
        verdict = judge_stage(stage, experiment)
    except UserError:  # a variable that only this stage reads is not set: nobody asked for it
        return ()
    return verdict.reasons if verdict.action == "run" else ()


def _check_upstream(stage: Stage, experiment: Experiment, wanted: AbstractSet[str]) -> None:
    needs = dict.fromkeys([*stage.needs, *edges_of(experiment.build, stage)])
    missing = [
        name
        for name in needs
        if name not in wanted
        and (
            experiment.done(name) is None
            or any(output.sha256 is None for output in experiment.outputs(name).values())
        )
    ]
    if missing:
        raise UserError(
            f'stage "{stage.name}" needs {_quote_names(missing)} first: '
            f"{_describe_state(missing[0], experiment)}",
            hint=f"run: --stages {' '.join([*missing, stage.name])}",
        )


def _describe_state(name: str, experiment: Experiment) -> str:
    receipt = experiment.receipt(name)
    if isinstance(receipt, Unreadable):
        return f'the receipt of "{name}" is unusable, {receipt.reason}'
    if receipt is None:
        return f'"{name}" has not run yet'
    if receipt.status != "done":
        return f'the last run of "{name}" {_UNFINISHED[receipt.status]}'
    outputs = experiment.outputs(name).items()
    return f"its output {_quote_names([o for o, x in outputs if x.sha256 is None])} is missing"


def _describe_damage(stage: Stage, experiment: Experiment) -> list[str]:
    found = experiment.outputs(stage.name)
    changed = [name for name in found if not found[name].is_intact]
    words = {name: "altered" if found[name].sha256 else "deleted" for name in changed}
    removed = [name for name in found if stage.outputs and name not in stage.outputs]
    return [
        *(f"output {name} was {words[name]}" for name in changed),
        *(f"output {name} is no longer declared" for name in removed),
    ]


def _quote_names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
