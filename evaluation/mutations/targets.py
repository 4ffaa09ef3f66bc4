"""Mistakes in ``_target_`` nodes: paths, argument names, argument types, missing arguments."""

import random
from collections.abc import Iterator

from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from evaluation.mutations.model import GoodRecipe, Mutation, Spot, spots
from evaluation.mutations.typos import typo

Mutations = Iterator[Mutation]

_OTHERS = ("Adam",)
"""Slips of a target that are targets of their own."""


def misspelt_target(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """One part of the dotted path misspelt; the report points at this part."""
    for spot in _targets(recipe):
        value = spot.entry.value
        assert isinstance(value, Scalar)
        parts = str(value.value).split(".")
        for index, part in enumerate(parts):
            wrong = typo(rng, part)
            if wrong in _OTHERS:
                continue
            at = value.span.start + sum(len(p) + 1 for p in parts[:index])
            kind = "misspelt target attribute" if index == len(parts) - 1 else "misspelt module"
            yield Mutation(
                kind,
                spot.document.name,
                at,
                at + len(part),
                wrong,
                (0, len(wrong)),
                frozenset({"R501"}),
                part,
            )


def misspelt_argument(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """``hiden_size:`` beside a ``_target_``."""
    for spot in _arguments(recipe):
        wrong = typo(rng, spot.entry.name)
        span = spot.entry.key.span
        yield Mutation(
            "misspelt argument",
            spot.document.name,
            span.start,
            span.end,
            wrong,
            (0, len(wrong)),
            frozenset({"R502", "R503"}),
            spot.entry.name,
        )


def argument_type(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A word for a number that a recipe's own class annotates."""
    for spot in _arguments(recipe):
        value = spot.entry.value
        own = str(_target_of(spot)).startswith("src.")
        if own and isinstance(value, Scalar) and isinstance(value.value, int | float):
            yield Mutation(
                "argument type",
                spot.document.name,
                value.span.start,
                value.span.end,
                "many",
                (0, 4),
                frozenset({"R504"}),
            )


def missing_argument(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A required argument of a recipe's own class left out with its line.

    Not from a file that extends another config: what is left out there may be inherited.
    """
    for spot in _arguments(recipe):
        if spot.document.root.get("extends") is not None:
            continue
        parent = _parent(spot)
        target = parent.entry("_target_")
        line = _whole_line(spot)
        if target is None or line is None or spot.entry.name not in _REQUIRED:
            continue
        place = target.value.span
        begin = place.start - line[0] if place.start < line[0] else place.start - line[1]
        yield Mutation(
            "missing argument",
            spot.document.name,
            line[0],
            line[1],
            "",
            (begin, begin + place.end - place.start),
            frozenset({"R503"}),
        )


_REQUIRED = ("feats_stats", "vocab_size", "token_list", "tokenizer_model", "tokenizer", "max_lr")


def _targets(recipe: GoodRecipe) -> Iterator[Spot]:
    for document in recipe.documents:
        for spot in spots(document):
            if spot.entry.name == "_target_" and isinstance(spot.entry.value, Scalar):
                yield spot


def _arguments(recipe: GoodRecipe) -> Iterator[Spot]:
    for document in recipe.documents:
        for spot in spots(document):
            if _target_of(spot) is not None and not spot.entry.name.startswith("_"):
                yield spot


def _parent(spot: Spot) -> Mapping:
    parent = node_at(spot.document.root, spot.path[:-1])
    assert isinstance(parent, Mapping)
    return parent


def _target_of(spot: Spot) -> str | None:
    target = _parent(spot).get("_target_")
    return str(target.value) if isinstance(target, Scalar) else None


def _whole_line(spot: Spot) -> tuple[int, int] | None:
    """Return the stretch of the line of a key in a block mapping, None in a flow mapping."""
    source, start = spot.document.source, spot.entry.key.span.start
    line, column = source.line_column(start)
    text = source.line_text(line)
    if text[: column - 1].strip():
        return None
    return start - column + 1, start - column + 1 + len(text) + 1
