"""Measure what a check costs, beside other checkers given the same mistakes.

``python -m benchmarks.latency [--runs 10] [--manifests 100]``

Every figure is the CPU time, user and system, of a fresh process in an environment without torch,
the best of several.  ``cold``: no signature of a target is cached, and the cache is written;
``warm``: it is there.  The shipped recipes are checked where torch is, and compared with what the
import of all dependencies of the compiler takes there, by the median of the quotients of the
rounds.  Exits 1 if a goal is missed or a mistake of the nine is.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.latency.checkers import CHECKERS, OURS, PROGRAM, Checker, plain_environment
from benchmarks.latency.environment import ROOT, is_installed, make_environment
from benchmarks.latency.measure import Run, best_in_turn, median_quotient, run, run_in_turn
from benchmarks.latency.mistakes import MISTAKES, Mistake

RECIPE = Path(__file__).parent / "recipe"
MANIFEST = "recipe.yaml"
COLD, WARM, MANY = 0.25, 0.15, 5.0
SHIPPED = ("mini_an4/asr", "digits/asr", "librispeech_100/asr", "digits/finetune")
DEPENDENCIES = "yaml, jsonschema, jinja2, msgspec"
MOST = 2.0
"""How many times as long a check of a shipped recipe may take as the imports alone."""
NO_NOTION, FOUND = "-", ("line", "found")
STAGES = ("unknown stage", "cycle of stages", "input that nothing makes")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parse(argv)
    absent = [each.needs for each in CHECKERS if each.needs and not is_installed(each.needs)]
    checkers = [each for each in CHECKERS if each.needs not in absent]
    for name in absent:
        print(f"left out: {name} is not installed here; pip install {name}")
    with tempfile.TemporaryDirectory() as folder:
        tools = [each.needs for each in checkers if each.needs]
        python = make_environment(Path(folder, "environment"), tools)
        met = _goals(python, Path(folder), options.runs, options.manifests)
        met &= _beside_imports(Path(folder), options.runs)
        found = _side_by_side(python, Path(folder), checkers, options.runs)
    return 0 if met and found else 1


def _goals(python: Path, folder: Path, runs: int, manifests: int) -> bool:
    """Print the costs of a check, and return whether all goals are met."""
    cache = folder / "cache"
    one, many = folder / "one", folder / "many"
    shutil.copytree(RECIPE, one)
    for number in range(manifests):
        shutil.copytree(RECIPE, many / f"recipe{number}")

    def check(path: Path, *, cold: bool) -> Run:
        if cold:
            shutil.rmtree(cache, ignore_errors=True)
        environment = plain_environment() | {"ESPNET3_COMPILE_CACHE": str(cache)}
        found = run([python, *PROGRAM, path], folder, environment)
        if found.code:
            raise SystemExit(f"the recipe of the benchmark does not check clean:\n{found.output}")
        return found

    nothing, cold, warm = best_in_turn(
        runs,
        lambda: run([python, "-c", "pass"], folder, plain_environment()),
        lambda: check(one / MANIFEST, cold=True),
        lambda: check(one / MANIFEST, cold=False),
    )
    hundred, again = best_in_turn(
        max(runs // 4, 1), lambda: check(many, cold=True), lambda: check(many, cold=False)
    )
    print(f"\nthe recipe: {_size(RECIPE / MANIFEST)}\n{warm.output.strip()}\n")
    print(f"{'CPU seconds, best of ' + str(runs):40} {'s':>7} {'goal':>7}")
    print(f"{'an interpreter that does nothing':40} {nothing.seconds:7.3f}")
    rows = [
        ("a cold check", cold.seconds, COLD),
        ("a warm check", warm.seconds, WARM),
        (f"{manifests} manifests in one call, cold", hundred.seconds, MANY * manifests / 100),
        (f"{manifests} manifests in one call, warm", again.seconds, MANY * manifests / 100),
    ]
    for name, seconds, goal in rows:
        missed = "" if seconds <= goal else "  missed"
        print(f"{name:40} {seconds:7.3f} {goal:7.2f}{missed}")
    return all(seconds <= goal for _, seconds, goal in rows)


def _beside_imports(folder: Path, runs: int) -> bool:
    """Print what checks of shipped recipes cost beside the imports; return whether all are fast."""
    environment = plain_environment() | {"ESPNET3_COMPILE_CACHE": str(folder / "cache")}
    imports = [sys.executable, "-c", f"import {DEPENDENCIES}"]
    checks = [[sys.executable, *PROGRAM, ROOT / "recipes" / n / MANIFEST] for n in SHIPPED]
    commands = [partial(run, command, folder, environment) for command in (imports, *checks)]
    best_in_turn(1, *commands)  # fills the cache
    bare, *found = run_in_turn(runs, *commands)
    least = min(each.seconds for each in bare)
    print(f"\n{'CPU seconds where torch is':40} {'least':>7} {'of imports':>11} {'median':>7}")
    print(f"{'import ' + DEPENDENCIES:40} {least:7.3f}")
    quotients = [median_quotient(runs_of_one, bare) for runs_of_one in found]
    for name, checked, quotient in zip(SHIPPED, found, quotients, strict=True):
        seconds = min(each.seconds for each in checked)
        missed = "" if quotient <= MOST else "  missed"
        print(f"{name:40} {seconds:7.3f} {seconds / least:11.2f} {quotient:7.2f}{missed}")
    return all(quotient <= MOST for quotient in quotients)


def _size(manifest: Path) -> str:
    text = manifest.read_text(encoding="utf-8")
    targets = text.count("_target_:") + text.count("call:")
    return f"{text.count(chr(10))} lines, {targets} targets"


def _side_by_side(python: Path, folder: Path, checkers: Sequence[Checker], runs: int) -> bool:
    """Print which mistake is found by whom and at what cost; return whether we found all."""
    text = (RECIPE / MANIFEST).read_text(encoding="utf-8")
    for each in checkers:
        shutil.copytree(RECIPE, folder / each.name)
        each.prepare(folder / each.name)
    good = best_in_turn(runs, *(partial(each.check, python, folder, text) for each in checkers))
    columns = {
        each.name: _column(python, folder, each, text, clean)
        for each, clean in zip(checkers, good, strict=True)
    }
    names = ["(no mistake)", *(mistake.name for mistake in MISTAKES)]
    print(f"\n{'':26}" + "".join(f"{name:>20}" for name in columns))
    for index, name in enumerate(names):
        print(f"{name:26}" + "".join(f"{column[index][0]:>20}" for column in columns.values()))
    costs = {name: column[0][1].seconds for name, column in columns.items()}
    print(f"{'found':26}" + "".join(f"{share:>20}" for share in map(_share, columns.values())))
    print(f"{'CPU seconds (we: warm)':26}" + "".join(f"{s:20.3f}" for s in costs.values()))
    ratios = [f"{seconds / costs[OURS.name]:.2f} x" for seconds in costs.values()]
    print(f"{'in units of ours':26}" + "".join(f"{ratio:>20}" for ratio in ratios))
    print("\nline: found, with its line; found: without; -: there is no such notion in it")
    return all(word in FOUND for word, _ in columns[OURS.name][1:])


def _share(column: Sequence[tuple[str, Run]]) -> str:
    words = [word for word, _ in column[1:] if word != NO_NOTION]
    return f"{sum(word in FOUND for word in words)} of {len(words)}"


def _column(
    python: Path, folder: Path, checker: Checker, text: str, good: Run
) -> list[tuple[str, Run]]:
    """Return what a checker says, first of the good recipe and then of each mistake."""
    column = [("false finding" if good.code else "clean", good)]
    for mistake in MISTAKES:
        wrong, line = mistake.plant(text)
        said = checker.check(python, folder, wrong)
        column.append((_verdict(checker, mistake, said, line, good), said))
    return column


def _verdict(checker: Checker, mistake: Mistake, said: Run, line: int, good: Run) -> str:
    if mistake.name in STAGES and not checker.knows_stages:
        return NO_NOTION
    if not said.code or said.code == good.code:
        return "no"
    return "line" if f":{line}:" in said.output or f"line {line}," in said.output else "found"


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.latency", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each figure; the best counts")
    parser.add_argument("--manifests", type=int, default=100, help="in one call")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
