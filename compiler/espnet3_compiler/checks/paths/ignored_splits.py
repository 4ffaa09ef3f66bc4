"""Arguments that tell the data sets of a recipe apart, and that their constructor never looks at.

Passes: ``def __init__(self, split): self.rows = read(f"{split}.tsv")``; an argument that all
entries give the same value, or beside another one in which they differ, too.
Fails: ``{split: train}`` and ``{split: valid}`` for ``self.rows = read("train.tsv")``: both are the
same data.
"""

import ast
from collections.abc import Iterator
from itertools import combinations

from espnet3_compiler.checks.data.bodies import FunctionBody, constructor_of, entries_of
from espnet3_compiler.checks.targets.datasets import DatasetEntry, is_available
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.signature.flow import (
    nodes_of,
)
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar

_LOOKING = ("locals", "vars", "eval", "exec")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R512, once for each constructor."""
    groups: dict[str, list[DatasetEntry]] = {}
    for stage in recipe.stages if recipe.complete else ():
        if stage_kind(stage) != "create_dataset":
            for data in filter(is_available, entries_of(stage, recipe, resolved)):
                groups.setdefault(data.module, []).append(data)
    yield from first_per_location(
        found for module, group in groups.items() for found in _check_group(module, group)
    )


def _check_group(module: str, group: list[DatasetEntry]) -> Iterator[Diagnostic]:
    settings = [found for data in group if (found := _settings(data)) is not None]
    placed = constructor_of(group[0].library, f"{module}.Dataset") if len(settings) > 1 else None
    ignored = _ignored_arguments(placed.body) if placed else frozenset()
    for one, other in combinations(settings, 2) if ignored else ():
        name = _only_difference(one, other)
        if placed and name in ignored:
            yield _finding(placed.body, name, one[name], other[name])


def _settings(data: DatasetEntry) -> dict[str, Scalar] | None:
    """Return the arguments of a data set; None where one of them is no plain value."""
    entries = mapping_entries(data.node.get("data_src_args"))
    plain = {one.name: one.value for one in entries if isinstance(one.value, Scalar)}
    return plain if len(plain) == len(entries) else None


def _only_difference(one: dict[str, Scalar], other: dict[str, Scalar]) -> str:
    """Return the argument that is all in which two data sets differ; empty where there is none."""
    if one.keys() != other.keys():
        return ""
    names = [name for name, given in one.items() if given.value != other[name].value]
    texts = [str(found[name].value) for name in names for found in (one, other)]
    return names[0] if len(names) == 1 and not any("${" in text for text in texts) else ""


def _ignored_arguments(body: FunctionBody) -> frozenset[str]:
    """Return the arguments that a constructor that does something never mentions."""
    given = [*body.node.args.posonlyargs, *body.node.args.args, *body.node.args.kwonlyargs]
    names = {item.id for item in nodes_of(body.node, ast.Name)}
    reads = any(nodes_of(part, ast.Call) for part in body.node.body)
    looks = not names.isdisjoint(_LOOKING)
    return frozenset(one.arg for one in given if reads and not looks) - names


def _finding(body: FunctionBody, name: str, one: Scalar, other: Scalar) -> Diagnostic:
    """Return R512 at a constructor.

    Args:
        body: The constructor.
        name: The argument.
        one: A value that it is given.
        other: Another one.
    """
    related = tuple(Label(use_location(given), "the same data") for given in (one, other))
    return Diagnostic(
        "R512",
        f'the data set never looks at "{name}": {one.value} and {other.value} are the same data',
        Label(body.span_of(body.node, f"def {body.node.name}"), f"{name} is not used"),
        related,
        (f"read what {name} names, for example the file of that name",),
    )
