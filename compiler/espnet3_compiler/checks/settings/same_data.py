"""Data sets and metrics under different names that are the same thing: a line that was copied.

Passes: ``{name: clean, data_src_args: {part: clean}}`` beside ``{name: other, data_src_args:
{part: other}}``; two sets that name no arguments; validation on a ``transform`` of its own.
Fails: the second with ``{part: clean}``; the metrics ``wer`` and ``cer`` that are both ``WER``;
validation on ``{split: train}``, as training.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import (
    Mapping,
    Node,
    Path,
    Plain,
    Scalar,
    Sequence,
    node_at,
    to_python,
    walk_scalars,
)
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R812."""
    found = [
        finding
        for role in ("inference", "metrics")
        for name, config in configs_in_role(recipe, resolved, role)
        if resolved.is_certain(name)
        for finding in (*_check_sets(config), *_check_metrics(config))
    ]
    for name, config in configs_in_role(recipe, resolved, "training"):
        found += _check_validation(config) if resolved.is_certain(name) else ()
    yield from first_per_location(found)


def _check_validation(config: Mapping) -> Iterator[Diagnostic]:
    """Report validation on exactly what is trained on."""
    train, valid = (node_at(config, ("dataset", name)) for name in ("train", "valid"))
    if not isinstance(train, Sequence) or not isinstance(valid, Sequence):
        return
    given = [leaf for item in valid.items for _, leaf in _argument_leaves(item)]
    if given and to_python(train) == to_python(valid):
        meant = [leaf for leaf in given if leaf.value == "train"]
        node = (meant or given)[-1]
        yield value_finding(
            "R812",
            "validation reads the same data as training",
            node,
            "the same again",
            related=(Label(use_location(train.items[0]), "trained on"),),
            advice=('did you mean "valid"?' if meant else "name other data, or leave valid out",),
        )


def _argument_leaves(item: Node) -> list[tuple[Path, Scalar]]:
    arguments = item.get("data_src_args") if isinstance(item, Mapping) else None
    return walk_scalars(arguments) if arguments is not None else []


def _check_sets(config: Mapping) -> Iterator[Diagnostic]:
    sets = _named_items(config, ("dataset", "test"))
    given = [one for one in sets if _is_filled(one.get("data_src_args"))]
    for first, second in _repeated(given):
        yield _same_data(first, second)


def _check_metrics(config: Mapping) -> Iterator[Diagnostic]:
    for first, second in _repeated(_named_items(config, ("metrics",))):
        names = [item.get("name") for item in (first, second)]
        target = node_at(second, ("metric", TARGET))
        if isinstance(target, Scalar):
            yield value_finding(
                "R812",
                f'the metrics "{text_of(names[0])}" and "{text_of(names[1])}" compute the same',
                target,
                "the same class, arguments and inputs",
                related=(Label(use_location(first.entries[0].key), "already here"),),
                advice=(f"write what {text_of(names[1])} is computed with, or remove one of them",),
            )


def _named_items(config: Mapping, path: tuple[str, ...]) -> list[Mapping]:
    found = node_at(config, path)
    items = found.items if isinstance(found, Sequence) else ()
    return [one for one in items if isinstance(one, Mapping) and text_of(one.get("name"))]


def _is_filled(node: object) -> bool:
    return isinstance(node, Mapping) and bool(node.entries)


def _repeated(items: list[Mapping]) -> Iterator[tuple[Mapping, Mapping]]:
    """Yield items that differ from an earlier one in their name alone, each after that one."""
    known: list[tuple[Plain, Mapping]] = []
    for item in items:
        plain = {entry.name: to_python(entry.value) for entry in item if entry.name != "name"}
        first = next((other for content, other in known if content == plain), None)
        if first is None:
            known.append((plain, item))
        elif text_of(first.get("name")) != text_of(item.get("name")):
            yield first, item


def _same_data(first: Mapping, second: Mapping) -> Diagnostic:
    """Return R812 at the argument that is the name of the other set, else at the last one."""
    names = text_of(first.get("name")), text_of(second.get("name"))
    for item, own, other in ((second, names[1], names[0]), (first, *names)):
        for path, leaf in walk_scalars(item.get("data_src_args") or item):
            if leaf.value == other:
                meant = f"{path[-1]}: {own}"
                return _finding(names, leaf, first, f'did you mean "{meant}"?')
    leaves = [leaf for _, leaf in walk_scalars(second.get("data_src_args") or second)]
    node = leaves[-1] if leaves else second.entries[-1].key
    return _finding(names, node, first, "write what sets them apart, or remove one of them")


def _finding(names: tuple[str, str], node: Scalar, first: Mapping, advice: str) -> Diagnostic:
    start = first.get("name")
    assert start is not None
    return value_finding(
        "R812",
        f'the test sets "{names[0]}" and "{names[1]}" read the same data',
        node,
        "the same again",
        related=(Label(use_location(start), "the same data"),),
        advice=(advice,),
    )
