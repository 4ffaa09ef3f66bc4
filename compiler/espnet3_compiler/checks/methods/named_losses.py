"""Losses that ``forward`` returns by name, against the optimizers of the training.

Passes: ``{"loss": {"generator": made, "discriminator": caught}}`` beside two optimizers of these
names; a name that is computed; another mapping in training than in validation.
Fails: ``{"loss": {"generator": made, "disc": caught}}`` there, or beside a single ``optimizer``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body, returned_values
from espnet3_compiler.checks.data.certain_code import assigned_values
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.checks.methods.loss_values import loss_of
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.flow import FunctionNode
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each loss."""
    yield from first_per_location(
        found
        for stage in stages_of_kind("train", recipe)
        for found in _check_stage(stage, recipe, resolved)
    )


def _check_stage(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    config = certain_config(stage, "training", resolved)
    path = trained_model(stage, resolved) if config else None
    body = method_body(recipe.library, str(path.value), "forward") if path else None
    losses = named_losses(body.node) if body else []
    if not config or not path or not body or not losses:
        return
    if lightning_model(stage, recipe, resolved)[1] is not None:
        return  # it has steps of its own
    named, single = config.entry("optimizers"), config.entry("optimizer")
    if named and isinstance(named.value, Mapping) and named.value.entries:
        if has_certain_keys(named.value) and not any("$" in one.name for one in named.value):
            yield from _check_names(body, losses, named, path)
    elif single and isinstance(single.value, Mapping):
        yield _without_names(body, losses[0], path)


def named_losses(node: FunctionNode) -> list[dict[str, ast.expr]]:
    """Return the losses of each ``return`` of a forward by name; none where one is not so.

    Args:
        node: The function. What is given for a name is the expression of the name.
    """
    found = [_names_in(node, loss_of(value)) for value in returned_values(node)]
    known = [one for one in found if one]
    return known if len(known) == len(found) else []


def _names_in(node: FunctionNode, loss: ast.expr | None) -> dict[str, ast.expr]:
    """Return the names of losses in a mapping that is written out, or in a variable that is one."""
    values = assigned_values(node, loss.id) if isinstance(loss, ast.Name) else [loss]
    match values:
        case [ast.Dict(keys=keys)]:
            names = {str(one.value): one for one in keys if isinstance(one, ast.Constant)}
            whole = len(names) == len(keys) and "loss" not in names  # else it is a whole result
            return dict(names) if whole else {}
    return {}


def _check_names(
    body: FunctionBody, losses: list[dict[str, ast.expr]], named: Entry, path: Scalar
) -> Iterator[Diagnostic]:
    """Report losses without an optimizer, where whatever is returned has one of them.

    Args:
        body: The forward.
        losses: What it returns.
        named: The optimizers.
        path: What names the model.
    """
    assert isinstance(named.value, Mapping)
    names = [entry.name for entry in named.value]
    unknown = [[one for one in found if one not in names] for found in losses]
    if not all(unknown):
        return
    name, key = unknown[0][0], losses[0][unknown[0][0]]
    free = [one for one in names if one not in losses[0]]
    near = closest_match(name, free) or (free[0] if len(free) == 1 else None)
    yield Diagnostic(
        "R428",
        f'{path.value}.forward gives a loss for "{name}", and there is no such optimizer',
        Label(body.span_in(key), "no optimizer of this name"),
        (Label(use_location(named.key), "the optimizers"),),
        did_you_mean(near, f"the optimizers are {', '.join(names)}"),
    )


def _without_names(body: FunctionBody, found: dict[str, ast.expr], path: Scalar) -> Diagnostic:
    key = next(iter(found.values()))
    return Diagnostic(
        "R428",
        f"{path.value}.forward gives a loss for each of {', '.join(found)}, "
        "and there is one optimizer",
        Label(body.span_in(key), "losses by name"),
        (Label(use_location(path), "trained here"),),
        ("name an optimizer for each under optimizers, or return their sum",),
    )
