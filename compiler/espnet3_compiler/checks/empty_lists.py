"""Lists that a stage cannot do without: data sets, metrics, and the validation that is watched.

Passes: ``inference: {dataset: {test: [{name: test}]}}`` with a stage infer.
Fails: ``dataset: {test: []}`` with infer; ``metrics: []``; early stopping by ``valid/loss``
without a validation set (``best_model_criterion`` goes by the training set then).
"""

from collections.abc import Iterator

from espnet3_compiler.checks.monitors import training_monitors
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, node_at

_REQUIRED_LISTS = {
    "train": ("training", ("dataset", "train"), "a training set"),
    "infer": ("inference", ("dataset", "test"), "a test set"),
    "measure": ("metrics", ("metrics",), "a metric"),
}
"""By stage kind: the role, the list in its config, and what an item of it is."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R605 for what is missing, R412 for a monitor of a validation that never happens."""
    yield from first_per_location(_check_stages(recipe, resolved))


def _check_stages(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    roles = config_roles(recipe)
    for stage in recipe.stages:
        kind = stage_kind(stage) or ""
        if kind not in _REQUIRED_LISTS or is_custom_kind(stage, recipe):
            continue
        role, path, what = _REQUIRED_LISTS[kind]
        name = next((one.config for one in stage.configs if one.role == role), "")
        config = resolved.configs.get(name)
        if config is None or not resolved.is_certain(name) or roles[name] != role:
            continue
        yield from _check_required_list(config, path, what, stage)
        if kind == "train":
            yield from _check_validation(config)


def _check_required_list(
    config: Mapping, path: tuple[str, ...], what: str, stage: StageDecl
) -> Iterator[Diagnostic]:
    node = node_at(config, path)
    if node is None or not _is_empty(node):
        return
    name, key = stage.name.value, ".".join(path)
    yield Diagnostic(
        "R605",
        f'the stage "{name}" needs {what}, and "{key}" is empty',
        Label(use_location(node) if is_written(node) else stage.name.span, "nothing to work on"),
        related=provenance_labels(node) if is_written(node) else (),
        help=(f"list at least one under {key}",),
    )


def _check_validation(config: Mapping) -> Iterator[Diagnostic]:
    limit = node_at(config, ("trainer", "limit_val_batches"))
    never = isinstance(limit, Scalar) and limit.value == 0 and not isinstance(limit.value, bool)
    if not never and not _is_empty(node_at(config, ("dataset", "valid"))):
        return
    why = "trainer.limit_val_batches is 0" if never else '"dataset.valid" is empty'
    for one in training_monitors(config):
        if str(one.monitor.value).startswith("valid/"):
            label = Label(use_location(one.monitor), "measured on no data set")
            yield Diagnostic(
                "R412",
                f'"{one.monitor.value}" is watched, and {why}',
                label,
                related=provenance_labels(one.monitor),
                help=("let training validate on a data set of dataset.valid, or watch train/loss",),
            )


def _is_empty(node: Node | None) -> bool:
    return isinstance(node, Sequence) and not node.items
