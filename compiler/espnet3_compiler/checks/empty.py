"""Lists that a stage cannot do without: data sets, metrics, and the validation that is watched.

Passes: ``inference: {dataset: {test: [{name: test}]}}`` with a stage infer.
Fails: ``dataset: {test: []}`` with infer; ``metrics: []``; early stopping by ``valid/loss``
without a validation set (``best_model_criterion`` goes by the training set then).
"""

from collections.abc import Iterator

from espnet3_compiler.chain import related_labels, use_place
from espnet3_compiler.checks.monitors import stops
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import is_own, kind_of
from espnet3_compiler.lower import roles_of
from espnet3_compiler.places import is_written, once
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence, descend

_NEEDED = {
    "train": ("training", ("dataset", "train"), "a training set"),
    "infer": ("inference", ("dataset", "test"), "a test set"),
    "measure": ("metrics", ("metrics",), "a metric"),
}
"""By stage kind: the role, the list in its config, and what an item of it is."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R605 for what is missing, R412 for a monitor of a validation that never happens."""
    yield from once(_found(recipe, resolved))


def _found(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    roles = roles_of(recipe)
    for stage in recipe.stages:
        kind = kind_of(stage) or ""
        if kind not in _NEEDED or is_own(stage, recipe):
            continue
        role, path, what = _NEEDED[kind]
        name = next((one.config for one in stage.configs if one.role == role), "")
        config = resolved.configs.get(name)
        if config is None or not resolved.is_sure(name) or roles[name] != role:
            continue
        yield from _empty(config, path, what, stage)
        if kind == "train":
            yield from _never_validated(config)


def _empty(
    config: Mapping, path: tuple[str, ...], what: str, stage: StageDecl
) -> Iterator[Diagnostic]:
    node = descend(config, path)
    if node is None or not _is_empty(node):
        return
    name, key = stage.name.value, ".".join(path)
    yield Diagnostic(
        "R605",
        f'the stage "{name}" needs {what}, and "{key}" is empty',
        Label(use_place(node) if is_written(node) else stage.name.span, "nothing to work on"),
        related=related_labels(node) if is_written(node) else (),
        help=(f"list at least one under {key}",),
    )


def _never_validated(config: Mapping) -> Iterator[Diagnostic]:
    limit = descend(config, ("trainer", "limit_val_batches"))
    never = isinstance(limit, Scalar) and limit.value == 0 and not isinstance(limit.value, bool)
    if not never and not _is_empty(descend(config, ("dataset", "valid"))):
        return
    why = "trainer.limit_val_batches is 0" if never else '"dataset.valid" is empty'
    for one in stops(config):
        if str(one.monitor.value).startswith("valid/"):
            label = Label(use_place(one.monitor), "measured on no data set")
            yield Diagnostic(
                "R412",
                f'"{one.monitor.value}" is watched, and {why}',
                label,
                related=related_labels(one.monitor),
                help=("let training validate on a data set of dataset.valid, or watch train/loss",),
            )


def _is_empty(node: Node | None) -> bool:
    return isinstance(node, Sequence) and not node.items
