"""Arguments that tell the data sets of a recipe apart, and that their constructor never looks at.

Passes: ``def __init__(self, split): self.rows = read(f"{split}.tsv")``; an argument that all
entries give the same value.
Fails: ``{split: train}`` and ``{split: valid}`` for ``self.rows = read("train.tsv")``: both are the
same data.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, constructor_of, entries_of
from espnet3_compiler.checks.targets.datasets import DatasetEntry, is_available
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.manifest.values import mapping_entries
from espnet3_compiler.signature.flow import all_nodes
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
    values: dict[str, dict[object, Scalar]] = {}
    for data in group:
        for entry in mapping_entries(data.node.get("data_src_args")):
            if isinstance(entry.value, Scalar) and "${" not in str(entry.value.value):
                values.setdefault(entry.name, {}).setdefault(entry.value.value, entry.value)
    differing = {name: list(found.values()) for name, found in values.items() if len(found) > 1}
    placed = constructor_of(group[0].library, f"{module}.Dataset") if differing else None
    for name, found in differing.items():
        if placed and _is_ignored(placed.body, name):
            yield _finding(placed.body, name, found)


def _is_ignored(body: FunctionBody, name: str) -> bool:
    """Return whether a constructor that does something never mentions one of its arguments."""
    given = [*body.node.args.posonlyargs, *body.node.args.args, *body.node.args.kwonlyargs]
    names = [item.id for item in all_nodes(body.node) if isinstance(item, ast.Name)]
    reads = any(isinstance(item, ast.Call) for part in body.node.body for item in all_nodes(part))
    known = name in [one.arg for one in given]
    return known and reads and name not in names and not set(_LOOKING) & set(names)


def _finding(body: FunctionBody, name: str, found: list[Scalar]) -> Diagnostic:
    """Return R512 at a constructor.

    Args:
        body: The constructor.
        name: The argument.
        found: Two values that it is given, or more.
    """
    first, second, *_ = (one.value for one in found)
    related = tuple(Label(use_location(one), "the same data") for one in found[:2])
    return Diagnostic(
        "R512",
        f'the data set never looks at "{name}": {first} and {second} are the same data',
        Label(body.span_of(body.node, f"def {body.node.name}"), f"{name} is not used"),
        related,
        (f"read what {name} names, for example the file of that name",),
    )
