"""The uninterrupted run that all others are compared with."""

import json
from dataclasses import dataclass
from pathlib import Path

from evaluation.kills.child import fork, run_build
from evaluation.kills.tripwire import Tripwire
from evaluation.kills.truth import truth
from evaluation.kills.workspace import STAGES, experiment, make_recipe, start_afresh


@dataclass(frozen=True)
class Reference:
    """What an uninterrupted run took, and left.

    Attributes:
        recipe: Compiled; nothing has run in it.
        seconds: Of each stage.
        operations: On files, of each stage.
        sizes: Of the files of each stage.
        truth: Digests of what it made.
    """

    recipe: Path
    seconds: dict[str, float]
    operations: dict[str, int]
    sizes: dict[str, list[int]]
    truth: dict[str, str]


def measure(recipe: Path, variant: str) -> Reference:
    """Make a recipe and run it twice: the second is measured, and must equal the first."""
    make_recipe(recipe, variant)
    first = _run(recipe)
    start_afresh(recipe)
    events = recipe.parent / f"{recipe.name}-events.json"
    second = _run(recipe, events)
    different = [name for name in first if first[name] != second.get(name)]
    if different:
        raise RuntimeError(f"two undisturbed runs differ in {different}")
    seconds = {stage: _receipt(recipe, stage)["seconds"] for stage in STAGES}
    counts = count(json.loads(events.read_text()))
    sizes = {stage: _sizes(recipe, stage) for stage in STAGES}
    start_afresh(recipe)
    return Reference(recipe, seconds, counts, sizes, second)


def count(events: list[str]) -> dict[str, int]:
    """Return the operations between the first and the last receipt of each stage."""
    places = {
        stage: [at for at, event in enumerate(events) if event.endswith(f"/stages/{stage}.json")]
        for stage in STAGES
    }
    return {stage: found[-1] - found[0] for stage, found in places.items() if found}


def _run(recipe: Path, events: Path | None = None) -> dict[str, str]:
    wire = Tripwire(recipe)

    def work() -> int:
        if events is not None:
            wire.install()
        code = run_build(recipe, ["--stages", *STAGES])
        if events is not None:
            wire.save(events)
        return code

    run = fork(work)
    if not run.wait(180) or run.code:
        run.end_all()
        raise RuntimeError(f"the undisturbed run failed: {run.text[-2000:]}")
    return truth(recipe)


def _sizes(recipe: Path, stage: str) -> list[int]:
    """Return the sizes of what a stage writes; of its receipt, too."""
    top = recipe / "data" if stage == STAGES[0] else experiment(recipe) / stage
    paths = [*top.rglob("*"), experiment(recipe) / "stages" / f"{stage}.json"]
    return [path.stat().st_size for path in paths if path.is_file()]


def _receipt(recipe: Path, stage: str) -> dict[str, float]:
    path = experiment(recipe) / "stages" / f"{stage}.json"
    return json.loads(path.read_text())  # type: ignore[no-any-return]
