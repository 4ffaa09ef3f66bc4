"""Outputs that an inference config names under several keys.

Passes: ``output_keys: [text]`` beside ``contract: {outputs: {text: {kind: text}}}``.
Fails: ``output_keys: [txt]`` or ``output_artifacts: {wave: {type: wav}}`` beside it, or
``output_keys: [text]`` where the contract declares a ``score`` too: a result has exactly the
outputs that the contract declares; an output called ``dataset``; audio without a sample rate; a
config without ``runner`` and ``model``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import config_roles, configs_in_role
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_texts, mapping_entries
from espnet3_compiler.stage_graph.lightning_models import lacks_method, lightning_model
from espnet3_compiler.stage_graph.stage_inputs import bound_config, certain_config, may_have_model
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, is_null, node_at

_NO_RUNNER = (
    "write runner: {_target_: …}, a callable (model, **batch) that gives one mapping of outputs "
    "for each item"
)

_NO_STEP = (
    "write def predict_step(self, batch, batch_idx) in the module, which gives a mapping of "
    "outputs, or runner: {_target_: …}"
)

_TAKEN = "dataset"
"""The folder beside the outputs of a test set in which the columns of its data are."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R202, R603 and R604 for outputs, R418 where nothing says how the model is run."""
    yield from first_per_location(_check_runners(recipe, resolved))
    for name, config in configs_in_role(recipe, resolved, "inference"):
        if resolved.is_certain(name):
            yield from _check_outputs(config)
    for stage in stages_of_kind("infer", recipe):
        if inference := certain_config(stage, "inference", resolved):
            yield from first_per_location(
                [
                    *_check_left_out(inference),
                    *_check_names(inference),
                    *(no_rate(entry, key) for entry, key in audio_without_rate(inference)),
                ]
            )


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
        _, module = lightning_model(stage, recipe, resolved)
        predicts = module and not lacks_method(recipe.library, module, "predict_step")
        if not is_null(node) or predicts:
            continue
        written = node is not None and is_written(node)
        yield Diagnostic(
            "R418",
            f'config "{binding.config}" does not say how stage "{stage.name.value}" runs the model',
            Label(use_location(node) if node and written else stage.name.span, "no runner"),
            help=(_NO_STEP if module else _NO_RUNNER,),
        )


def _check_outputs(config: Mapping) -> Iterator[Diagnostic]:
    """Compare ``output_keys`` with the contract, ``output_artifacts`` with both."""
    contract, keys = node_at(config, ("contract", "outputs")), config.get("output_keys")
    declared: list[str] = []
    if isinstance(contract, Mapping) and has_certain_keys(contract):
        declared = [entry.name for entry in contract]
    chosen: list[Scalar] = []
    if isinstance(keys, Sequence) and not any(map(is_unresolved, keys.items)):
        chosen = [item for item in keys.items if isinstance(item, Scalar)]
    unknown = [node for node in chosen if declared and node.value not in declared]
    for node in unknown:
        if contract:
            yield _unknown_output(node, declared, "contract.outputs", contract)
    known = [str(node.value) for node in chosen] or declared
    outputs, key = (keys, "output_keys") if chosen else (contract, "contract.outputs")
    artifacts = config.get("output_artifacts")
    for entry in artifacts if known and isinstance(artifacts, Mapping) else ():
        if entry.name not in (*known, *declared) and outputs:
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


def _check_left_out(config: Mapping) -> Iterator[Diagnostic]:
    """Report an output that the contract requires of every result, and that none will have."""
    contract, keys = node_at(config, ("contract", "outputs")), config.get("output_keys")
    if not isinstance(contract, Mapping) or not isinstance(keys, Sequence):
        return
    chosen = [node.value for node in keys.items if isinstance(node, Scalar)]
    misspelt = set(map(str, chosen)) - {entry.name for entry in contract}
    for entry in contract:
        if entry.name not in chosen and not misspelt:
            yield value_finding(
                "R604",
                f'the contract declares the output "{entry.name}", and output_keys leaves it out',
                entry.key,
                "no result will have it",
                related=(Label(keys.span, "only these are kept"),),
                advice=(f'add "{entry.name}" to output_keys, or remove it from the contract',),
            )


def has_no_rate(field: Node | None) -> bool:
    """Return whether a field or a file certainly has no sample rate."""
    rate = node_at(field, ("sample_rate",)) if field else None
    return is_null(rate)


def is_wav(artifact: Entry) -> bool:
    """Return whether an artifact is declared to be a wav file."""
    kind = node_at(artifact.value, ("type",))
    return isinstance(kind, Scalar) and kind.value == "wav"


def audio_without_rate(config: Mapping) -> Iterator[tuple[Entry, str]]:
    """Yield audio that ``infer`` writes without knowing its rate, and the key that says so."""
    artifacts = mapping_entries(config.get("output_artifacts"))
    contract = node_at(config, ("contract", "outputs"))
    for entry in artifacts:
        field = node_at(contract, (entry.name,)) if contract else None
        if is_wav(entry) and has_no_rate(entry.value) and has_no_rate(field):
            yield entry, "type"
    others = {entry.name for entry in artifacts}
    kept = {str(node.value) for node in as_texts(config.get("output_keys"))}
    for entry in mapping_entries(contract):
        kind = node_at(entry.value, ("kind",))
        written = entry.name not in others and (not kept or entry.name in kept)
        audio = isinstance(kind, Scalar) and kind.value == "audio"
        if written and audio and has_no_rate(entry.value):
            yield entry, "kind"


def no_rate(entry: Entry, key: str) -> Diagnostic:
    """Return R603 for audio whose rate is not known, at one of its keys."""
    node = node_at(entry.value, (key,)) or entry.key
    return value_finding(
        "R603",
        f'the sample rate of "{entry.name}" is not known, and it is written as a wav file',
        node,
        "no sample_rate",
        advice=(f"write sample_rate: and its number of Hz beside {key}: {node.span.text}",),
    )


def _check_names(config: Mapping) -> Iterator[Diagnostic]:
    """Report names of outputs that cannot be those of files and columns."""
    keys, contract = config.get("output_keys"), node_at(config, ("contract", "outputs"))
    listed = keys.items if isinstance(keys, Sequence) else ()
    declared = tuple(entry.key for entry in contract) if isinstance(contract, Mapping) else ()
    nodes = [node for node in (*listed, *declared) if isinstance(node, Scalar)]
    for node in {str(node.value): node for node in reversed(nodes)}.values():
        name = str(node.value)
        if not is_unresolved(node) and (not name.isidentifier() or name == _TAKEN):
            yield value_finding(
                "R202",
                f'an output cannot be called "{name}"',
                node,
                "columns of the data are kept there" if name == _TAKEN else "no identifier",
                advice=('write letters, digits and _, for example "text"',),
            )
