"""Values that a config watches, against those that ``forward`` of the model returns.

Passes: ``[[valid/acc, 3, max]]`` where ``forward`` returns ``loss, {"acc": acc}, weight``.
Fails: ``[[valid/accuracy, 3, max]]`` there; ``[[valid/loss, 3, min]]`` where it returns a loss for
each of two optimizers.

Only what the code says plainly is compared, and nothing where a callback of the recipe may measure
more.
"""

import ast
from collections.abc import Iterable, Iterator

from espnet3_compiler.checks.data.bodies import method_body, returned_values
from espnet3_compiler.checks.data.sample_fields import Fields, literal_fields
from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.checks.methods.named_losses import named_losses
from espnet3_compiler.checks.training.monitors import (
    has_own_callbacks,
    is_misspelt,
    monitored_values,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.flow import FunctionNode
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Scalar

_PREFIXES = ("train/", "valid/")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R412 for values that the model does not return."""
    yield from first_per_location(
        found
        for stage in stages_of_kind("train", recipe)
        for found in _check_stage(stage, recipe, resolved)
    )


def _check_stage(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    config, names = certain_config(stage, "training", resolved), None
    own_steps = lightning_model(stage, recipe, resolved)[1] is not None
    if config is not None and not own_steps and not has_own_callbacks(config):
        names = _returned_names(stage, recipe, resolved)
        names = names and names | _losses_by_optimizer(config)
    for value in monitored_values(config) if config and names else ():
        node = value.monitor
        prefix, slash, name = str(node.value).partition("/")
        if prefix + slash not in _PREFIXES or name in (names or ()) or not is_written(node):
            continue
        if "${" not in name and not is_misspelt(str(node.value)):
            yield _never_measured(node, f"{prefix}/", names or frozenset())


def _returned_names(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Fields | None:
    """Return the names of the values that the model gives; None where that is not plain."""
    path = trained_model(stage, resolved)
    body = method_body(recipe.library, str(path.value), "forward") if path else None
    found = [_names_in(body.node, one) for one in returned_values(body.node)] if body else []
    known = [names for names in found if names is not None]
    if body is None or not found or len(known) != len(found):
        return None
    losses = named_losses(body.node)
    single = {"loss"} if not losses or any(len(names) == 1 for names in losses) else set()
    return frozenset(single).union(*known, *map(_names_of_losses, losses))


def _losses_by_optimizer(config: Mapping) -> Fields:
    """Return the names of the losses that ``forward`` may give for each of named optimizers."""
    named = config.get("optimizers")
    entries = named.entries if isinstance(named, Mapping) else ()
    return frozenset(f"{entry.key.value}/loss" for entry in entries)


def _names_of_losses(losses: Iterable[str]) -> Fields:
    return frozenset(f"{name}/loss" for name in losses)


def _names_in(node: FunctionNode, value: ast.expr) -> Fields | None:
    """Return the names in what ``forward`` returns: a mapping, or ``(loss, stats, weight)``."""
    if isinstance(value, ast.Tuple):
        return literal_fields(node, value.elts[1]) if len(value.elts) > 1 else None
    names = literal_fields(node, value)
    if names is None or "stats" in names:
        return None  # more names are in its value
    return names - {"loss"}


def _never_measured(node: Scalar, prefix: str, names: Fields) -> Diagnostic:
    known = [prefix + name for name in sorted(names)]
    return unknown_value(
        "R412",
        f'the model measures no "{node.value}"',
        node,
        known,
        hints=(f"write one of {', '.join(known)}",),
    )
