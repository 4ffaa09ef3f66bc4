"""Tensors that a model keeps as plain attributes, and uses as weights.

Passes: ``self.mask = nn.Parameter(torch.randn(size))``; a tensor that ``register_buffer`` gets;
one that is drawn anew, or with a ``generator``.
Fails: ``self.mask = 0.1 * torch.randn(size)`` that ``forward`` reads: it is neither trained nor
saved, so another one is drawn when the checkpoint is loaded; ``nn.init.…(torch.empty(size))``;
``torch.zeros(size, requires_grad=True)``; zeros that ``forward`` adds, ones that it multiplies by.

Other constants are left out: whoever keeps them so may care for the device elsewhere.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions, recipe_modules
from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, method_body
from espnet3_compiler.checks.data.certain_code import (
    assigned_pairs,
    assigned_values,
    called_methods,
    certain_nodes,
)
from espnet3_compiler.checks.targets.nodes import find_targets, target_path
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.classes import is_module_class, method_nodes
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import all_nodes, dotted_name, nodes_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_in
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET

_LIKELY = (
    *(b"torch.rand(", b"torch.randn(", b"torch.randint(", b"torch.normal(", b"torch.randperm("),
    *(b"torch.empty(", b"torch.zeros(", b"torch.ones(", b"requires_grad=True"),
)
_RANDOM = tuple(
    f"torch.{name}" for name in ("rand", "randn", "randint", "normal", "randperm", "empty")
)
_MAKING = tuple(
    f"torch.{name}"
    for name in ("rand", "randn", "normal", "empty", "zeros", "ones", "full", "tensor")
)
_DRAWING = r"(?:torch\.)?nn\.init\.\w+_"
_DRAWN_IN_PLACE = ("normal_", "uniform_", "random_", "bernoulli_", "exponential_")
_CHANGING = ("mul", "div", "add", "sub", "mul_", "div_", "add_", "view", "reshape", "float", "sqrt")
"""Methods of a tensor that give it another form, and leave it one of no module."""

_NEUTRAL = {"torch.zeros": ast.Add, "torch.ones": ast.Mult}
"""What would do nothing if it were constant, by what it is used in."""

_SEEDED = r"setattr|manual_seed|seed_everything"
_CARES = rf"__dict__|_buffers|_parameters|state_dict|extra_state|_apply|{_SEEDED}"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R515, once for each attribute."""
    modules = recipe_modules(recipe, resolved)
    likely = [module for module in modules if any_mentions([module], _LIKELY)]
    paths = {f"{one.location.name}.{one.name}" for module in likely for one, _ in module.classes}
    kept = {path: list(_plain_tensors(recipe.library, modules, path)) for path in sorted(paths)}
    if any(kept.values()):  # which classes models are made of takes longer to find
        models = _model_classes(recipe, resolved)
        found = [
            _finding(*one, models[path]) for path in kept if path in models for one in kept[path]
        ]
        yield from first_per_location(found)


def _model_classes(recipe: Recipe, resolved: Resolved) -> dict[str, Scalar]:
    """Return the modules of PyTorch that models are made of, each with the target of its model."""
    found: dict[str, Scalar] = {}
    waiting: list[tuple[str, Scalar]] = []
    for target in find_targets(recipe, resolved):
        root, path, name = target.path[0], target_path(target.node), target.node.get(TARGET)
        if root == "models" and path and isinstance(name, Scalar):
            waiting.append((path, name))
    for path, name in waiting:
        model = class_of(recipe.library, path)
        local = model is not None and model.location.local and path not in found
        if model and local and is_module_class(recipe.library, model):
            found[path] = name
            waiting += ((inner, name) for inner in _classes_made(recipe.library, model))
    return found


def _classes_made(library: Library, found: ClassFound) -> Iterator[str]:
    file = library.file(found.location)
    for node, _ in method_nodes(file, found.summary) if file else ():
        for item in all_nodes(node):
            name = dotted_name(item.func) if isinstance(item, ast.Call) else None
            made = find_in(library, found.location, name) if name else None
            if isinstance(made, ClassFound) and made.location.local:
                yield f"{made.location.name}.{made.name}"


def _plain_tensors(
    library: Library, modules: tuple[RecipeModule, ...], path: str
) -> Iterator[tuple[FunctionBody, str, ast.Attribute]]:
    """Yield the attributes that the constructor of a class sets to random tensors.

    Args:
        library: Reads the class.
        modules: The code of the recipe.
        path: The dotted path of the class.
    """
    body, found = method_body(library, path, "__init__"), class_of(library, path)
    own = body is not None and found is not None and body.module == found.location.name
    if body is None or not own:
        return  # a class of another module may set its attributes anew
    for item in body.node.body:
        for target, value in assigned_pairs(item):
            made = _of_variable(value, body)
            match target:
                case ast.Attribute(value=ast.Name(id="self"), attr=attribute) if (
                    _is_tensor(made)
                    and not _may_be_cared_for(modules, attribute, body.module)
                    and _is_used(library, path, attribute, made)
                ):
                    yield body, path, target


