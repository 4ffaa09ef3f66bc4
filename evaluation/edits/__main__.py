"""Edit shipped recipes that have run, and hold the plan against what each edit can reach.

``python -m evaluation.edits [--only asr during_run] [--really 6] [--seed 1]``

Every edit names the stages that it changes itself; these must run, what lies behind them may, and
nothing else.  For some, drawn by the seed, the edited recipe then runs for real: what ran must be
what was planned, the same command again must find nothing to do, and what lies there in the end
must be what the edited recipe makes from nothing.  Exits 1 unless all of it holds.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from evaluation.edits.model import Edit, Place
from evaluation.edits.really import really
from evaluation.edits.trial import Found, edited, finished, planned

SETS = {
    "asr": "digits/asr",
    "keywords": "digits/keywords",
    "curriculum": "digits/curriculum",
    "outside": "links, code outside",
    "during_run": "during a run",
}
"""Modules with edits, and what the table calls them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix."""
    parser = argparse.ArgumentParser(prog="evaluation.edits", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--really", type=int, default=6, help="real runs for each recipe (6)")
    parser.add_argument("--seed", type=int, default=1, help="draws the real runs (1)")
    options = parser.parse_args(argv)
    print(
        f"{'edits of':20} {'edits':>6} {'stale':>6} {'needless':>9} {'real runs':>10} {'wrong':>6}"
    )
    good = True
    for name in options.only:
        module = import_module(f"evaluation.edits.{name}")
        with tempfile.TemporaryDirectory() as folder:
            base = finished(module.SUBJECT, Path(folder, "base"))
            found = [_plan(base, edit) for edit in module.EDITS]
            draw = random.Random(options.seed)
            runs, wrong = _run(base, module.EDITS, options.really, draw)
        stale = sum(bool(each.stale) for each in found)
        unsaid = sum(bool(each.unsaid) for each in found)
        needless = sum(bool(each.needless) for each in found)
        row = (SETS[name], len(found), stale, needless, runs, len(wrong))
        print("{:20} {:6} {:6} {:9} {:10} {:6}".format(*row), flush=True)
        for line in (*filter(None, map(_line, found)), *wrong):
            print(f"  {line}")
        good = good and not (stale or needless or unsaid or wrong)
    return 0 if good else 1


def _plan(base: Place, edit: Edit) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        return planned(edited(base, edit, Path(folder, "copy")), edit)


def _run(
    base: Place, edits: Sequence[Edit], wanted: int, draw: random.Random
) -> tuple[int, list[str]]:
    """Run some edits for real; return how many, and what was wrong."""
    candidates = [edit for edit in edits if not edit.simulated]
    runs, wrong = 0, []
    for edit in draw.sample(candidates, len(candidates)):
        if runs >= wanted:
            break
        with tempfile.TemporaryDirectory() as folder:
            found = really(base, edit, Path(folder))
        if found is not None:
            runs += 1
            wrong += [f"{edit.name}: {problem}" for problem in found.problems[:5]]
    return runs, wrong


def _line(found: Found) -> str:
    told = [f"stale: {', '.join(found.stale)}"] if found.stale else []
    told += [f"needless: {', '.join(found.needless)}"] if found.needless else []
    told += [f"not said: {found.unsaid}"] if found.unsaid else []
    return f"{found.edit.name}: {'; '.join(told)}" if told else ""


if __name__ == "__main__":
    sys.exit(main())
