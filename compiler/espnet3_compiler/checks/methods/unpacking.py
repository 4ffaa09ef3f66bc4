"""Calls whose result is unpacked into another number of names than the method returns values.

Passes: ``log_probs, lengths = model.encode(speech)`` where all of ``encode`` ends with
``return scores, lengths``.
Fails: the same where it ends with ``return scores, lengths, hidden``;
``model.encode(speech).argmax(-1)`` where it ends with ``return scores, lengths``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    class_of,
    method_body,
    returned_values,
)
from espnet3_compiler.checks.data.certain_code import certain_nodes
from espnet3_compiler.checks.methods.forward import trained_model
from espnet3_compiler.checks.methods.model_users import model_users
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.flow import own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar

_LATER = (ast.Yield, ast.YieldFrom)


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R519 for the runner and its model, and for the models that are trained."""
    library = recipe.library
    found: list[Diagnostic] = []
    users = {(id(user.body.node), user.model): user for user in model_users(recipe, resolved)}
    for user in users.values():
        found += _check_function(library, user.body, user.name, user.model, user.runner)
    for path in _trained_models(recipe, resolved):
        model = class_of(library, str(path.value))
        for name in model.summary.members if model and model.location.local else ():
            body = method_body(library, str(path.value), name)
            first = _first_name(body) if body else ""
            if body and first:
                found += _check_function(library, body, first, str(path.value), path)
    yield from first_per_location(found)


def _trained_models(recipe: Recipe, resolved: Resolved) -> list[Scalar]:
    """Return the classes of the models that are trained, each once."""
    paths = (trained_model(stage, resolved) for stage in stages_of_kind("train", recipe))
    models: dict[object, Scalar] = {}
    for path in filter(None, paths):
        models.setdefault(path.value, path)
    return list(models.values())


def _first_name(body: FunctionBody) -> str:
    names = [item.arg for item in (*body.node.args.posonlyargs, *body.node.args.args)]
    return names[0] if names else ""


def _check_function(
    library: Library, body: FunctionBody, name: str, owner: str, used: Scalar
) -> Iterator[Diagnostic]:
    """Check the calls of an object's methods in a function.

    Args:
        library: Reads the code of the recipe.
        body: The function.
        name: What the object is called in it.
        owner: The dotted path of the object's class.
        used: The value of the recipe that leads to the function.
    """
    for item in certain_nodes(body.node.body):
        match item:
            case ast.Attribute(value=ast.Call() as call) if not hasattr((), item.attr):
                called = _called_method(library, call, name, owner)
                if called and _returned_count(called):
                    yield _attribute_of_tuple(body, item, called, owner, used)
            case ast.Assign(targets=[ast.Tuple(elts=names) as target], value=ast.Call() as call):
                called = _called_method(library, call, name, owner)
                count = _returned_count(called) if called else None
                starred = any(isinstance(one, ast.Starred) for one in names)
                if called and not starred and count not in (None, len(names)):
                    what = f"{owner}.{called.node.name} returns {count} values"
                    yield _finding(body, target, called, what, used)


def _called_method(library: Library, call: ast.Call, name: str, owner: str) -> FunctionBody | None:
    """Return the method of an object that a call calls.

    Args:
        library: Reads the code of the recipe.
        call: The call.
        name: What the object is called.
        owner: The dotted path of its class.
    """
    match call.func:
        case ast.Attribute(value=ast.Name(id=object_), attr=method) if object_ == name:
            return method_body(library, owner, method)
    return None


def _returned_count(body: FunctionBody) -> int | None:
    """Return how many values every ``return`` of a function gives; None where it is not known."""
    values = returned_values(body.node)
    later = any(isinstance(item, _LATER) for item in own_nodes(body.node))
    if later or isinstance(body.node, ast.AsyncFunctionDef):
        return None
    counts = {_count_of(value) for value in values}
    return counts.pop() if len(counts) == 1 else None


def _count_of(value: ast.expr) -> int | None:
    if not isinstance(value, ast.Tuple) or any(isinstance(one, ast.Starred) for one in value.elts):
        return None
    return len(value.elts)


def _attribute_of_tuple(
    body: FunctionBody, item: ast.Attribute, called: FunctionBody, owner: str, used: Scalar
) -> Diagnostic:
    """Return the finding about an attribute that values returned together do not have.

    Args:
        body: The function in which it stands.
        item: The expression that reads it.
        called: The method that is called.
        owner: The dotted path of its class.
        used: The value of the recipe that leads to the function.
    """
    return Diagnostic(
        "R519",
        f'{owner}.{called.node.name} returns a tuple, which has no "{item.attr}"',
        Label(body.span_in(item, item.attr), "of a tuple"),
        (
            Label(called.span_of(called.node, f"def {called.node.name}"), "the method"),
            Label(use_location(used), "used here"),
        ),
        ("unpack the tuple first, for example: value, _ = …",),
    )


def _finding(
    body: FunctionBody, target: ast.Tuple, called: FunctionBody, what: str, used: Scalar
) -> Diagnostic:
    """Return the finding about an assignment.

    Args:
        body: The function in which it stands.
        target: Its names.
        called: The method that is called.
        what: How many values that returns, as a sentence.
        used: The value of the recipe that leads to the function.
    """
    count = len(target.elts)
    return Diagnostic(
        "R519",
        f"{what}, and {count} names are given to them",
        Label(body.span_in(target), f"{count} names"),
        (
            Label(called.span_of(called.node, f"def {called.node.name}"), "the method"),
            Label(use_location(used), "used here"),
        ),
        ("give each value a name, _ for one that is not needed",),
    )
