"""Outputs that an inference config names in several places.

Passes: ``output_keys: [text]`` beside ``contract: {outputs: {text: {kind: text}}}``.
Fails: ``output_keys: [txt]`` or ``output_artifacts: {wave: {type: wav}}`` beside it: a result has
exactly the outputs that the contract declares.
"""

from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at
from espnet3_compiler.syntax.unknown_name import did_you_mean


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R604."""
    for name, config in configs_in_role(recipe, resolved, "inference"):
        if resolved.is_certain(name):
            yield from _check_outputs(config)


def _check_outputs(config: Mapping) -> Iterator[Diagnostic]:
    declared = node_at(config, ("contract", "outputs"))
    names = _declared_outputs(declared)
    keys = config.get("output_keys")
    chosen = _chosen_outputs(keys)
    if names and isinstance(declared, Mapping):
        for node in chosen:
            if node.value not in names:
                yield _unknown_output(
                    str(node.value), node, names, "contract.outputs", declared.span
                )
    known = [str(node.value) for node in chosen] or names
    artifacts = config.get("output_artifacts")
    for entry in artifacts if known and isinstance(artifacts, Mapping) else ():
        if entry.name not in known:
            where = "output_keys" if chosen else "contract.outputs"
            spot = keys.span if chosen and keys else getattr(declared, "span", entry.key.span)
            yield _unknown_output(entry.name, entry.key, known, where, spot)


def _declared_outputs(declared: Node | None) -> list[str]:
    if not isinstance(declared, Mapping) or not has_certain_keys(declared):
        return []
    return [entry.name for entry in declared]


def _chosen_outputs(keys: Node | None) -> list[Scalar]:
    if not isinstance(keys, Sequence) or any(map(is_unresolved, keys.items)):
        return []
    return [item for item in keys.items if isinstance(item, Scalar)]


def _unknown_output(
    name: str, node: Scalar, known: list[str], where: str, span: Span
) -> Diagnostic:
    near = closest_match(name, known)
    return Diagnostic(
        "R604",
        f'"{name}" is none of the outputs of {where}',
        Label(use_location(node), "no such output"),
        related=(Label(span, "the outputs"), *provenance_labels(node)),
        help=did_you_mean(near, f"choose from: {', '.join(known)}"),
    )
