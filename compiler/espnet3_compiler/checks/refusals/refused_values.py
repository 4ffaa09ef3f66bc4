"""Values that a class refuses by itself, by a condition that its arguments decide.

Passes: ``heads: 4`` where ``__init__`` has ``if size % heads: raise ValueError(…)``.
Fails: ``heads: 6`` there, for ``size: 256``; ``kernel_size: 32`` below ``assert kernel_size % 2``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.refusals.refusals import ConstructorArguments, Refusal, first_refusal
from espnet3_compiler.checks.targets.nodes import (
    TargetNode,
    distinct_targets,
    find_targets,
    flag_value,
    keyword_arguments,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, children, to_python
from espnet3_schemas import TARGET

_JUDGED = ("torch.optim.",)
"""Packages whose numbers other checks and the preflight judge."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R523."""
    yield from first_per_location(
        found
        for target in distinct_targets(find_targets(recipe, resolved))
        if target.judged and not target.is_task
        for found in _check_target(recipe.library, target)
    )


def _check_target(library: Library, target: TargetNode) -> Iterator[Diagnostic]:
    path = as_text(target.node.get(TARGET))
    partial = flag_value(target.node, "_partial_") is True
    if path is None or is_unresolved(path) or partial or target.node.entry("_args_"):
        return
    given = {entry.name: entry.value for entry in keyword_arguments(target.node)}
    arguments = ConstructorArguments(
        frozenset((*given, *target.slot.supplied, *target.slot.offered)),
        {name: to_python(node) for name, node in given.items() if is_plain(node)},
        {name: frozenset((name,)) for name in given},
    )
    name = str(path.value)
    refusal = first_refusal(library, name, arguments, anywhere=not name.startswith(_JUDGED))
    if refusal is not None:
        yield from refusal_finding(path, target.node, refusal)


def is_plain(node: Node) -> bool:
    """Return whether a value reaches the constructor as it is written."""
    if isinstance(node, Scalar):
        return not is_unresolved(node)
    if isinstance(node, Mapping) and any(entry.name.startswith("_") for entry in node):
        return False
    return all(is_plain(child) for _, child in children(node))


def refusal_finding(path: Scalar, node: Mapping, refusal: Refusal) -> Iterator[Diagnostic]:
    """Yield R523 at the last argument that decides it and is written.

    Args:
        path: The class.
        node: Its target.
        refusal: The exception that it raises.
    """
    given = [one for one in node if one.name in refusal.arguments and is_written(one.value)]
    if refusal.condition is None or not given:
        return
    condition = ast.unparse(refusal.condition)
    yield value_finding(
        "R523",
        f"{path.value} refuses {given[-1].name}: {refusal.message or condition}",
        given[-1].value,
        "raises an exception",
        related=tuple(Label(entry.value.span, "and this") for entry in given[:-1]),
        advice=(f"write other values: its constructor raises where {condition}",),
        notes=(f"raised at {refusal.place}",),
    )
