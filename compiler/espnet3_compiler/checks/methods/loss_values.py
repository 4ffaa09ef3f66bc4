"""Losses that ``forward`` returns without their gradient.

Passes: ``return {"loss": loss, "acc": acc.item()}``; ``return loss, {"loss": loss.detach()}, 1``;
a loss without gradient beside another ``return`` that has it, as for validation.
Fails: ``return {"loss": loss.item()}``; ``return loss.detach(), stats, weight``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body, returned_values
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar

_CUTTING = ("item", "tolist", "detach", "numpy")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each loss."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe):
        path = trained_model(stage, resolved)
        body = method_body(recipe.library, str(path.value), "forward") if path else None
        if path and body:
            found += _check_body(body, path)
    yield from first_per_location(found)


def _check_body(body: FunctionBody, path: Scalar) -> Iterator[Diagnostic]:
    every = [_without_gradient(body, value) for value in returned_values(body.node)]
    found = [one for one in every if one]
    for made, word in found if len(found) == len(every) else ():
        yield _finding(body, made, word, path)


def _without_gradient(body: FunctionBody, value: ast.expr) -> tuple[ast.expr, str] | None:
    """Return what makes the loss that is returned one without gradient, and its word."""
    loss = _loss_of(value)
    made = _made_by(body, loss) if isinstance(loss, ast.Name) else loss
    match made:
        case ast.Call(func=ast.Attribute(attr=name), args=[]) if name in _CUTTING:
            return made, f".{name}()"
        case ast.Call(func=ast.Name(id="float")):
            return made, "float()"
    return None


def _loss_of(value: ast.expr) -> ast.expr | None:
    """Return the loss of what ``forward`` returns, where it is written out."""
    match value:
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            named = (
                one for key, one in pairs if isinstance(key, ast.Constant) and key.value == "loss"
            )
            return next(named, None)
        case ast.Tuple(elts=[first, *_]):
            return first
    return value


def _made_by(body: FunctionBody, name: ast.Name) -> ast.expr | None:
    """Return what a variable is, where a function sets it once."""
    stores = [
        one
        for one in ast.walk(body.node)
        if isinstance(one, ast.Name) and one.id == name.id and isinstance(one.ctx, ast.Store)
    ]
    for item in ast.walk(body.node) if len(stores) == 1 else ():
        match item:
            case ast.Assign(targets=[ast.Name(id=other)], value=value) if other == name.id:
                return value
    return None


def _finding(body: FunctionBody, made: ast.expr, word: str, path: Scalar) -> Diagnostic:
    return Diagnostic(
        "R428",
        f"{path.value}.forward must return a loss with its gradient, not what {word} makes of it",
        Label(body.span_in(made), "no gradient"),
        (Label(use_location(path), "trained here"),),
        (f"return the tensor itself, without {word}",),
    )
