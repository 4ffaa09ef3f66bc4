"""Mistakes in keys and in the types of values."""

import random
from collections.abc import Iterator

from espnet3_compiler.syntax.tree import Scalar
from evaluation.mutations.model import Document, GoodRecipe, Mutation, Spot, scalars, spots
from evaluation.mutations.schema import is_closed, schema_at, types_of
from evaluation.mutations.typos import typo

Mutations = Iterator[Mutation]
_SPECIAL = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")


def misspelt_key(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """``optimiser:``; the key is one of the schema's."""
    for spot in _closed_spots(recipe):
        siblings = schema_at(spot.document.role, spot.path[:-1]) or {}
        wrong = typo(rng, spot.entry.name)
        if wrong not in siblings.get("properties", {}):
            kind = "key of the manifest" if spot.document.role == "recipe" else "key of a config"
            yield _replace_key(f"misspelt {kind}", spot, wrong, {"R601"})


def duplicate_key(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A line of the top mapping written twice."""
    for document in recipe.documents:
        for entry in document.root:
            if entry.key.span.start and isinstance(entry.value, Scalar):
                line = f"{entry.name}: {entry.value.span.text}\n"
                at = entry.key.span.start
                # The planted line comes first, so the report belongs on the old one.
                place = (len(line), len(line) + len(entry.name))
                codes = frozenset({"R102"})
                yield Mutation("duplicate key", document.name, at, at, line, place, codes)


def wrong_type(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """Words for numbers, YAML 1.1 booleans, numbers for text."""
    swaps = {"integer": "ten", "number": "0.oo5", "boolean": "on"}
    for document in recipe.documents:
        for path, node in scalars(document):
            types = types_of(schema_at(document.role, path))
            if "string" in types or _is_reference(node):
                continue
            for kind, text in swaps.items():
                if kind in types:
                    yield _replace(f"wrong type: {kind}", document, node, text, {"R602"})


def list_for_scalar(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A list or mapping where one value belongs."""
    for document in recipe.documents:
        for path, node in scalars(document):
            types = types_of(schema_at(document.role, path))
            if types and not types & {"array", "object"} and not _is_reference(node):
                codes = {"R602", "R604"}
                yield _replace("wrong type: list", document, node, "[1, 2]", codes)


def out_of_range(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """Numbers below the minimum."""
    for document in recipe.documents:
        for path, node in scalars(document):
            schema = schema_at(document.role, path) or {}
            low = schema.get("minimum", schema.get("exclusiveMinimum"))
            if low is not None and isinstance(node.value, int | float):
                yield _replace("out of range", document, node, str(int(low) - 1), {"R605"})


def wrong_choice(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """A misspelt choice."""
    for document in recipe.documents:
        for path, node in scalars(document):
            choices = (schema_at(document.role, path) or {}).get("enum")
            if choices and isinstance(node.value, str):
                wrong = typo(rng, node.value)
                if wrong not in choices:
                    yield _replace(
                        "wrong choice", document, node, wrong, {"R604"}, right=node.span.text
                    )


def missing_key(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A required key at the top of the manifest removed; the report points at the first key."""
    document = recipe.documents[0]
    entries = document.root.entries
    for entry in entries:
        if entry.name in ("version", "recipe"):
            start, end = entry.key.span.start, entry.value.span.end + 1
            first = next(e for e in entries if e is not entry).key.span
            begin = first.start - (end if first.start > start else start)
            place = (begin, begin + first.end - first.start)
            codes = frozenset({"R603"})
            yield Mutation("missing key", document.name, start, end, "", place, codes)


def _closed_spots(recipe: GoodRecipe) -> Iterator[Spot]:
    for document in recipe.documents:
        for spot in spots(document):
            parent = schema_at(document.role, spot.path[:-1])
            known = (parent or {}).get("properties", {})
            if is_closed(parent) and spot.entry.name in known and spot.entry.name not in _SPECIAL:
                yield spot


def _replace_key(kind: str, spot: Spot, wrong: str, codes: set[str]) -> Mutation:
    span = spot.entry.key.span
    return Mutation(
        kind,
        spot.document.name,
        span.start,
        span.end,
        wrong,
        (0, len(wrong)),
        frozenset(codes),
        spot.entry.name,
    )


def _replace(
    kind: str,
    document: Document,
    node: Scalar,
    text: str,
    codes: set[str],
    right: str | None = None,
) -> Mutation:
    start, end = node.span.start, node.span.end
    place = (0, len(text))
    return Mutation(kind, document.name, start, end, text, place, frozenset(codes), right)


def _is_reference(node: Scalar) -> bool:
    return isinstance(node.value, str) and "${" in node.value
