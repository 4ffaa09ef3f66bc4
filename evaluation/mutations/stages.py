"""Mistakes in the list of stages and in the names that it uses."""

import random
from collections.abc import Iterator

from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from evaluation.mutations.model import GoodRecipe, Mutation
from evaluation.mutations.typos import typo

Mutations = Iterator[Mutation]


def misspelt_stage(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """A stage kind misspelt, in the short form and after ``run:``."""
    for node in _items(recipe):
        kind = node if isinstance(node, Scalar) else node.get("run")
        if isinstance(kind, Scalar):
            yield _replace(
                recipe, "misspelt stage kind", kind, typo(rng, str(kind.value)), {"R401"}
            )


def misspelt_name(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """A config, model, stage or system that is not declared."""
    kinds = {"config": "R204", "model": "R203", "init_from": "R205"}
    for node in _items(recipe):
        for entry in node if isinstance(node, Mapping) else ():
            if entry.name in kinds and isinstance(entry.value, Scalar) and _is_name(entry.value):
                wrong = typo(rng, str(entry.value.value))
                codes = {kinds[entry.name], "R205", "R701"}
                yield _replace(recipe, f"misspelt {entry.name}", entry.value, wrong, codes)
    system = _entry(recipe, "system")
    if system and isinstance(system.value, Scalar):
        wrong = typo(rng, str(system.value.value))
        yield _replace(recipe, "misspelt system", system.value, wrong, {"R206"})


def _is_name(node: Scalar) -> bool:
    return all(part.isidentifier() for part in str(node.value).split("."))


def misspelt_extends(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """``extends:`` a config that is not declared."""
    document = recipe.documents[0]
    for config in recipe.recipe.configs:
        base = config.extends
        if base is not None and base.span.source.name == document.source.name:
            yield _replace(recipe, "misspelt extends", base, typo(rng, str(base.value)), {"R306"})


def unknown_need(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """``needs:`` a stage before it that is not declared."""
    right = str(recipe.recipe.stages[0].name.value)
    for node in _items(recipe)[1:]:
        if isinstance(node, Scalar):
            wrong = typo(rng, right)
            text = f"{{name: {node.value}, needs: [{wrong}]}}"
            at = text.index(wrong)
            yield Mutation(
                "misspelt needs",
                recipe.manifest,
                node.span.start,
                node.span.end,
                text,
                (at, at + len(wrong)),
                frozenset({"R205"}),
                right,
            )


def duplicate_stage(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A stage listed twice."""
    for node in _items(recipe):
        if isinstance(node, Scalar):
            column = node.span.source.line_column(node.span.start)[1]
            name = str(node.value)
            in_block = node.span.source.text[: node.span.start].endswith("- ")
            lead = "\n" + " " * (column - 3) + "- " if in_block else ", "
            place = (len(lead), len(lead) + len(name))
            end = node.span.end
            codes = frozenset({"R201"})
            yield Mutation("duplicate stage", recipe.manifest, end, end, lead + name, place, codes)


def wrong_order(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A consumer moved before its producer; the report may point at either use or stage."""
    nodes = [node for node in _items(recipe) if isinstance(node, Scalar)]
    for node in nodes:
        if node.value == "infer" and nodes[0].value == "create_dataset":
            train = next((n for n in nodes if n.value == "train"), None)
            if train is not None:
                text = _swap_text(train, node)
                codes = frozenset({"R402"})
                yield Mutation(
                    "wrong order",
                    recipe.manifest,
                    train.span.start,
                    node.span.end,
                    text,
                    (0, len("infer")),
                    codes,
                )


def bad_name(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """Names that cannot become identifiers or flags."""
    for node in _items(recipe):
        if isinstance(node, Scalar):
            for name in ("train-easy", "2nd", "class"):
                text = f"{{name: {name}, run: {node.value}}}"
                at = text.index(name)
                yield Mutation(
                    "invalid name",
                    recipe.manifest,
                    node.span.start,
                    node.span.end,
                    text,
                    (at, at + len(name)),
                    frozenset({"R202", "R606"}),
                )


def unknown_base_kind(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A stage with neither a known kind nor a function."""
    for node in _items(recipe):
        if isinstance(node, Scalar):
            text = f"{{name: {node.value}, call: nowhere}}"
            at = text.index("nowhere")
            yield Mutation(
                "unknown function",
                recipe.manifest,
                node.span.start,
                node.span.end,
                text,
                (at, at + len("nowhere")),
                frozenset({"R501", "R606"}),
            )


def _swap_text(first: Scalar, last: Scalar) -> str:
    between = first.span.source.text[first.span.end : last.span.start]
    return last.span.text + between + first.span.text


def _items(recipe: GoodRecipe) -> tuple[Node, ...]:
    entry = _entry(recipe, "stages")
    return entry.value.items if entry and isinstance(entry.value, Sequence) else ()


def _entry(recipe: GoodRecipe, key: str) -> Entry | None:
    return recipe.documents[0].root.entry(key)


def _replace(recipe: GoodRecipe, kind: str, node: Scalar, wrong: str, codes: set[str]) -> Mutation:
    return Mutation(
        kind,
        recipe.manifest,
        node.span.start,
        node.span.end,
        wrong,
        (0, len(wrong)),
        frozenset(codes),
        str(node.value),
    )
