"""Plant seeded mistakes in sizes, vocabularies and labels, and count what ``--deep`` finds.

``python -m evaluation.shapes [--count 60] [--seed 1] [--jobs 2] [--show] [RECIPE.yaml …]``

Each runs ``espnet3-compile --check --deep`` on a copy of a shipped recipe with one mistake: a layer
of its model that gets another width than it expects, a vocabulary smaller than the tokenizer's, and
so on.  None of them can be seen without running code.  Data are there only where nothing else can
show the mistake.  Exits 1 if fewer than the goal are found, or if a good recipe has a finding.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.draw import evenly
from evaluation.recipes import GENERATED, RECIPES
from evaluation.shapes import layers, sizes
from evaluation.shapes.model import Mistake

GOAL = 0.9
MAKES = "create_dataset"
LEFT_OUT = ("mini_an4/espnet2_asr",)
"""Recipes whose model is not probed: that of ESPnet2."""


@dataclass(frozen=True)
class Verdict:
    """What was said to a mistake: the findings, and the lines about what was not looked at."""

    recipe: str
    mistake: Mistake | None
    findings: list[dict[str, Any]]
    said: str

    @property
    def found(self) -> bool:
        """Return whether running the recipe's code showed it."""
        return any(one["code"].startswith("R9") for one in self.findings)

    @property
    def pointed(self) -> bool:
        """Return whether the report names the file in which it stands."""
        return self.mistake is not None and self.mistake.file in json.dumps(self.findings)


def main(argv: Sequence[str] | None = None) -> int:
    """Plant the mistakes and count what is found."""
    options = _parse(argv)
    manifests = options.manifests or sorted(RECIPES.glob("*/*/recipe.yaml"))
    recipes = [one.parent for one in manifests if _name(one.parent) not in LEFT_OUT]
    tasks: list[tuple[Path, Mistake | None]] = [(recipe, None) for recipe in recipes]
    tasks += choose(recipes, random.Random(options.seed), options.count)
    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = list(pool.map(lambda task: judge(*task), tasks))
    good = [verdict for verdict in verdicts if verdict.mistake is None]
    bad = [verdict for verdict in verdicts if verdict.mistake is not None]
    false = sum(len(verdict.findings) for verdict in good)
    share = report(bad)
    print(f"{false} findings on {len(good)} good recipes; goal: {GOAL:.0%} found")
    if options.show:
        show(bad)
    return 0 if bad and share >= GOAL and not false else 1


def choose(recipes: Sequence[Path], rng: random.Random, count: int) -> list[tuple[Path, Mistake]]:
    """Draw about ``count`` mistakes, the classes and recipes as evenly as they come."""
    every: dict[tuple[str, str], list[tuple[Path, Mistake]]] = defaultdict(list)
    for recipe in recipes:
        for generate in (layers.wrong_inputs, *sizes.GENERATORS):
            for mistake in generate(recipe, rng):
                every[mistake.kind, _name(recipe)].append((recipe, mistake))
    return evenly(every.values(), count, rng)


def judge(recipe: Path, mistake: Mistake | None) -> Verdict:
    """Check a copy of a recipe in depth."""
    with tempfile.TemporaryDirectory(prefix="espnet3-shapes-") as folder:
        corpus = Path(folder) / recipe.parent.name
        corpus.mkdir()
        for sibling in recipe.parent.iterdir():
            if sibling.is_dir():
                shutil.copytree(sibling, corpus / sibling.name, ignore=GENERATED, symlinks=False)
        copy = corpus / recipe.name
        if mistake is not None:
            mistake.plant(copy)
            if mistake.needs_data:
                _make_data(copy)
        command = ["-m", "espnet3_compiler", "--check", "--deep", "--format", "json", "recipe.yaml"]
        done = _python(copy, *command)
    findings = json.loads(done.stdout)["findings"]
    return Verdict(_name(recipe), mistake, findings, done.stderr)


def _make_data(copy: Path) -> None:
    """Let a recipe make a small corpus, and leave nothing else behind."""
    config = copy / "conf/training.yaml"
    few = "sizes: {train: 60, valid: 20, test: 20}"
    config.write_text(re.sub(r"sizes: \{.*?\}", few, config.read_text(encoding="utf-8")))
    for words in (["-m", "espnet3_compiler", "recipe.yaml"], ["build/run.py", "--stages", MAKES]):
        done = _python(copy, *words)
        if done.returncode:
            raise SystemExit(done.stderr)
    shutil.rmtree(copy / "build")


def _python(directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def report(verdicts: Sequence[Verdict]) -> float:
    """Print a row for each class, and return the share found."""
    rows: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        assert verdict.mistake is not None
        rows[verdict.mistake.kind].append(verdict)
    print(f"{'class':28} {'made':>5} {'found':>7} {'file named':>11}")
    for kind, some in [*sorted(rows.items()), (f"all {len(rows)} classes", list(verdicts))]:
        found = sum(verdict.found for verdict in some) / max(len(some), 1)
        named = sum(verdict.pointed for verdict in some) / max(len(some), 1)
        print(f"{kind:28} {len(some):5} {found:7.1%} {named:11.1%}")
    return sum(verdict.found for verdict in verdicts) / max(len(verdicts), 1)


def show(verdicts: Sequence[Verdict]) -> None:
    """Print what was not found, and what was found without its file."""
    for verdict in verdicts:
        if not (verdict.found and verdict.pointed):
            print(f"\n=== {verdict.recipe}: {verdict.mistake}")
            print("\n".join(f"{one['code']} {one['message']}" for one in verdict.findings))
            print(verdict.said)


def _name(recipe: Path) -> str:
    return f"{recipe.parent.name}/{recipe.name}"


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evaluation.shapes", description=__doc__)
    parser.add_argument("manifests", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print every imperfect report")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