def _of_variable(value: ast.expr, body: FunctionBody) -> ast.expr:
    """Return what a variable is set to, where it is set once and used once."""
    if not isinstance(value, ast.Name):
        return value
    uses = [one for one in nodes_of(body.node, ast.Name) if one.id == value.id]
    values = assigned_values(body.node, value.id) or []
    return values[0] if len(values) == 1 and len(uses) == len((value, *values)) else value


def _is_tensor(value: ast.expr) -> bool:
    return _is_random(value) or _name_called(value) in _NEUTRAL


def _name_called(value: ast.expr) -> str:
    return dotted_name(value.func) or "" if isinstance(value, ast.Call) else ""


def _is_random(value: ast.expr) -> bool:
    """Return whether an expression certainly makes a tensor of random numbers, or one to train."""
    match value:
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.Add() | ast.Sub(), right=right):
            return _is_random(left) or _is_random(right)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _CHANGING:
            return _is_random(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _DRAWN_IN_PLACE:
            return not value.keywords and _is_made(inner)
        case ast.Call(func=func, args=args, keywords=words):
            name = dotted_name(func) or ""
            named = {word.arg: getattr(word.value, "value", None) for word in words}
            if "generator" in named or None in named:
                return False
            if name.endswith("_") and re.fullmatch(_DRAWING, name):
                return bool(args) and _is_made(args[0])
            wanted = named.get("requires_grad") is True and name in _MAKING
            return name in _RANDOM or wanted
    return False


def _is_made(value: ast.expr) -> bool:
    return _name_called(value) in _MAKING


def _may_be_cared_for(modules: tuple[RecipeModule, ...], name: str, own: str) -> bool:
    """Return whether code may set an attribute anew, change it in place, or save it itself.

    Args:
        modules: The code of the recipe.
        name: The attribute.
        own: The module of its class.
    """
    sets = re.compile(
        rf"\.{name}(?:\[.*\])?\s*(?::[^=\n]+)?[-+*/]?=(?!=)|\.{name}\.\w+_\(|[\"']{name}[\"']"
        rf"|(?<!init\.)\b\w+_\(\s*\w+\.{name}\b|(?:Parameter|deepcopy)\(.*\.{name}\b"
        rf"|\.{name}\.data\b|{_CARES}"
    )
    outside = re.compile(rf"(?<!self)\.{name}\s*=(?!=)|{_SEEDED}")
    texts = [(module.location.name, module.file.text.text) for module in modules]
    inside = [text for module, text in texts if module == own]
    others = [text for module, text in texts if module != own]
    return [len(sets.findall(text)) for text in inside] != [1] or any(map(outside.search, others))


def _is_used(library: Library, path: str, name: str, made: ast.expr) -> bool:
    """Return whether ``forward``, or what it calls in any case, needs the values of a tensor.

    Args:
        library: Reads the class.
        path: The dotted path of the class.
        name: The attribute.
        made: What it is set to.
    """
    bodies = called_methods(library, path, ("forward",))
    if any(_is_drawn(item, name) for body in bodies for item in all_nodes(body.node)):
        return False
    nodes = (item for body in bodies for item in certain_nodes(body.node.body))
    if _is_random(made):
        return any(_is_own(item, name) for item in nodes)
    return any(_is_operand(item, name, _NEUTRAL[_name_called(made)]) for item in nodes)


def _is_drawn(item: ast.AST, name: str) -> bool:
    """Return whether a function fills an attribute with new numbers."""
    if not isinstance(item, ast.Call) or not re.fullmatch(_DRAWING, _name_called(item)):
        return False
    return any(_is_own(one, name) for one in item.args)


def _is_operand(item: ast.AST, name: str, operation: type[ast.operator]) -> bool:
    match item:
        case ast.BinOp(left=left, op=op, right=right):
            return isinstance(op, operation) and (_is_own(left, name) or _is_own(right, name))
    return False


def _is_own(item: ast.AST, name: str) -> bool:
    match item:
        case ast.Attribute(value=ast.Name(id="self"), attr=attr):
            return attr == name
    return False


def _finding(body: FunctionBody, path: str, target: ast.Attribute, name: Scalar) -> Diagnostic:
    word = f"self.{target.attr}"
    buffer = f'self.register_buffer("{target.attr}", …)'
    advice = f"write {word} = nn.Parameter(…) if it is to be trained, else {buffer}"
    return Diagnostic(
        "R515",
        f'the tensor "{word}" of {path} is neither trained nor saved',
        Label(body.span_in(target), "a plain tensor"),
        (Label(use_location(name), "used by this model"),),
        (advice,),
        ("a plain tensor is not moved to a device with its module, either",),
    )
