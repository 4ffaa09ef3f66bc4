"""Mistakes inside ``${…}``, in file names and in names of the manifest."""

import random
import re
from collections.abc import Iterator

from espnet3_compiler.syntax.tree import Scalar
from evaluation.mutations.model import Document, GoodRecipe, Mutation, scalars
from evaluation.mutations.typos import typo

Mutations = Iterator[Mutation]
_REFERENCE = re.compile(r"\$\{(?P<path>[A-Za-z_][\w.]*)\}")


def misspelt_reference(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """One part of ``${a.b.c}`` misspelt; the report points into the expression."""
    for document, node, match in _references(recipe):
        parts = match["path"].split(".")
        for index, part in enumerate(parts):
            if part.isdigit():
                continue
            wrong = typo(rng, part)
            at = node.span.start + match.start("path") + sum(len(p) + 1 for p in parts[:index])
            kind, codes = _kind(parts, index)
            codes = frozenset(codes)
            yield Mutation(
                kind, document.name, at, at + len(part), wrong, (0, len(wrong)), codes, part
            )


def _kind(parts: list[str], index: int) -> tuple[str, set[str]]:
    if parts[0] == "stages" and index == 1:
        return "misspelt stage in a reference", {"R205", "R301", "R404"}
    if parts[0] == "stages" and index == 2:
        return "misspelt output in a reference", {"R404"}
    return "misspelt name in a reference", {"R301", "R203", "R204"}


def unknown_resolver(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """``${oc.evn:HOME}``."""
    for document, node, match in _references(recipe):
        wrong = typo(rng, "env")
        start = node.span.start + match.start()
        text = f"${{oc.{wrong}:HOME}}"
        place = (2, 2 + len(f"oc.{wrong}"))
        codes = frozenset({"R303"})
        yield Mutation(
            "unknown resolver",
            document.name,
            start,
            start + len(match[0]),
            text,
            place,
            codes,
            "oc.env",
        )


def unclosed_reference(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """``${a.b`` without the brace."""
    for document, node, match in _references(recipe):
        if node.style == "plain" and match.end() == len(node.span.text) and _in_block(node):
            end = node.span.start + match.end()
            start = node.span.start + match.start()
            codes = frozenset({"R304"})
            place = (start - (end - 1), 0)
            yield Mutation("unclosed reference", document.name, end - 1, end, "", place, codes)


def missing_file(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """A config's path with a slip in the name of the file."""
    document = recipe.documents[0]
    for config in recipe.recipe.configs:
        if config.file is None or config.file.span.source.name != _source_name(document):
            continue
        folder, _, name = str(config.file.value).rpartition("/")
        stem, _, suffix = name.rpartition(".")
        wrong = f"{folder}/{typo(rng, stem)}.{suffix}"
        span = config.file.span
        codes = frozenset({"R701"})
        yield Mutation(
            "missing file",
            document.name,
            span.start,
            span.end,
            wrong,
            (0, len(wrong)),
            codes,
            str(config.file.value),
        )


def _source_name(document: Document) -> str:
    return document.source.name


def _references(recipe: GoodRecipe) -> Iterator[tuple[Document, Scalar, re.Match[str]]]:
    for document in recipe.documents:
        for _, node in scalars(document):
            for match in _REFERENCE.finditer(node.span.text):
                yield document, node, match


def _in_block(node: Scalar) -> bool:
    line = node.span.source.line_text(node.span.source.line_column(node.span.start)[0])
    return not set("{[") & set(line.split("${")[0])
