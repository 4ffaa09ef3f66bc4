"""Values of the right type in the wrong place: monitors, directions, metrics, quotes, files."""

import random
from collections.abc import Iterator
from itertools import pairwise

from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from evaluation.mutations.model import Document, GoodRecipe, Mutation, scalars
from evaluation.mutations.schema import schema_at, types_of
from evaluation.mutations.typos import typo

Mutations = Iterator[Mutation]


def quoted_number(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """A number in quotes."""
    for document in recipe.documents:
        for path, node in scalars(document):
            types = types_of(schema_at(document.role, path))
            number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
            if number and types & {"integer", "number"} and "string" not in types:
                text = f'"{node.span.text}"'
                yield _replace("number in quotes", document, node, text, {"R602"}, node.span.text)


def wrong_monitor(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """A monitor misspelt, or called as elsewhere."""
    for document, criterion in _criteria(recipe):
        node = criterion.items[0]
        if isinstance(node, Scalar) and node.value == "valid/loss":
            for wrong in ("val_loss", f"valid/{typo(rng, 'loss')}", "valid_loss"):
                yield _replace("wrong monitor", document, node, wrong, {"R412"}, "valid/loss")


def wrong_direction(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """``max`` for a loss, ``min`` for an accuracy; other names say no direction."""
    for document, criterion in _criteria(recipe):
        monitor, mode = criterion.items[0], criterion.items[-1]
        known = isinstance(monitor, Scalar) and str(monitor.value).endswith(("loss", "acc"))
        if known and isinstance(mode, Scalar):
            other = {"min": "max", "max": "min"}[str(mode.value)]
            right = str(mode.value)
            yield _replace("wrong direction", document, mode, other, {"R808"}, right)


def swapped_items(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """Number and direction of a criterion exchanged."""
    for document, criterion in _criteria(recipe):
        raw = [item.span.text for item in criterion.items]
        text = f"[{raw[0]}, {raw[2]}, {raw[1]}]"
        yield _replace(
            "items in wrong order", document, criterion, text, {"R602"}, criterion.span.text
        )


def missing_brackets(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """One criterion without the brackets of the list."""
    for document in recipe.documents:
        node = document.root.get("best_model_criterion")
        if isinstance(node, Sequence) and len(node.items) == 1 and node.span.text.startswith("["):
            text = node.items[0].span.text
            yield _replace("brackets left out", document, node, text, {"R602"}, node.span.text)


def unknown_metric_input(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """A metric that reads what inference does not write, or another word for dataset:."""
    for document, item in _metrics(recipe):
        inputs = item.get("inputs")
        for entry in inputs if isinstance(inputs, Mapping) else ():
            node = entry.value
            if isinstance(node, Scalar) and ":" not in str(node.value):
                right = str(node.value)
                yield _replace(
                    "unknown metric input", document, node, typo(rng, right), {"R410"}, right
                )


def repeated_metric(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """Two metrics of one name in a config; the report belongs on the second."""
    for (document, first), (other, second) in pairwise(_metrics(recipe)):
        name, again = first.get("name"), second.get("name")
        if document is other and isinstance(name, Scalar) and isinstance(again, Scalar):
            yield _replace("metric name twice", document, again, str(name.value), {"R201"})


def later_start(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """``init_from`` the stage itself, or one that does not train."""
    for stage in recipe.recipe.stages:
        start = stage.init_from
        if start is not None and start.span.source is recipe.documents[0].source:
            other = str(recipe.recipe.stages[0].name.value)
            document = recipe.documents[0]
            yield _replace("init_from of no training", document, start, other, {"R404"})
            name = str(stage.name.value)
            yield _replace("init_from itself", document, start, name, {"R403"})


def file_of_other_role(recipe: GoodRecipe, _: random.Random) -> Mutations:
    """The file of another config."""
    files = {str(c.name.value): c.file for c in recipe.recipe.configs if c.file is not None}
    for name, file in files.items():
        other = {"inference": "metrics", "metrics": "inference"}.get(name)
        if other in files:
            text, right = str(files[other].value), str(file.value)
            document = recipe.documents[0]
            yield _replace("file of another role", document, file, text, {"R406"}, right)


def flag_value(recipe: GoodRecipe, rng: random.Random) -> Mutations:
    """Unknown values of ``_convert_`` and its like, beside a ``_target_`` in a block."""
    for document in recipe.documents:
        for path, node in scalars(document):
            if path[-1] != "_target_" or not isinstance(node_at(document.root, path[:-1]), Mapping):
                continue
            line = document.source.line_text(document.source.line_column(node.span.start)[0])
            if line.lstrip().startswith("_target_:"):
                indent = " " * (len(line) - len(line.lstrip()))
                for flag, wrong in (("_convert_", typo(rng, "partial")), ("_recursive_", "no")):
                    text = f"\n{indent}{flag}: {wrong}"
                    place = (len(text) - len(wrong), len(text))
                    codes = frozenset({"R602", "R604"})
                    end = node.span.end
                    kind = "value of a Hydra flag"
                    yield Mutation(kind, document.name, end, end, text, place, codes)


def _criteria(recipe: GoodRecipe) -> Iterator[tuple[Document, Sequence]]:
    for document in recipe.documents:
        node = document.root.get("best_model_criterion")
        for item in node.items if isinstance(node, Sequence) else ():
            if isinstance(item, Sequence) and len(item.items) == len("abc"):
                yield document, item


def _metrics(recipe: GoodRecipe) -> Iterator[tuple[Document, Mapping]]:
    for document in recipe.documents:
        node = document.root.get("metrics") if document.role == "metrics" else None
        for item in node.items if isinstance(node, Sequence) else ():
            if isinstance(item, Mapping):
                yield document, item


def _replace(
    kind: str,
    document: Document,
    node: Node,
    text: str,
    codes: set[str],
    right: str | None = None,
) -> Mutation:
    start, end = node.span.start, node.span.end
    place = (0, len(text))
    return Mutation(kind, document.name, start, end, text, place, frozenset(codes), right)
