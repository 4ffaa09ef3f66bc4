"""Objects that a Trainer is given of ``pytorch_lightning``, which is not the package it is of.

Passes: ``callbacks: [{_target_: lightning.pytorch.callbacks.Timer}]``.
Fails: the same of ``pytorch_lightning``, or a class of the recipe that derives from its
``Callback``; ``strategy: {_target_: pytorch_lightning.strategies.DDPStrategy}``.

Modules and data modules of that package are reported where modules of Lightning are checked.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import class_of
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import lightning_package
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import find_top
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import is_fixable
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence
from espnet3_schemas import TARGET

_OTHER, _OWN = "pytorch_lightning", "lightning.pytorch"
_REFUSED = ("strategy", "accelerator", "plugins")
"""Keys of the trainer whose objects it refuses where they are not of its own package."""

_TAKEN = ("callbacks", "logger", "profiler")
"""Keys whose objects it calls, but does not recognize: as a progress bar, or a checkpoint."""

_BASES = ("Callback", "Logger", "Profiler")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R438 for objects that the Trainer refuses, R440 for those that it takes."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        trainer = config.get("trainer") if config else None
        if not isinstance(trainer, Mapping):
            continue
        for key in (*_REFUSED, *_TAKEN):
            code = "R438" if key in _REFUSED else "R440"
            for target in _targets_of(trainer.get(key)):
                found += _check_target(code, target, recipe.library)
    yield from first_per_location(found)


def _targets_of(node: Node | None) -> Iterator[Scalar]:
    """Yield the ``_target_`` of an object, or of each of a list."""
    for item in node.items if isinstance(node, Sequence) else (node,):
        target = item.get(TARGET) if isinstance(item, Mapping) else None
        if isinstance(target, Scalar) and isinstance(target.value, str):
            yield target


def _check_target(code: str, target: Scalar, library: Library) -> Iterator[Diagnostic]:
    path = str(target.value)
    found = class_of(library, path)
    package, _, name = path.partition(".")
    if package == _OTHER:
        installed = find_top(library.path, _OTHER) is not None
        if found is not None or not installed:
            meant = f"{_OWN}.{name}"
            edit = Edit(target.span, meant)
            fix = Fix(f"write {meant}", (edit,)) if is_fixable(target) else None
            yield _finding(code, target, f"write {meant}, which does the same", fix)
    elif found is not None and any(
        lightning_package(library, found, base) == _OTHER for base in _BASES
    ):
        yield _finding(code, target, f"write import {_OWN} as pl in its module", None)


def _finding(code: str, target: Scalar, advice: str, fix: Fix | None) -> Diagnostic:
    consequence = "refuses it" if code == "R438" else "does not know its class"
    return value_finding(
        code,
        f"{target.value} is of {_OTHER}, and the Trainer is that of {_OWN}: it {consequence}",
        target,
        "of another package",
        advice=(advice,),
        fix=fix,
    )
