"""The functions of the recipe that get the model of an inference: its runner and what that calls.

A function where the model may be another object (assigned again, asked with ``hasattr``) is left
out.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    class_of,
    method_body,
)
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.flow import FunctionNode, all_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, own_model
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET

_PROVIDER = "espnet3_runtime.inference.provider.from_checkpoint"
_CONDITIONS = (ast.If, ast.IfExp, ast.While)
_NOT_CERTAIN = (
    *(ast.Try, ast.TryStar, ast.Match, ast.Lambda),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
_PLAIN = (ast.Return, ast.Raise, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_ASKING = ("hasattr", "getattr", "setattr", "isinstance", "vars", "type")


class ModelUser(NamedTuple):
    """A function that gets the model.

    Attributes:
        body: The function.
        name: Its parameter that is the model.
        model: The dotted path of the model's class.
        runner: The value that names the runner.
    """

    body: FunctionBody
    name: str
    model: str
    runner: Scalar


def model_users(recipe: Recipe, resolved: Resolved) -> Iterator[ModelUser]:
    """Yield the functions that get the model of an inference stage, each with its class."""
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        config = certain_config(stage, "inference", resolved)
        model = _model_path(stage, config, resolved) if config else ""
        runner = node_at(config, ("runner", TARGET)) if config else None
        found = class_of(recipe.library, model) if model and "$" not in model else None
        if found and found.location.local and isinstance(runner, Scalar) and text_of(runner):
            yield from _users(recipe.library, model, runner)


def _model_path(stage: StageDecl, config: Mapping, resolved: Resolved) -> str:
    """Return the class of the model that an inference stage runs; empty where not known."""
    node, own = model_of(stage, resolved), own_model(stage, resolved)
    plain = own is not None or text_of(node_at(config, ("provider", TARGET))) == _PROVIDER
    partial = node_at(config, ("runner", "_partial_"))
    return text_of(node.get(TARGET)) if node and plain and partial is None else ""


def _users(library: Library, model: str, runner: Scalar) -> Iterator[ModelUser]:
    waiting = [("__call__", 0)]
    seen = set(waiting)
    path = text_of(runner)
    while waiting:
        method, index = waiting.pop(0)
        body = method_body(library, path, method)
        names = _positional_names(body.node) if body else []
        if body is None or index >= len(names) or _is_doubtful(body.node, names[index]):
            continue
        yield ModelUser(body, names[index], model, runner)
        for found in _passed_on(body, names[index]):
            if found not in seen:
                seen.add(found)
                waiting.append(found)


def _positional_names(node: FunctionNode) -> list[str]:
    """Return the parameters that can be given by position, without the first: ``self``."""
    return [item.arg for item in (*node.args.posonlyargs, *node.args.args)][1:]


def _is_doubtful(node: FunctionNode, name: str) -> bool:
    """Return whether a parameter may become another object, or is asked what it has."""
    for item in all_nodes(node):
        if isinstance(item, ast.Name) and item.id == name and not isinstance(item.ctx, ast.Load):
            return True
        match item:
            case ast.Call(func=ast.Name(id=function), args=args) if function in _ASKING:
                if _mentions(args, name):
                    return True
        if isinstance(item, ast.Try):
            return True
    return False


def _mentions(nodes: list[ast.expr], name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in nodes)


def _passed_on(body: FunctionBody, name: str) -> Iterator[tuple[str, int]]:
    """Yield the methods of the same object that are given the model by position, and where."""
    for item in certain_nodes(body.node.body):
        match item:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="self"), attr=method), args=args
            ) if not any(isinstance(one, ast.Starred) for one in args):
                for index, one in enumerate(args):
                    if _mentions([one], name):
                        yield method, index


def certain_nodes(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of statements that no condition keeps from running; loops are expected to.

    Args:
        body: Statements, in order; those behind a conditional end are left out.
    """
    for item in body:
        yield from _certain_below(item)
        if not isinstance(item, _PLAIN) and any(isinstance(one, _ENDS) for one in all_nodes(item)):
            return


@lru_cache(maxsize=1 << 12)  # several checks go through the same functions
def _certain_below(statement: ast.stmt) -> tuple[ast.AST, ...]:
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [statement]
    for one in waiting:
        if isinstance(one, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
            found += certain_nodes(one.body)
            waiting += one.items if isinstance(one, ast.With | ast.AsyncWith) else [one.iter]
        elif isinstance(one, _CONDITIONS):
            waiting.append(one.test)
        elif isinstance(one, ast.BoolOp):
            waiting.append(one.values[0])
        elif not isinstance(one, _NOT_CERTAIN):
            found.append(one)
            waiting += ast.iter_child_nodes(one)
    return tuple(found)
