"""Plant seeded mistakes in every shipped recipe and count what the checker finds.

``python -m evaluation.mutations [--count 600] [--seed 1] [--show] [RECIPE.yaml …]``

Prints the share caught, the share at the exact place, the share whose first fix is right, the
findings per mistake, and the findings on the good recipes (which must be none); without recipes
named, the same of mistakes written by hand (``evaluation.by_hand``), too.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from espnet3_compiler.output.human import render_one
from espnet3_compiler.pipeline import compile_manifest
from evaluation.by_hand.model import read_mistakes
from evaluation.by_hand.report import summaries
from evaluation.by_hand.trial import judge as judge_by_hand
from evaluation.draw import evenly
from evaluation.mutations import keys, layout, references, stages, syntax, targets, values
from evaluation.mutations.model import GoodRecipe, Mutation, load_recipe
from evaluation.mutations.trial import Verdict, judge, workspace
from evaluation.recipes import RECIPES

Generator = Callable[[GoodRecipe, random.Random], Iterator[Mutation]]
GENERATORS: tuple[Generator, ...] = (
    keys.misspelt_key,
    keys.duplicate_key,
    keys.wrong_type,
    keys.list_for_scalar,
    keys.out_of_range,
    keys.wrong_choice,
    keys.missing_key,
    references.misspelt_reference,
    references.unknown_resolver,
    references.unclosed_reference,
    references.missing_file,
    stages.misspelt_stage,
    stages.misspelt_name,
    stages.misspelt_extends,
    stages.unknown_need,
    stages.duplicate_stage,
    stages.wrong_order,
    stages.bad_name,
    stages.unknown_base_kind,
    targets.misspelt_target,
    targets.misspelt_argument,
    targets.argument_type,
    targets.missing_argument,
    syntax.tab,
    syntax.unknown_tag,
    syntax.unknown_alias,
    syntax.second_document,
    syntax.number_key,
    layout.outdented,
    layout.last_outdented,
    layout.lost_dash,
    layout.stray_colon,
    layout.list_for_mapping,
    layout.bare_item,
    values.quoted_number,
    values.wrong_monitor,
    values.wrong_direction,
    values.swapped_items,
    values.missing_brackets,
    values.unknown_metric_input,
    values.repeated_metric,
    values.later_start,
    values.file_of_other_role,
    values.flag_value,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Plant the mistakes; exit 1 if a good recipe has an error."""
    options = _parse(argv)
    manifests = options.manifests or sorted(RECIPES.glob("*/*/recipe.yaml"))
    recipes = [recipe for m in manifests if (recipe := load_recipe(m)) is not None]
    print(f"{len(recipes)} of {len(manifests)} recipes check clean")
    rng = random.Random(options.seed)
    chosen = choose(recipes, rng, options.count)
    verdicts = [v for recipe, some in chosen for v in _single(recipe, some)]
    report(verdicts)
    if options.show:
        show(verdicts)
    if not options.manifests:
        print(summaries([judge_by_hand(mistake) for mistake in read_mistakes()]))
    return 0 if recipes and all(compile_manifest(one).ok for one in manifests) else 1


def choose(
    recipes: Sequence[GoodRecipe], rng: random.Random, count: int
) -> list[tuple[GoodRecipe, list[Mutation]]]:
    """Draw about ``count`` mutations, the classes as evenly as they come."""
    by_kind: dict[str, list[tuple[int, Mutation]]] = defaultdict(list)
    for index, recipe in enumerate(recipes):
        for generate in GENERATORS:
            for mutation in generate(recipe, rng):
                by_kind[mutation.kind].append((index, mutation))
    drawn = evenly(by_kind.values(), count, rng)
    return [(r, [m for i, m in drawn if i == index]) for index, r in enumerate(recipes)]


def report(verdicts: Sequence[Verdict]) -> None:
    """Print a row for each class of mistake, and the totals."""
    rows: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        rows[verdict.mutation.kind].append(verdict)
    print(f"{'class':34} {'made':>5} {'caught':>7} {'exact':>7} {'fix':>7} {'findings':>9}")
    for kind, some in sorted(rows.items()):
        print(_row(kind, some))
    print(_row(f"all {len(rows)} classes", list(verdicts)))


def _row(kind: str, some: Sequence[Verdict]) -> str:
    fixes = [v.right_fix for v in some if v.right_fix is not None]
    caught = _percent([v.caught for v in some])
    exact = _percent([v.exact for v in some])
    findings = sum(len(v.findings) for v in some) / max(len(some), 1)
    return f"{kind:34} {len(some):5} {caught:>7} {exact:>7} {_percent(fixes):>7} {findings:9.2f}"


def _percent(values: Sequence[bool | None]) -> str:
    return f"{100 * sum(map(bool, values)) / len(values):.1f}%" if values else "-"


def show(verdicts: Sequence[Verdict]) -> None:
    """Print every mistake that was missed, misplaced, wrongly mended or told more than once."""
    for v in verdicts:
        if v.caught and v.exact and v.right_fix is not False and len(v.findings) == 1:
            continue
        m = v.mutation
        state = f"caught={v.caught} exact={v.exact} fix={v.right_fix} findings={len(v.findings)}"
        print(f"\n=== {m.kind}: {m.file}@{m.start} {m.text!r} (was {m.right!r}) {state}")
        for finding in v.findings:
            print(render_one(finding))


def _single(recipe: GoodRecipe, some: Sequence[Mutation]) -> list[Verdict]:
    with workspace(recipe) as copy:
        return [judge(recipe, copy, mutation) for mutation in some]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evaluation.mutations", description=__doc__)
    parser.add_argument("manifests", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print every imperfect report")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
