"""The functions of the recipe that get the model of an inference: its runner and what that calls.

A function where the model may be another object (assigned again, asked with ``hasattr``) is left
out.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    class_of,
    method_body,
)
from espnet3_compiler.checks.data.certain_code import is_doubtful, passed_on, positional_names
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, own_model
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET

_PROVIDER = "espnet3_runtime.inference.provider.from_checkpoint"


class ModelUser(Struct, frozen=True):
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
        names = positional_names(body.node) if body else []
        if body is None or index >= len(names) or is_doubtful(body.node, names[index]):
            continue
        yield ModelUser(body, names[index], model, runner)
        for found in passed_on(body, names[index]):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
