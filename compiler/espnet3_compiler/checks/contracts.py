"""Outputs that an inference config names in several places.

Passes: ``output_keys: [text]`` beside ``contract: {outputs: {text: {kind: text}}}``.
Fails: ``output_keys: [txt]`` or ``output_artifacts: {wave: {type: wav}}`` beside it: a result has
exactly the outputs that the contract declares.
"""

from collections.abc import Iterator

from espnet3_compiler.chain import related_labels, use_place
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.expression import is_open
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.lower import in_role
from espnet3_compiler.lower_report import did_you_mean
from espnet3_compiler.read_steps import is_legible
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence, descend


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R604."""
    for name, config in in_role(recipe, resolved, "inference"):
        if resolved.is_sure(name):
            yield from _outputs(config)


def _outputs(config: Mapping) -> Iterator[Diagnostic]:
    declared = descend(config, ("contract", "outputs"))
    names = _names(declared)
    keys = config.get("output_keys")
    chosen = _items(keys)
    if names and isinstance(declared, Mapping):
        for node in chosen:
            if node.value not in names:
                yield _unknown(str(node.value), node, names, "contract.outputs", declared.span)
    known = [str(node.value) for node in chosen] or names
    artifacts = config.get("output_artifacts")
    for entry in artifacts if known and isinstance(artifacts, Mapping) else ():
        if entry.name not in known:
            where = "output_keys" if chosen else "contract.outputs"
            spot = keys.span if chosen and keys else getattr(declared, "span", entry.key.span)
            yield _unknown(entry.name, entry.key, known, where, spot)


def _names(declared: Node | None) -> list[str]:
    if not isinstance(declared, Mapping) or not is_legible(declared):
        return []
    return [entry.name for entry in declared]


def _items(keys: Node | None) -> list[Scalar]:
    if not isinstance(keys, Sequence) or any(map(is_open, keys.items)):
        return []
    return [item for item in keys.items if isinstance(item, Scalar)]


def _unknown(name: str, node: Scalar, known: list[str], where: str, span: Span) -> Diagnostic:
    near = nearest(name, known)
    return Diagnostic(
        "R604",
        f'"{name}" is none of the outputs of {where}',
        Label(use_place(node), "no such output"),
        related=(Label(span, "the outputs"), *related_labels(node)),
        help=did_you_mean(near, f"choose from: {', '.join(known)}"),
    )
