"""Several mistakes at once: k of them must give k findings."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from espnet3_compiler.output.human import render_one
from evaluation.mutations.model import GoodRecipe, Mutation
from evaluation.mutations.trial import Verdict, judge, workspace

MOST = 10
TIMES = 3
APART = 80
"""Code points between two mistakes: on one line one of them may hide the other."""

STOPPERS = ("tab", "second document", "unclosed reference")
"""Mistakes after which a text cannot be read on with certainty."""

Chosen = Sequence[tuple[GoodRecipe, list[Mutation]]]


def report(chosen: Chosen, rng: random.Random, *, off: bool) -> None:
    """Plant k mistakes at once, k = 1 … 10, and compare the number of findings with k.

    Args:
        chosen: Recipes and the mistakes to draw from.
        rng: The draw.
        off: Whether to print the mixes whose findings are more or fewer than the mistakes.
    """
    differences: Counter[int] = Counter()
    for verdicts in _mixes(chosen, rng):
        found = verdicts[0].findings
        differences[len(found) - len(verdicts)] += 1
        if off and len(found) != len(verdicts):
            _show(verdicts)
    print(
        f"k mistakes at once, k = 1 … {MOST}: {differences[0]} of {differences.total()} mixes "
        "gave exactly k findings"
    )
    print("findings less mistakes: " + ", ".join(f"{d:+d}: {n}" for d, n in _sorted(differences)))


def _sorted(differences: Counter[int]) -> list[tuple[int, int]]:
    return sorted(differences.items())


def _mixes(chosen: Chosen, rng: random.Random) -> Iterator[list[Verdict]]:
    for recipe, some in chosen:
        with workspace(recipe) as copy:
            for k in [*range(1, MOST + 1)] * TIMES:
                picked = apart(recipe, some, rng, k)
                if picked:
                    yield judge(recipe, copy, picked)


def apart(
    recipe: GoodRecipe, some: Sequence[Mutation], rng: random.Random, k: int
) -> list[Mutation]:
    """Draw k mistakes none of which hides another."""
    picked: list[Mutation] = []
    for mutation in rng.sample(some, len(some)):
        inside = 0 <= mutation.place[0] <= mutation.place[1] <= len(mutation.text)
        stops = not inside or mutation.kind in STOPPERS
        if not stops and not any(_meet(recipe, mutation, other) for other in picked):
            picked.append(mutation)
        if len(picked) == k:
            break
    return picked


def _meet(recipe: GoodRecipe, one: Mutation, other: Mutation) -> bool:
    """Return whether of two mistakes only one can be seen.

    They lie close together; or one takes away what the other is seen by, such as the name of its
    file or the target of its argument; or both are the same wrong name for the same thing, or move
    keys to the same place.
    """
    if one.file == other.file:
        near = one.start <= other.end + APART and other.start <= one.end + APART
        moved = one.kind == other.kind == "block not indented"
        if near or moved or (one.kind == "invalid name" and _word(one) == _word(other)):
            return True
    hidden = other.file in _unnamed(recipe, one) or one.file in _unnamed(recipe, other)
    return hidden or _is_same_name(one, other) or _blinds(one, other) or _blinds(other, one)


def _is_same_name(one: Mutation, other: Mutation) -> bool:
    """Return whether two places misspell one name alike: that is told once, with both places."""
    return one.right is not None and (one.right, one.text) == (other.right, other.text)


def _blinds(one: Mutation, other: Mutation) -> bool:
    """Return whether a mistake destroys a text without which another cannot be seen."""
    destroys = one.right is None or one.kind == "unknown resolver"
    return destroys and any(
        one.file == part.file and one.start < part.end and part.start < one.end
        for part in other.seen_by
    )


def _word(mutation: Mutation) -> str:
    return mutation.text[slice(*mutation.place)]


def _unnamed(recipe: GoodRecipe, mutation: Mutation) -> set[str]:
    """Return the files that the manifest does not name any more."""
    if mutation.right is not None or mutation.kind in ("unknown tag", "key is not text"):
        return set()
    return {
        str(config.file.value)
        for config in recipe.recipe.configs
        if config.file is not None
        and mutation.file == recipe.manifest
        and mutation.start <= config.file.span.start < mutation.end
    }


def _show(verdicts: Sequence[Verdict]) -> None:
    print(f"\n=== {len(verdicts)} mistakes, {len(verdicts[0].findings)} findings")
    for verdict in verdicts:
        m = verdict.mutation
        state = "" if verdict.caught else "   <- no finding"
        print(f"    {m.kind}: {m.file}@{m.start} {m.text!r} (was {m.right!r}){state}")
    for finding in verdicts[0].findings:
        print(render_one(finding))
