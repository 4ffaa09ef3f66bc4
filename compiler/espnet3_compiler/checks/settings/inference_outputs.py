"""Outputs that an inference config names under several keys.

Passes: ``output_keys: [text]`` beside ``contract: {outputs: {text: {kind: text}}}``.
Fails: ``output_keys: [txt]`` or ``output_artifacts: {wave: {type: wav}}`` beside it: a result has
exactly the outputs that the contract declares; a config without ``runner`` and ``model``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import config_roles, configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import bound_config, may_have_model
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at

_NO_RUNNER = (
    "write runner: {_target_: …}, a callable (model, **batch) that gives one mapping of outputs "
    "for each item"
)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R604 for outputs, R418 for a config that does not say how the model is run."""
    yield from first_per_location(_check_runners(recipe, resolved))
    for name, config in configs_in_role(recipe, resolved, "inference"):
        if resolved.is_certain(name):
            yield from _check_outputs(config)


def _check_runners(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    roles = config_roles(recipe)
    for stage in stages_of_kind("infer", recipe):
        config = bound_config(stage, "inference", resolved)
        if config is None or may_have_model(stage, resolved):
            continue
        binding = next(one for one in stage.configs if one.role == "inference")
        if roles.get(binding.config) != "inference":
            continue
        node = config.get("runner")
        if node is not None and not (isinstance(node, Scalar) and node.value is None):
            continue
        written = node is not None and is_written(node)
        yield Diagnostic(
            "R418",
            f'config "{binding.config}" does not say how stage "{stage.name.value}" runs the model',
            Label(use_location(node) if node and written else stage.name.span, "no runner"),
            help=(_NO_RUNNER,),
        )


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
