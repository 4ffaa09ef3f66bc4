"""Attributes of the model that a runner or a stage reads, and those that the model's class sets.

Passes: ``model.encode(speech)`` where the class has ``def encode``; ``model.vocab_size`` where
``self.vocab_size = …``.
Fails: ``model.sentence`` where the class now calls it ``self.sos_eos``; a stage ``cluster`` without
``features`` whose model has no ``extract_features``.

Only classes are judged whose bases can be read; a library's may not hand itself to a function.
"""

import ast
from collections.abc import Iterator, Sequence

from espnet3_compiler.checks.code.modules import RecipeModule, recipe_modules
from espnet3_compiler.checks.data.bodies import class_of
from espnet3_compiler.checks.data.certain_code import certain_nodes
from espnet3_compiler.checks.data.classes import incomplete_class
from espnet3_compiler.checks.methods.model_users import ModelUser, model_users
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.classes import attributes_of, is_torch_module, method_pieces
from espnet3_compiler.signature.definitions import ClassFound, class_location
from espnet3_compiler.signature.flow import (
    all_nodes,
    nodes_of,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import is_null, node_at
from espnet3_compiler.syntax.unknown_name import format_names
from espnet3_schemas import TARGET

_DYNAMIC = ("__getattr__", "__getattribute__", "__slots__", "__setattr__", "__new__")
_FEATURES = "extract_features"
"""The method of a model that the stage ``cluster`` calls."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R517, once for each attribute, and R425 for models that give no features."""
    seen: set[tuple[str, str]] = set()
    for user in model_users(recipe, resolved):
        model = class_of(recipe.library, user.model)
        known = known_attributes(recipe.library, model) if model else None
        for item in _reads(user) if known is not None else ():
            fresh = (user.model, item.attr) not in seen
            absent = known is not None and item.attr not in known and not item.attr.startswith("_")
            if model and fresh and absent and not is_set_elsewhere(recipe, resolved, item.attr):
                seen.add((user.model, item.attr))
                yield _unknown(user, item, model, known or frozenset())
    yield from first_per_location(_check_features(recipe, resolved))


def _check_features(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Report the model of a stage that clusters its features, where it has no method for them."""
    runs = "cluster" in recipe.system.kinds
    for stage in stages_of_kind("cluster", recipe) if runs else ():
        config, node = certain_config(stage, "training", resolved), model_of(stage, resolved)
        target = node.get(TARGET) if node else None
        model = class_of(recipe.library, text_of(target)) if target else None
        known = known_attributes(recipe.library, model) if model else None
        if config is None or not is_null(node_at(config, ("cluster", "features"))) or not known:
            continue
        absent = _FEATURES not in known and not is_set_elsewhere(recipe, resolved, _FEATURES)
        if model and model.location.local and target and absent:
            others = [one for one in model.summary.members if one != "forward"]
            related = (
                Label(use_location(target), "the model"),
                Label(stage.name.span, "used here"),
            )
            yield incomplete_class(recipe.library, model, [_FEATURES], others, related)


def _reads(user: ModelUser) -> Iterator[ast.Attribute]:
    for item in certain_nodes(user.body.node.body):
        match item:
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Load()) if name == user.name:
                yield item


def known_attributes(library: Library, found: ClassFound) -> frozenset[str] | None:
    """Return the attributes that objects of a class can have; None where it may have others.

    Args:
        library: Reads the code of the recipe.
        found: The class.
    """
    names = set(attributes_of(library, found))
    for item in resolution_order(library, found):
        if not isinstance(item, ClassFound):
            return None
        if is_torch_module(item):
            return frozenset(names)
        own = _own_attributes(library, item)
        if own is None:
            return None
        names |= own
    return frozenset(names)


def _own_attributes(library: Library, item: ClassFound) -> set[str] | None:
    """Return what the methods of a class set on ``self``; None where that cannot be listed."""
    file, summary = library.file(item.location), item.summary
    dynamic = summary.open or summary.decorators or summary.metaclass
    compiled = item.location.kind == "stub"
    if file is None or dynamic or compiled or any(name in summary.members for name in _DYNAMIC):
        return None
    found: set[str] = set()
    for piece in method_pieces(summary):
        method = library.function(item.location, piece)
        if method is None or method.sets is None:
            return None
        if not item.location.local and is_handed_over(file.function_node(piece), "self"):
            return None
        found.update(method.sets)
    return found


def is_handed_over(node: ast.AST, own: str) -> bool:
    """Return whether a call below a node is given an object itself: it may ask or set anything.

    Args:
        node: A method, for example.
        own: The name of the object.
    """
    calls = nodes_of(node, ast.Call)
    given = (one for call in calls for one in (*call.args, *(word.value for word in call.keywords)))
    return any(isinstance(one, ast.Name) and one.id == own for one in given)


def is_set_elsewhere(recipe: Recipe, resolved: Resolved, name: str) -> bool:
    """Return whether a module of the recipe may give an object an attribute from outside.

    Args:
        recipe: The recipe.
        resolved: Its values.
        name: The attribute.
    """
    key = "attributes set"
    if key not in resolved.memo:
        resolved.memo[key] = _attributes_set(recipe_modules(recipe, resolved))
    names: set[str] | None = resolved.memo[key]
    return names is None or name in names


def _attributes_set(modules: Sequence[RecipeModule]) -> set[str] | None:
    """Return the attributes that modules set on any object; None where these may be any."""
    found: set[str] = set()
    for module in modules:
        try:
            tree = module.file.tree
        except (SyntaxError, ValueError, RecursionError):
            return None
        for item in all_nodes(tree):
            match item:
                case ast.Attribute(attr="__dict__") | ast.Call(func=ast.Name(id="setattr")):
                    return None
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    found.add(name)
    return found


def _unknown(
    user: ModelUser, item: ast.Attribute, model: ClassFound, known: frozenset[str]
) -> Diagnostic:
    """Return the finding about an attribute.

    Args:
        user: The function that reads it.
        item: The expression that reads it.
        model: The class of the model.
        known: The attributes that it has.
    """
    near = closest_match(item.attr, sorted(one for one in known if not one.startswith("_")))
    where = class_location(model)
    methods = [one for one in model.summary.members if not one.startswith("_")]
    return Diagnostic(
        "R517",
        f'{user.model} has no attribute "{item.attr}", which the runner reads',
        Label(user.body.span_in(item, item.attr), "not set by its class"),
        (Label(use_location(user.runner), "the runner"),),
        (f'did you mean "{near}"?' if near else f"set self.{item.attr} in the class",),
        (f"defined at {where}" + (f", with {format_names(methods)}" if methods else ""),),
    )
