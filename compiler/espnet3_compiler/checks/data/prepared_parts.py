"""Parts of the data that an entry names and ``create_dataset`` is not told to make.

Passes: ``{split: test}`` beside ``create_dataset: {sizes: {train: 2400, valid: 120, test: 300}}``;
any name of another ``data_src``, or where the block lists none that the other entries use.
Fails: ``{split: dev}`` beside the same; ``{part: test-other}`` where ``parts`` no longer has it.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.datasets import DatasetEntry, dataset_entries
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_LEAST = 2
"""So many entries must use names of a list before it is taken for the list of parts."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R436, once for each value."""
    if not recipe.complete or not all(map(resolved.is_certain, resolved.configs)):
        return
    sources: dict[tuple[str, str], list[DatasetEntry]] = {}
    for config in resolved.configs.values():
        for data in dataset_entries(recipe.library, config, certain=True):
            sources.setdefault((str(data.library.path.folder), data.module), []).append(data)
    stages = list(stages_of_kind("create_dataset", recipe))
    found: list[Diagnostic] = []
    for stage in stages if len(stages) == 1 else ():
        training = certain_config(stage, "training", resolved)
        block = training.get("create_dataset") if training else None
        for node in _lists(block):
            for entries in sources.values():
                found += _check_list(node, entries)
    yield from first_per_location(found)


def _lists(block: Node | None) -> Iterator[Node]:
    """Yield the lists and mappings among the arguments of a builder."""
    for entry in block if isinstance(block, Mapping) else ():
        if isinstance(entry.value, Mapping | Sequence):
            yield entry.value


def _check_list(node: Node, entries: list[DatasetEntry]) -> Iterator[Diagnostic]:
    names = _names(node)
    keys = {key for data in entries for key, _ in _arguments(data)}
    for key in sorted(keys) if len(names) >= _LEAST else ():
        values = [value for data in entries for name, value in _arguments(data) if name == key]
        known = {text_of(value) for value in values} & set(names)
        if len(known) >= _LEAST:
            for value in values:
                if text_of(value) not in names:
                    yield _finding(key, value, node, names, known)


def _names(node: Node) -> list[str]:
    if isinstance(node, Mapping):
        return [entry.name for entry in node]
    return [text_of(item) for item in node.items] if isinstance(node, Sequence) else []


def _arguments(data: DatasetEntry) -> Iterator[tuple[str, Scalar]]:
    """Yield the arguments of an entry that are plain texts."""
    block = data.node.get("data_src_args")
    for entry in block if isinstance(block, Mapping) else ():
        if (
            isinstance(entry.value, Scalar)
            and text_of(entry.value)
            and "$" not in text_of(entry.value)
        ):
            yield entry.name, entry.value


def _finding(key: str, value: Scalar, node: Node, names: list[str], known: set[str]) -> Diagnostic:
    """Return the finding about a value.

    Args:
        key: The argument.
        value: Its value.
        node: The list or mapping of the parts.
        names: The parts.
        known: Those of them that other entries use.
    """
    unused = [name for name in names if name not in known]
    near = closest_match(text_of(value), names) or (unused[0] if len(unused) == 1 else None)
    return value_finding(
        "R436",
        f'create_dataset is not told to make the {key} "{value.value}"',
        value,
        f"not in ({format_names(names)})",
        related=(Label(use_location(node), "what it makes"),),
        advice=did_you_mean(near, f"add {value.value} there"),
    )
