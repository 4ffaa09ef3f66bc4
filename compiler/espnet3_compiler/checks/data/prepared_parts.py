"""Parts of the data that an entry names and ``create_dataset`` does not make.

Passes: ``{split: test}`` beside ``create_dataset: {sizes: {train: 2400, valid: 120, test: 300}}``;
any name where the builder does not go through such a list, or says the name itself, or in a recipe
with ``call`` stages, which may make it.
Fails: ``{split: dev}`` beside the same, as ``build`` has ``for split in sizes``.
"""

import ast
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.datasets import DatasetEntry, dataset_entries
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.flow import FunctionNode, all_nodes
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names


class _PartList(Struct, frozen=True):
    """The parts that a builder makes: their names, where they are written, what it calls one."""

    names: tuple[str, ...]
    node: Node
    variable: str


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R439, once for each value."""
    stages = list(stages_of_kind("create_dataset", recipe))
    calls = any(stage.call for stage in recipe.stages)  # which may make parts of their own
    if not recipe.complete or len(stages) != 1 or calls:
        return
    training = certain_config(stages[0], "training", resolved)
    block = training.get("create_dataset") if training else None
    certain = all(map(resolved.is_certain, resolved.configs))
    configs = resolved.configs.values() if certain and isinstance(block, Mapping) else ()
    entries = [
        data for config in configs for data in dataset_entries(recipe.library, config, certain=True)
    ]
    lists: dict[FunctionNode, list[_PartList]] = {}
    yield from first_per_location(
        found
        for data in entries
        if isinstance(block, Mapping) and not _has_own_arguments(data)
        for found in _check_entry(data, block, lists)
    )


def _has_own_arguments(data: DatasetEntry) -> bool:
    own = data.node.get("builder_args")
    return own is not None and (not isinstance(own, Mapping) or bool(own.entries))


def _check_entry(
    data: DatasetEntry, block: Mapping, lists: dict[FunctionNode, list[_PartList]]
) -> Iterator[Diagnostic]:
    """Report an argument of a data set that is none of the parts which its builder makes.

    Args:
        data: The entry of the data set.
        block: What builders are given.
        lists: What was found of each builder so far.
    """
    build = method_body(data.library, f"{data.module}.DatasetBuilder", "build")
    arguments = data.node.get("data_src_args")
    if build is None or not isinstance(arguments, Mapping):
        return
    if build.node not in lists:
        lists[build.node] = list(_part_lists(build, block))
    for parts in lists[build.node]:
        value = as_text(arguments.get(parts.variable))
        if value and value.value not in parts.names and not _is_said(value, build):
            yield _finding(value, parts)


def _is_said(value: Scalar, build: FunctionBody) -> bool:
    """Return whether a name is computed, or stands in the builder's module itself."""
    text = build.file.text.text
    return "$" in str(value.value) or any(f"{q}{value.value}{q}" in text for q in "\"'")


def _part_lists(build: FunctionBody, block: Mapping) -> Iterator[_PartList]:
    """Yield the arguments of a builder through which it goes name by name."""
    for item in all_nodes(build.node):
        if isinstance(item, ast.For | ast.comprehension):
            target, source = _without_numbers(item.target, item.iter)
            node = block.get(_argument_name(source))
            names = _names(node)
            first = target.elts[0] if isinstance(target, ast.Tuple) else target
            if node is not None and names and isinstance(first, ast.Name):
                yield _PartList(names, node, first.id)


def _without_numbers(target: ast.expr, source: ast.expr) -> tuple[ast.expr, ast.expr]:
    """Return the names and the iterable of a loop, without the numbers of ``enumerate``."""
    match target, source:
        case ast.Tuple(elts=[_, inner]), ast.Call(func=ast.Name(id="enumerate"), args=[given, *_]):
            return inner, given
    return target, source


def _argument_name(source: ast.expr) -> str:
    """Return the name of the mapping or list that a loop goes through."""
    match source:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="items" | "keys"), args=[]):
            return name
    return ""


def _names(node: Node | None) -> tuple[str, ...]:
    if isinstance(node, Mapping):
        return tuple(entry.name for entry in node)
    items = node.items if isinstance(node, Sequence) else ()
    texts = [item.value for item in items if isinstance(item, Scalar)]
    known = tuple(text for text in texts if isinstance(text, str) and "$" not in text)
    return known if len(known) == len(items) else ()


def _finding(value: Scalar, parts: _PartList) -> Diagnostic:
    near = closest_match(str(value.value), parts.names)
    near = near or (parts.names[0] if len(parts.names) == 1 else None)
    return value_finding(
        "R439",
        f'create_dataset does not make the {parts.variable} "{value.value}"',
        value,
        f"not in ({format_names(parts.names)})",
        related=(Label(use_location(parts.node), "what it makes"),),
        advice=(*did_you_mean(near), f"add {value.value} there, or write one of its names"),
    )
