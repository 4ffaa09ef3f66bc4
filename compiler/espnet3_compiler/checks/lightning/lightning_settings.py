"""Models and data modules that are written for Lightning, and the settings that they decide.

Passes: a ``LightningModule`` beside ``trainer``, ``best_model_criterion`` and ``freeze``;
``datamodule: {_target_: src.data.Digits}``.
Fails: ``optimizer: {…}`` or ``nan_policy: error`` beside it; ``trainer: {gradient_clip_val: 1.0}``
where it sets ``automatic_optimization = False``; one without ``training_step``; one of the package
``pytorch_lightning``; a ``datamodule`` that is no ``LightningDataModule``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import class_of, method_body
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import sample_readers, stages_of_kind
from espnet3_compiler.signature.classes import lightning_package
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.stage_graph.kind_edges import has_own_text
from espnet3_compiler.stage_graph.lightning_models import lacks_method, lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_inherited, written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, is_null, node_at
from espnet3_schemas import TARGET

_OWNED = {
    "optimizer": "configure_optimizers makes the optimizer",
    "optimizers": "configure_optimizers makes the optimizers",
    "scheduler": "configure_optimizers makes the scheduler",
    "schedulers": "configure_optimizers makes the schedulers",
    "scheduler_interval": "configure_optimizers gives it as interval of the scheduler",
    "scheduler_monitor": "configure_optimizers gives it as monitor of the scheduler",
    "nan_policy": "training_step returns None for a batch to leave out",
}
"""Keys of a training config that a LightningModule decides, and where in it."""

_OWNED_BY_MANUAL = ("gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches")
"""Keys of the trainer that Lightning refuses beside manual optimization."""

_STEPS = ("training_step", "configure_optimizers")
_OTHER_NAME = "pytorch_lightning"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R437 for owned settings, R438 and R425 for classes, R603 for stages without data."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        path, model = lightning_model(stage, recipe, resolved)
        if path and model:
            found += _check_class(recipe.library, path, model)
            found += _check_settings(recipe.library, config, path, model) if config else ()
        if config:
            found += _check_datamodule(recipe.library, config)
    found += _check_other_stages(recipe, resolved)
    yield from first_per_location(found)


def _check_other_stages(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report stages that read data sets where a data module takes their place."""
    for kind, role in sample_readers().items():
        for stage in stages_of_kind(kind, recipe) if role == "training" and kind != "train" else ():
            config = certain_config(stage, "training", resolved)
            entry = written_entry(config, "datamodule") if config else None
            if entry and isinstance(entry.value, Mapping) and not has_own_text(stage, resolved):
                yield Diagnostic(
                    "R603",
                    f'the stage "{stage.name.value}" reads data sets, and its config has a '
                    "datamodule in their place",
                    Label(stage.name.span, "no data sets"),
                    (Label(entry.key.span, "the datamodule"),),
                    ("leave the stage out, or list the data under dataset",),
                )


def _check_class(library: Library, path: Scalar, found: ClassFound) -> Iterator[Diagnostic]:
    if lightning_package(library, found) == _OTHER_NAME:
        yield _of_other_name(path, "LightningModule")
    missing = [name for name in _STEPS if lacks_method(library, found, name)]
    file = library.file(found.location) if found.location.local else None
    if missing and file:
        yield Diagnostic(
            "R425",
            f"{path.value} lacks {missing[0]}, and a LightningModule makes its steps itself",
            Label(file.span_of(found.summary.line, found.name), f"no {missing[0]}"),
            (Label(use_location(path), "trained here"),),
            (f"write def {missing[0]}, or derive from torch.nn.Module: forward gives the loss",),
        )


def _of_other_name(path: Scalar, name: str) -> Diagnostic:
    return value_finding(
        "R438",
        f"{path.value} is a {name} of {_OTHER_NAME}, and the Trainer is that of lightning.pytorch",
        path,
        "of another package",
        advice=(
            "write import lightning.pytorch as pl in its module: the classes there are the same",
        ),
    )


def _check_settings(
    library: Library, config: Mapping, path: Scalar, found: ClassFound
) -> Iterator[Diagnostic]:
    for name, where in _OWNED.items():
        entry = written_entry(config, name)
        if entry and not is_null(entry.value):
            yield _owned(entry, path, f"{found.name}.{where}")
    trainer = config.get("trainer")
    if isinstance(trainer, Mapping) and optimizes_manually(library, str(path.value)):
        for name in _OWNED_BY_MANUAL:
            entry = written_entry(trainer, name)
            value = getattr(entry.value, "value", None) if entry else None
            idle = name == "accumulate_grad_batches" and value == 1
            if entry and not is_null(entry.value) and not idle:
                yield _owned(entry, path, f"{found.name} optimizes manually, in training_step")


def _owned(entry: Entry, path: Scalar, where: str) -> Diagnostic:
    remove = f"write ~{entry.name}:" if is_inherited(entry.value) else "remove the key"
    return Diagnostic(
        "R437",
        f'"{entry.name}" has no place beside a LightningModule: {where}',
        Label(entry.key.span, "decided by the model"),
        (Label(use_location(path), "trains itself"),),
        (f"{remove}, and set it there; arguments of the model reach it from the manifest",),
    )


def optimizes_manually(library: Library, path: str) -> bool:
    """Return whether the constructor of a module always sets ``automatic_optimization = False``."""
    body = method_body(library, path, "__init__")
    for node in body.node.body if body else ():
        match node:
            case ast.Assign(
                targets=[ast.Attribute(attr="automatic_optimization")],
                value=ast.Constant(value=False),
            ):
                return True
    return False


def _check_datamodule(library: Library, config: Mapping) -> Iterator[Diagnostic]:
    path = node_at(config, ("datamodule", TARGET))
    found = class_of(library, str(path.value)) if isinstance(path, Scalar) else None
    if not isinstance(path, Scalar) or found is None:
        return
    package = lightning_package(library, found, "LightningDataModule")
    if package == _OTHER_NAME:
        yield _of_other_name(path, "LightningDataModule")
    order = resolution_order(library, found)
    if not package and all(isinstance(item, ClassFound) for item in order):
        yield value_finding(
            "R425",
            f"{path.value} is no LightningDataModule",
            path,
            "no data module",
            advice=(
                f"write class {found.name}(lightning.pytorch.LightningDataModule), or give dataset",
            ),
        )
