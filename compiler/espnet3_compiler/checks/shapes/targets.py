"""Follow what the recipe constructs, and judge the code of its models where that is certain."""

import re
from collections.abc import Sequence

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions
from espnet3_compiler.checks.data.bodies import method_body
from espnet3_compiler.checks.shapes.calls import call_method, construct
from espnet3_compiler.checks.shapes.classes import GROWING, model_class
from espnet3_compiler.checks.shapes.frames import Run
from espnet3_compiler.checks.shapes.meanings.fields import batch_arguments, place_of
from espnet3_compiler.checks.shapes.torch_layers import SIZES, read_layer
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Part,
    Place,
    Value,
)
from espnet3_compiler.checks.targets.nodes import TargetNode, keyword_arguments, target_path
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, children, node_at, to_python
from espnet3_schemas import TARGET

_REPLACING = (
    *(b"setattr", b"register_forward", b"add_module", b"register_module", b"set_submodule"),
    *(b"_modules", b"__dict__", b"peft", b"LoraConfig"),
)
"""Words of code that puts other layers in the place of some, or changes what they give."""

_SETTING = rb"([\w.\])]+)\.(\w+)\s*(?:=(?!=)|\.(?:%s)\()" % "|".join(GROWING).encode()
_OF_LAYERS = frozenset((b"weight", b"data", *(name.encode() for name in SIZES)))

_STEP = "training_step"
_FEATURES, _LAYER = "extract_features", "layer"
"""The method that a cluster stage calls, and the argument that its config gives."""
_LAYERS = "torch.nn."


def follow_target(run: Run, target: TargetNode, plain: frozenset[object]) -> None:
    """Follow what is called of the object that a target makes.

    Args:
        run: What is shared by all that is followed.
        target: The target.
        plain: The models that are trained with batches of the runtime.
    """
    path = target_path(target.node)
    found = model_class(run.library, path) if path else None
    if found is None:
        return
    added = (*target.slot.supplied, *target.slot.offered)
    arguments = target_arguments(run, target.node, added)
    part = construct(run, path, arguments, certain=True)
    unknown = CallArguments(complete=False)
    calls = {"forward": unknown, _STEP: unknown}
    if not found.steps:
        calls = {"forward": forward_arguments(run, target.node, plain)}
    for name, given in calls.items():
        if part is not None and (part, name) not in run.entered:
            call_method(run, part, name, given, certain=True)


def forward_arguments(run: Run, node: Mapping, plain: frozenset[object]) -> CallArguments:
    """Return what ``forward`` of a model is called with, which has no steps of its own.

    Args:
        run: What is shared by all that is followed.
        node: The model.
        plain: The models that are trained with batches of the runtime.
    """
    body = method_body(run.library, target_path(node), "forward")
    trained = body is not None and place_of(node) in plain
    return batch_arguments(body) if body and trained else CallArguments(complete=False)


def follow_features(run: Run, recipe: Recipe, resolved: Resolved) -> None:
    """Follow what cluster stages call of their models.

    Args:
        run: What is shared by all that is followed.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    for stage in stages_of_kind("cluster", recipe):
        config, model = certain_config(stage, "training", resolved), model_of(stage, resolved)
        layer = node_at(config, ("cluster", _LAYER)) if config else None
        path = target_path(model) if model else ""
        body = method_body(run.library, path, _FEATURES) if path else None
        if not isinstance(layer, Scalar) or not model or not body:
            continue
        part = construct(run, path, target_arguments(run, model, ()), certain=True)
        args = body.node.args
        names = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)][1:]
        named = {name: CallArgument(None) for name in names}
        named[_LAYER] = CallArgument(_value(run, layer), Place(layer, None, object()))
        if part is not None:
            call_method(run, part, _FEATURES, CallArguments(named=named), certain=True)


def target_arguments(run: Run, node: Mapping, added: tuple[str, ...]) -> CallArguments:
    """Return the arguments of a target.

    Args:
        run: What is shared by all that is followed.
        node: The target.
        added: The arguments that somebody else may give.
    """
    given = {
        entry.name: CallArgument(
            _value(run, entry.value), Place(entry.value, None, span_key(node.span))
        )
        for entry in keyword_arguments(node)
    }
    return CallArguments(named=given | {name: CallArgument(None) for name in added})


def _value(run: Run, node: Node) -> Value:
    """Return what an argument of a target is."""
    if isinstance(node, Mapping) and node.entry(TARGET) is not None:
        path = target_path(node)
        arguments = target_arguments(run, node, ())
        if path.startswith(_LAYERS):
            return read_layer(path.removeprefix(_LAYERS), (), arguments.named)
        return construct(run, path, arguments, certain=True) if path else None
    return Constant(to_python(node)) if _is_plain(node) else None


def _is_plain(node: Node) -> bool:
    """Return whether a value reaches the constructor as it is written."""
    if isinstance(node, Scalar):
        return not is_unresolved(node)
    if isinstance(node, Mapping) and any(entry.name.startswith("_") for entry in node):
        return False
    return all(_is_plain(child) for _, child in children(node))


def changes_layers(run: Run, modules: Sequence[RecipeModule]) -> bool:
    """Return whether code may give models other layers than those that were followed.

    Args:
        run: What was followed.
        modules: The code of the recipe that is imported.
    """
    return any_mentions(modules, _REPLACING) or _sets_layers(run, modules)


def _sets_layers(run: Run, modules: Sequence[RecipeModule]) -> bool:
    """Return whether code may put something in the place of a layer from outside."""
    parts = [one for one in run.memo.values() if isinstance(one, Part)]
    names = {name.encode() for part in parts for name in part.attributes} | _OF_LAYERS
    return any(
        owner != b"self" and name in names
        for module in modules
        for owner, name in re.findall(_SETTING, module.file.content)
    )
