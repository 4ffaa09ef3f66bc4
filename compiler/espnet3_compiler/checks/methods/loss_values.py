"""Losses that ``forward`` returns without their gradient.

Passes: ``return {"loss": loss, "acc": acc.item()}``; ``return loss, {"loss": loss.detach()}, 1``;
a loss without gradient beside another ``return`` that has it, as for validation.
Fails: ``return {"loss": loss.item()}``; ``return loss.detach(), stats, weight``;
``return {"mse": mse}``; ``@torch.no_grad()`` on all methods that ``forward`` calls.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    class_of,
    method_body,
    returned_values,
)
from espnet3_compiler.checks.data.certain_code import assigned_values
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.classes import method_nodes
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar

_GRADIENT_FREE = ("no_grad", "inference_mode")
_CUTTING = ("item", "tolist", "detach", "numpy")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each loss."""
    found: list[Diagnostic] = []
    models: dict[object, Scalar] = {}
    for stage in stages_of_kind("train", recipe):
        bare = lightning_model(stage, recipe, resolved)[1] is None  # others have steps of their own
        if bare and (path := trained_model(stage, resolved)):
            models.setdefault(path.value, path)
    for path in models.values():
        body = method_body(recipe.library, str(path.value), "forward")
        if body:
            found += _check_body(body, path)
            found += _check_methods(recipe.library, body, path)
    yield from first_per_location(found)


def _check_body(body: FunctionBody, path: Scalar) -> Iterator[Diagnostic]:
    values = returned_values(body.node)
    every = [_without_gradient(body, value) for value in values]
    found = [one for one in every if one]
    for made, word in found if len(found) == len(every) else ():
        yield _finding(body, made, word, path)
    if values and all(map(_has_no_loss, values)):
        yield Diagnostic(
            "R428",
            f'{path.value}.forward must return a loss, and its mapping has no "loss"',
            Label(body.span_in(values[0]), "no loss among them"),
            (Label(use_location(path), "trained here"),),
            ('call it so: {"loss": …, and the other values}',),
        )


def _has_no_loss(value: ast.expr) -> bool:
    """Return whether a result is a mapping that is written out, without a loss."""
    if not isinstance(value, ast.Dict):
        return False
    names = [key.value for key in value.keys if isinstance(key, ast.Constant)]
    return len(names) == len(value.keys) and "loss" not in names


def _check_methods(library: Library, body: FunctionBody, path: Scalar) -> Iterator[Diagnostic]:
    """Report a forward whose only parts are methods that keep no gradient."""
    found = class_of(library, str(path.value))
    file = library.file(found.location) if found and found.location.local else None
    nodes = method_nodes(file, found.summary) if file and found else ()
    methods = {node.name: (node, shift) for node, shift in nodes}
    own = body.node.args.args[0].arg if body.node.args.args else ""
    read = [
        one.attr
        for one in all_nodes(body.node)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == own
    ]
    cut = {name: _without_grad(*methods[name]) for name in read if name in methods}
    if file is None or not read or not all(cut.get(name) for name in read):
        return
    decorator, shift = next(filter(None, cut.values()))
    yield Diagnostic(
        "R428",
        f"{path.value}.forward trains nothing: {read[0]} keeps no gradient",
        Label(file.expression_span(decorator, shift=shift), "no gradient"),
        (Label(use_location(path), "trained here"),),
        (f"take it from {read[0]}, and write it around the call in the runner",),
    )


def _without_grad(node: FunctionNode, shift: int) -> tuple[ast.expr, int] | None:
    """Return the decorator of a method that keeps no gradient."""
    for item in node.decorator_list:
        name = dotted_name(item.func if isinstance(item, ast.Call) else item) or ""
        if name.rpartition(".")[2] in _GRADIENT_FREE:
            return item, shift
    return None


def _without_gradient(body: FunctionBody, value: ast.expr) -> tuple[ast.expr, str] | None:
    """Return what makes the loss that is returned one without gradient, and its word."""
    loss = loss_of(value)
    match assigned_values(body.node, loss.id) if isinstance(loss, ast.Name) else [loss]:
        case [ast.Call(func=ast.Attribute(attr=name), args=[]) as made] if name in _CUTTING:
            return made, f".{name}()"
        case [ast.Call(func=ast.Name(id="float")) as made]:
            return made, "float()"
    return None


def loss_of(value: ast.expr) -> ast.expr | None:
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


def _finding(body: FunctionBody, made: ast.expr, word: str, path: Scalar) -> Diagnostic:
    return Diagnostic(
        "R428",
        f"{path.value}.forward must return a loss with its gradient, not what {word} makes of it",
        Label(body.span_in(made), "no gradient"),
        (Label(use_location(path), "trained here"),),
        (f"return the tensor itself, without {word}",),
    )
