"""Outputs that an inference config names under several keys.

Passes: ``output_keys: [text]`` beside ``contract: {outputs: {text: {kind: text}}}``.
Fails: ``output_keys: [txt]`` or ``output_artifacts: {wave: {type: wav}}`` beside it: a result has
exactly the outputs that the contract declares.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R604."""
    for name, config in configs_in_role(recipe, resolved, "inference"):
        if resolved.is_certain(name):
            yield from _check_outputs(config)


def _check_outputs(config: Mapping) -> Iterator[Diagnostic]:
    """Compare ``output_keys`` with the contract, ``output_artifacts`` with either."""
    contract, keys = node_at(config, ("contract", "outputs")), config.get("output_keys")
    declared: list[str] = []
    if isinstance(contract, Mapping) and has_certain_keys(contract):
        declared = [entry.name for entry in contract]
    chosen: list[Scalar] = []
    if isinstance(keys, Sequence) and not any(map(is_unresolved, keys.items)):
        chosen = [item for item in keys.items if isinstance(item, Scalar)]
    for node in chosen if declared and contract else ():
        if node.value not in declared and contract:
            yield _unknown_output(node, declared, "contract.outputs", contract)
    known = [str(node.value) for node in chosen] or declared
    outputs, key = (keys, "output_keys") if chosen else (contract, "contract.outputs")
    artifacts = config.get("output_artifacts")
    for entry in artifacts if known and isinstance(artifacts, Mapping) else ():
        if entry.name not in known and outputs:
            yield _unknown_output(entry.key, known, key, outputs)


def _unknown_output(name: Scalar, known: list[str], key: str, outputs: Node) -> Diagnostic:
    return unknown_value(
        "R604",
        f'"{name.value}" is none of the outputs of {key}',
        name,
        known,
        label="no such output",
        related=(Label(outputs.span, "the outputs"),),
        hints=(f"choose from: {', '.join(known)}",),
    )
