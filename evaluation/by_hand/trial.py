"""Check a copy of a recipe with a mistake in it, and judge what was said."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from espnet3_compiler.deep.deep import check_deeply
from espnet3_compiler.deep.process import ProbeLimits
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.output import as_json
from espnet3_compiler.output.summary import Summary
from espnet3_compiler.pipeline import compile_manifest
from evaluation.by_hand.model import HandMistake, plant
from evaluation.recipes import RECIPES, copy_recipe

LIMITS = ProbeLimits(120.0, 8 << 30)
WAYS = ("check", "preflight", "deep")


@dataclass(frozen=True)
class HandVerdict:
    """What was said to one mistake.

    Attributes:
        mistake: The mistake.
        by: One of ``WAYS``, or nothing.
        exact: Whether a report points at a marked place.
        fix: Whether the fix is named; None where there is no one fix.
        findings: What was found, as JSON has it.
    """

    mistake: HandMistake
    by: str
    exact: bool
    fix: bool | None
    findings: tuple[dict[str, Any], ...]


def judge(mistake: HandMistake, ways: Iterable[str] = WAYS[:1]) -> HandVerdict:
    """Plant a mistake in a copy of its recipe, and ask one way after the other.

    Args:
        mistake: The mistake.
        ways: Which of ``WAYS`` are asked until one of them says something.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_recipe(RECIPES / mistake.recipe, Path(folder))
        for name, text in plant(mistake).texts.items():
            (copy / name).write_text(text, "utf-8")
        before = _shipped_messages(mistake.recipe)
        for way in ways:
            asked = _ask(way, copy / "recipe.yaml")
            found = tuple(one for one in asked if one["message"] not in before)
            if found:
                return _verdict(mistake, way, found)
    return _verdict(mistake, "", ())


@cache
def _shipped_messages(recipe: str) -> frozenset[str]:
    """Return what is said of a recipe as it ships: packages that are not installed here."""
    found = compile_manifest(RECIPES / recipe / "recipe.yaml").diagnostics
    return frozenset(one.message for one in found)


def _ask(way: str, manifest: Path) -> Iterator[dict[str, Any]]:
    if way == "preflight":
        yield from _preflight(manifest)
        return
    outcome = compile_manifest(manifest)
    found: tuple[Diagnostic, ...] = outcome.diagnostics
    if way == "deep":
        found = check_deeply(outcome, LIMITS).outcome.diagnostics
    yield from json.loads(as_json.render(found, Summary(())))["findings"]


def _preflight(manifest: Path) -> Iterator[dict[str, Any]]:
    """Compile, and ask ``run.py --preflight``; nothing where it does not compile."""
    for words in (
        ["-m", "espnet3_compiler", manifest.name],
        ["build/run.py", "--preflight", "--format", "json"],
    ):
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=manifest.parent, capture_output=True, text=True, check=False
        )
    if done.stdout.startswith("{"):
        yield from json.loads(done.stdout)["findings"]


def _verdict(mistake: HandMistake, by: str, found: tuple[dict[str, Any], ...]) -> HandVerdict:
    marked = plant(mistake).places
    places = [item["primary"]["place"] for item in found]
    exact = any(
        place["source"].endswith(name)
        and (place["start"]["line"], place["start"]["column"]) == (line, column)
        for place in places
        for name, line, column in marked
    )
    said = " | ".join(text for item in found for text in _words(item))
    fix = bool(re.search(mistake.fix, said, re.IGNORECASE)) if mistake.fix else None
    return HandVerdict(mistake, by, exact, fix, found)


def _words(item: dict[str, Any]) -> list[str]:
    fix = [item["fix"]["title"]] if item["fix"] else []
    return [item["message"], item["primary"]["text"], *item["help"], *item["notes"], *fix]
