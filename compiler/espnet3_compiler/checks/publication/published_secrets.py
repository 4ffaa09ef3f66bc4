"""Secrets in what is published: the configs and the model of a bundle, the settings of a demo.

Passes: ``api_key: ${oc.env:WANDB_API_KEY}``; ``pad_token: <pad>``.
Fails: ``api_key: 0123456789`` in the training config of a recipe with a stage ``pack_model``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Path, format_path, node_at, walk_scalars
from espnet3_schemas import TARGET
from espnet3_schemas.secret_names import is_secret

_LEFT_OUT = ("output_artifacts", "parallel", "dataset")
"""Keys of the inference config that a bundle does not keep as they are."""
_OF_DEMO = (("model",), ("ui", "inputs"), ("ui", "outputs"), ("ui", "title"), ("ui", "description"))
"""What ``demo.yaml`` takes from the demo config."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R435, once for each value."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("pack_model", recipe):
        for path, node in _parts_of_bundle(stage, resolved):
            found += _check_part(path, node, stage)
    for stage in stages_of_kind("pack_demo", recipe):
        demo = certain_config(stage, "demo", resolved)
        for path in _OF_DEMO if demo else ():
            shown = node_at(demo, path) if demo else None
            found += _check_part(path, shown, stage) if shown else ()
    yield from first_per_location(found)


def _parts_of_bundle(stage: StageDecl, resolved: Resolved) -> Iterator[tuple[Path, Node]]:
    """Yield what a bundle keeps of its configs and its model, each with its path there."""
    inference = certain_config(stage, "inference", resolved)
    if inference is None:
        return
    for entry in inference:
        if entry.name not in _LEFT_OUT:
            yield (entry.name,), entry.value
    preprocessor = node_at(inference, ("dataset", "preprocessor"))
    if isinstance(preprocessor, Mapping) and preprocessor.entry(TARGET) is None:
        preprocessor = preprocessor.get("test")
    if preprocessor:
        yield ("dataset", "preprocessor"), preprocessor
    model = resolved.models.get(str(stage.model.value)) if stage.model else None
    if model and not isinstance(inference.get("model"), Mapping):
        yield (), model
    if training := certain_config(stage, "training", resolved):
        yield (), training


def _check_part(path: Path, node: Node, stage: StageDecl) -> Iterator[Diagnostic]:
    for below, leaf in walk_scalars(node, path):
        if is_secret(format_path(below), leaf.value):
            yield value_finding(
                "R435",
                f'"{format_path(below)}" holds a secret, which would be published',
                leaf,
                "not for others",
                related=(Label(stage.name.span, "takes it along"),),
                advice=("write ${oc.env:NAME}, and set that variable where it is used",),
            )
