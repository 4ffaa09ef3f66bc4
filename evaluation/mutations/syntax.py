"""Mistakes of the YAML text itself."""

import random
from collections.abc import Iterator

from espnet3_compiler.syntax.tree import Scalar
from evaluation.mutations.model import Document, GoodRecipe, Mutation, spots

Mutations = Iterator[Mutation]


def tab(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """An indentation by a tab."""
    for document in recipe.documents:
        for start, width in _indents(document):
            yield Mutation(
                "tab", document.name, start, start + width, "\t", (0, 1), frozenset({"R112"})
            )


def unknown_tag(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A tag that would build a Python object elsewhere."""
    tag = "!!python/name:os.system"
    for document in recipe.documents:
        for spot in spots(document):
            value = spot.entry.value
            if isinstance(value, Scalar) and value.style == "plain":
                at = value.span.start
                yield Mutation(
                    "unknown tag",
                    document.name,
                    at,
                    at,
                    tag + " ",
                    (0, len(tag)),
                    frozenset({"R103"}),
                )


def unknown_alias(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """An alias without an anchor."""
    for document in recipe.documents:
        for spot in spots(document):
            value = spot.entry.value
            if isinstance(value, Scalar) and value.style == "plain" and spot.path[-1] != "version":
                start, end = value.span.start, value.span.end
                yield Mutation(
                    "unknown alias",
                    document.name,
                    start,
                    end,
                    "*nowhere",
                    (0, 8),
                    frozenset({"R110"}),
                )


def second_document(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A second document in the file."""
    for document in recipe.documents:
        end = len(document.source.text)
        yield Mutation(
            "second document",
            document.name,
            end,
            end,
            "---\na: 1\n",
            (0, 3),
            frozenset({"R107"}),
        )


def number_key(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A key that is a number."""
    for document in recipe.documents:
        for spot in spots(document):
            span = spot.entry.key.span
            yield Mutation(
                "key is not text",
                document.name,
                span.start,
                span.end,
                "12",
                (0, 2),
                frozenset({"R106"}),
            )


def _indents(document: Document) -> Iterator[tuple[int, int]]:
    text = document.source.text
    offset = 0
    for line in text.splitlines(keepends=True):
        body = line.lstrip(" ")
        width = len(line) - len(body)
        if width and body[:1].isalpha() and ":" in body:
            yield offset, width
        offset += len(line)
