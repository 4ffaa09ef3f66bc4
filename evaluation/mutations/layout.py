"""Mistakes of the layout: blocks at a wrong level, items without a dash, lists for mappings."""

import random
from collections.abc import Iterator
from itertools import pairwise

from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, Sequence
from evaluation.mutations.model import Document, GoodRecipe, Mutation, spots
from evaluation.mutations.schema import schema_at, types_of

Mutations = Iterator[Mutation]


def outdented(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """All lines of a block one level too high."""
    for document, entry in _blocks(recipe):
        first = entry.value.entries[0].key.span  # type: ignore[union-attr]
        start, end = _lines(document, entry)
        indent = document.source.line_column(first.start)[1] - 1
        lines = document.source.text[start:end].splitlines(keepends=True)
        text = "".join(line.removeprefix(" " * indent) for line in lines)
        place = (0, first.end - first.start)
        yield Mutation(
            "block not indented", document.name, start, end, text, place, frozenset({"R601"})
        )


def last_outdented(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """The last line of a block one level too high."""
    for document, entry in _blocks(recipe):
        block = entry.value
        last = block.entries[-1] if isinstance(block, Mapping) else None
        known = (schema_at(document.role, ()) or {}).get("properties", {})
        if last is None or len(block.entries) < 2 or last.name in known:
            continue
        start = document.source.text.rfind("\n", 0, last.key.span.start) + 1
        text = document.source.text[start : last.key.span.end].lstrip(" ")
        place = (0, last.key.span.end - last.key.span.start)
        codes = frozenset({"R601"})
        yield Mutation(
            "line not indented", document.name, start, last.key.span.end, text, place, codes
        )


def lost_dash(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A stage without its dash continues the stage before."""
    stages = recipe.documents[0].root.get("stages")
    items = stages.items if isinstance(stages, Sequence) else ()
    for before, item in pairwise(items):
        at = item.span.start
        text = item.span.source.text
        both = isinstance(item, Scalar) and isinstance(before, Scalar)
        if both and text[:at].endswith("- "):
            codes = frozenset({"R606", "R101"})
            place = (2, 2 + item.span.end - at)
            yield Mutation("lost dash", recipe.manifest, at - 2, at, "  ", place, codes)


def stray_colon(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A colon behind the name of a stage."""
    stages = recipe.documents[0].root.get("stages")
    for item in stages.items if isinstance(stages, Sequence) else ():
        if isinstance(item, Scalar) and item.span.source.text[: item.span.start].endswith("- "):
            start, end = item.span.start, item.span.end
            codes = frozenset({"R601", "R602", "R603"})
            place = (start - end, 0)
            yield Mutation("stray colon", recipe.manifest, end, end, ":", place, codes)


def list_for_mapping(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """Brackets around a mapping."""
    for document in recipe.documents:
        for spot in spots(document):
            value = spot.entry.value
            types = types_of(schema_at(document.role, spot.path))
            raw = value.span.text
            if (
                isinstance(value, Mapping)
                and raw.startswith("{")
                and types
                and "array" not in types
            ):
                start, end = value.span.start, value.span.end
                codes = frozenset({"R602"})
                place = (0, end - start + 2)
                yield Mutation(
                    "list for mapping", document.name, start, end, f"[{raw}]", place, codes, raw
                )


def bare_item(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """The brackets of a list of one item left out."""
    for document in recipe.documents:
        for spot in spots(document):
            value = spot.entry.value
            types = types_of(schema_at(document.role, spot.path))
            if not isinstance(value, Sequence) or len(value.items) != 1 or types != {"array"}:
                continue
            inner = value.items[0].span
            if value.span.text.startswith("[") and inner.source is value.span.source:
                start, end = value.span.start, value.span.end
                codes = frozenset({"R602"})
                place = (0, inner.end - inner.start)
                yield Mutation("item for list", document.name, start, end, inner.text, place, codes)


def _blocks(recipe: GoodRecipe) -> Iterator[tuple[Document, Entry]]:
    """Yield the block mappings at the top of the documents that have keys of their own."""
    for document in recipe.documents:
        for entry in document.root:
            schema = schema_at(document.role, (entry.name,)) or {}
            known = schema.get("properties", {})
            block = entry.value
            if not isinstance(block, Mapping) or block.span.text.startswith("{"):
                continue
            names = [inner.name for inner in block]
            top = (schema_at(document.role, ()) or {}).get("properties", {})
            if names and all(name in known and name not in top for name in names):
                yield document, entry


def _lines(document: Document, entry: Entry) -> tuple[int, int]:
    text = document.source.text
    start = text.rfind("\n", 0, entry.value.span.start) + 1
    return start, entry.value.span.end
