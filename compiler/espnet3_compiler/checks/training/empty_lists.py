"""Lists that a stage requires: data sets, metrics, and the validation set that is watched.

Passes: ``inference: {dataset: {test: [{name: test}]}}`` with a stage infer.
Fails: ``dataset: {test: []}`` with infer; ``metrics: []``; a tokenizer without any text;
early stopping by ``valid/loss`` without a validation set (``best_model_criterion`` uses the
training set then).
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.monitors import training_monitors
from espnet3_compiler.checks.training.probabilities import is_zero
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, sample_readers, stage_kind
from espnet3_compiler.stage_graph.lightning_models import lacks_method, lightning_model
from espnet3_compiler.syntax.span_key import first_per_location, is_written, written_entry
from espnet3_compiler.syntax.tree import Mapping, Node, Sequence, node_at

_REQUIRED_LISTS = {
    "training": (("dataset", "train"), "a training set"),
    "inference": (("dataset", "test"), "a test set"),
    "metrics": (("metrics",), "a metric"),
}
"""By role: the list in a config, and what an item of it is."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R605 for empty lists, R412 for monitors of a validation that never happens."""
    yield from first_per_location(_check_stages(recipe, resolved))


def _check_stages(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    roles = config_roles(recipe)
    reported = set()
    for stage in recipe.stages:
        kind = stage_kind(stage) or ""
        role = "metrics" if kind == "measure" else sample_readers().get(kind)
        if role is None or kind == "collect_stats" or is_custom_kind(stage, recipe):
            continue  # what lacks for collect_stats also lacks for the training behind it
        path, item = _REQUIRED_LISTS[role]
        item += " or tokenizer.train_file" if kind == "train_tokenizer" else ""
        name = next((binding.config for binding in stage.configs if binding.role == role), "")
        config = resolved.configs.get(name)
        if config is None or not resolved.is_certain(name) or roles[name] != role:
            continue
        node, key = node_at(config, path), ".".join(path)
        unread = kind == "train_tokenizer" and not _reads_data(config)
        unread = unread or (kind == "train" and _has_own_data(stage, config, recipe, resolved))
        if node is not None and _is_empty(node) and not unread and (name, key) not in reported:
            reported.add((name, key))
            yield value_finding(
                "R605",
                f'the stage "{stage.name.value}" needs {item}, and "{key}" is empty',
                node if is_written(node) else stage.name,
                "nothing to work on",
                advice=(f"list at least one under {key}",),
            )
        if kind == "train" and not _has_own_data(stage, config, recipe, resolved):
            yield from _check_validation(config)


def _has_own_data(stage: StageDecl, config: Mapping, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether batches come from a data module, or from the module that is trained."""
    _, model = lightning_model(stage, recipe, resolved)
    by_module = model and not lacks_method(recipe.library, model, "train_dataloader")
    return isinstance(config.get("datamodule"), Mapping) or bool(by_module)


def _reads_data(config: Mapping) -> bool:
    """Return whether a tokenizer is trained on the text of the training sets."""
    block = config.get("tokenizer")
    others = ("train_file", "text_builder")
    return isinstance(block, Mapping) and not any(written_entry(block, one) for one in others)


def _check_validation(config: Mapping) -> Iterator[Diagnostic]:
    why = why_no_validation(config)
    for value in training_monitors(config) if why else ():
        if str(value.monitor.value).startswith("valid/"):
            yield value_finding(
                "R412",
                f'"{value.monitor.value}" is watched, and {why}',
                value.monitor,
                "measured on no data set",
                advice=(
                    "let training validate on a data set of dataset.valid, or watch train/loss",
                ),
            )


def why_no_validation(config: Mapping) -> str:
    """Return why a training cannot validate; empty where it can."""
    if is_zero(node_at(config, ("trainer", "limit_val_batches"))):
        return "trainer.limit_val_batches is 0"
    if isinstance(config.get("datamodule"), Mapping):
        return ""
    return '"dataset.valid" is empty' if _is_empty(node_at(config, ("dataset", "valid"))) else ""


def _is_empty(node: Node | None) -> bool:
    return isinstance(node, Sequence) and not node.items
