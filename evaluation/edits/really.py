"""Run after an edit for real: the plan holds, nothing is left to do, and all is as made anew."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from evaluation.edits.commands import run
from evaluation.edits.model import Edit, Place
from evaluation.edits.results import results
from evaluation.edits.trial import edited, planned
from evaluation.recipes import GENERATED


@dataclass(frozen=True)
class Really:
    """What came of a real run; ``problems`` is empty when it was as it must be."""

    edit: Edit
    ran: frozenset[str]
    problems: tuple[str, ...]


def really(base: Place, edit: Edit, folder: Path) -> Really | None:
    """Edit, run, run again, and compare with a run of the edited recipe from nothing.

    Returns:
        None when the edited recipe does not run even from nothing.
    """
    place = edited(base, edit, folder / "edited")
    fresh = _fresh(base, edit, folder / "fresh")
    sets = (*base.subject.sets, *edit.sets)
    if run(fresh, sets, edit.options, edit.environment).returncode:
        return None
    plan = planned(place, edit).verdicts
    before = _finished(place)
    done = run(place, sets, edit.options, edit.environment)
    ran = frozenset(name for name, time in _finished(place).items() if before.get(name) != time)
    problems = [] if done.returncode == 0 else [f"it failed: {done.stderr[-300:]}"]
    must = {name for name, verdict in plan.items() if verdict.action == "run"}
    may = {name for name, verdict in plan.items() if verdict.action != "skip"}
    problems += [f"{name} was to run and did not" for name in sorted(must - ran)]
    problems += [f"{name} was to be skipped and ran" for name in sorted(ran - may)]
    again = run(place, sets, edit.options, edit.environment)
    if "nothing to do" not in again.stdout:
        problems.append("the same command again has something to do")
    one, two = results(place), results(fresh)
    wrong = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    problems += [f"{name} is not as made from nothing" for name in wrong]
    return Really(edit, ran, tuple(problems))


def _fresh(base: Place, edit: Edit, root: Path) -> Place:
    """Return the edited recipe before it has run; edits of what it made do not count."""
    shutil.copytree(base.root, root, symlinks=True, ignore=GENERATED)
    place = Place(root, base.subject)
    if edit.apply is not None and not edit.damages:
        edit.apply(place)
    return place


def _finished(place: Place) -> dict[str, tuple[str, float]]:
    """Return when every stage finished, for every experiment."""
    found = {}
    for path in (place.recipe / "exp").glob("*/stages/*.json"):
        try:
            receipt = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        found[path.stem] = (receipt["started"], receipt["seconds"])
    return found
