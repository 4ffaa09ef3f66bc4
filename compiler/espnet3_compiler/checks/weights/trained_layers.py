"""Layers with parameters that a model of the recipe certainly has, and that nothing freezes.

A constructor is followed into the models that the manifest gives it and into those of the recipe
that it makes. What a condition decides is left out, and a file in which something may freeze
parameters or take parts away.
"""

import ast
import re
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, method_body
from espnet3_compiler.checks.data.certain_code import assigned_pairs, is_doubtful
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.signature.classes import is_module_class, method_nodes
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_in, resolution_order
from espnet3_compiler.syntax.tree import Mapping

_LAYERS = r"(?:torch\.)?nn\.(?:Linear|Bilinear|Conv(?:Transpose)?[123]d|Embedding|LSTM|GRU|RNN)"
_NORMS = r"(?:torch\.)?nn\.(?:LayerNorm|BatchNorm[123]d)"
_SEQUENTIAL = r"(?:torch\.)?nn\.Sequential"
_LISTS = r"(?:torch\.)?nn\.ModuleList"
_PARAMETER = r"(?:torch\.)?nn\.Parameter"
_UNSURE = r"requires_grad|named_parameters|setattr|delattr|\bdel\b|freeze|__dict__"
"""Code by which a parameter may not be trained, or not be there."""

_DEEPEST = 4


def layers_of(
    library: Library, path: str, given: Mapping | None = None, depth: int = 0
) -> Iterator[tuple[str, ...]]:
    """Yield the layers of a model, each by the names of the attributes that lead to it.

    Args:
        library: Reads the class.
        path: Its dotted path.
        given: The target with its arguments; None where these are not known.
        depth: How many models were entered so far.
    """
    found = class_of(library, path)
    body = method_body(library, path, "__init__") if depth < _DEEPEST else None
    if not found or body is None or not is_module_class(library, found):
        return
    if _may_freeze(library, found):
        return
    for item in body.node.body:
        if any(isinstance(one, ast.Return) for one in all_nodes(item)):
            return
        for target, value in assigned_pairs(item):
            match target:
                case ast.Attribute(value=ast.Name(id="self"), attr=name) if _is_left_alone(
                    library, found, name, body
                ):
                    inner = _inner_layers(library, body, value, given, depth)
                    shared = _parts_taken(body, name) | _parts_taken(body, _name_in(value))
                    yield from ((name, *names) for names in inner if not {*names[:1]} & shared)


def _may_freeze(library: Library, found: ClassFound) -> bool:
    """Return whether a file of a class and its bases may freeze parameters, or take some away."""
    order = resolution_order(library, found)
    local = [one for one in order if isinstance(one, ClassFound) and one.location.local]
    files = [library.file(one.location) for one in local]
    return any(file is None or re.search(_UNSURE, file.text.text) for file in files)


def _inner_layers(
    library: Library, body: FunctionBody, value: ast.expr, given: Mapping | None, depth: int
) -> Iterator[tuple[str, ...]]:
    """Yield the layers of what an attribute becomes; an empty name for a layer itself.

    Args:
        library: Reads classes.
        body: The constructor.
        value: The expression.
        given: The target that is constructed.
        depth: How many models were entered so far.
    """
    if isinstance(value, ast.Name) and given is not None:
        part = given.get(value.id)
        path = target_path(part) if isinstance(part, Mapping) else ""
        if path and isinstance(part, Mapping) and _is_kept_alone(value.id, body):
            yield from layers_of(library, path, part, depth + 1)
    elif isinstance(value, ast.Call):
        name = dotted_name(value.func) or ""
        if _is_layer(name, value):
            yield ()
        elif re.fullmatch(_SEQUENTIAL, name) or re.fullmatch(_LISTS, name):
            for one in _listed(value.args):
                yield from _inner_layers(library, body, one, None, depth)
        elif path := _own_class(library, body, name):
            yield from layers_of(library, path, None, depth + 1)


def _is_layer(name: str, value: ast.Call) -> bool:
    plain_norm = re.fullmatch(_NORMS, name) and len(value.args) == 1 and not value.keywords
    plain = re.fullmatch(_PARAMETER, name) and len(value.args) == 1 and not value.keywords
    return bool(re.fullmatch(_LAYERS, name) or plain_norm or plain)


def _name_in(value: ast.expr) -> str:
    return value.id if isinstance(value, ast.Name) else ""


def _listed(values: list[ast.expr]) -> Iterator[ast.expr]:
    """Yield what modules are made in a list that certainly has some."""
    for value in values:
        match value:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                yield from items
            case (
                ast.ListComp(elt=item, generators=[one])
                | ast.GeneratorExp(elt=item, generators=[one])
            ) if not one.ifs and _has_items(one.iter):
                yield item
            case _:
                yield value


def _has_items(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(number))]):
            return number > 0
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return bool(items) and not any(isinstance(one, ast.Starred) for one in items)
    return False


def _own_class(library: Library, body: FunctionBody, name: str) -> str:
    """Return the dotted path of a class of the recipe that a constructor names; else nothing."""
    place = library.find_module(body.module)
    found = find_in(library, place, name) if place and name else None
    local = isinstance(found, ClassFound) and found.location.local
    return f"{found.location.name}.{found.name}" if local and isinstance(found, ClassFound) else ""


def _is_left_alone(library: Library, found: ClassFound, name: str, body: FunctionBody) -> bool:
    """Return whether code sets an attribute once, sets none of its own, and passes it to none.

    Args:
        library: Reads the classes.
        found: The class of the object.
        name: The attribute.
        body: The constructor.
    """
    passed = {one.attr for one in _passed(body) if isinstance(one, ast.Attribute)}
    try:
        tree = body.file.tree
    except (SyntaxError, ValueError, RecursionError):
        return False
    elsewhere = [one for one in _stores(tree, name) if dotted_name(one) != f"self.{name}"]
    own = [
        one
        for item in resolution_order(library, found)
        if isinstance(item, ClassFound) and item.location.local
        if (file := library.file(item.location))
        for node, _ in method_nodes(file, item.summary)
        for one in _stores(node, name)
    ]
    return len(own) == 1 and not elsewhere and name not in passed


def _stores(tree: ast.AST, name: str) -> Iterator[ast.Attribute]:
    """Yield what code sets or deletes of an attribute of that name, or in it."""
    for one in all_nodes(tree):
        match one:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                if any(getattr(inner, "attr", "") == name for inner in all_nodes(one)):
                    yield one


def _is_kept_alone(name: str, body: FunctionBody) -> bool:
    """Return whether a constructor keeps an argument as it is, and gives it to nobody else."""
    nodes = all_nodes(body.node)
    asked = [one.value for one in nodes if isinstance(one, ast.Attribute)]
    uses = [one for one in nodes if isinstance(one, ast.Name) and one.id == name]
    kept = [value for item in body.node.body for _, value in assigned_pairs(item) if value in uses]
    bare = [one for one in uses if one not in asked]
    return len(kept) == 1 and bare == kept and not is_doubtful(body.node, name)


def _parts_taken(body: FunctionBody, name: str) -> set[str]:
    """Return the attributes of a part that a constructor reads: it may share them."""
    found: set[str] = set()
    for one in all_nodes(body.node):
        match one:
            case ast.Attribute(value=ast.Name(id=whose) | ast.Attribute(attr=whose), attr=attr):
                if whose == name:
                    found.add(attr)
    return found


def _passed(body: FunctionBody) -> Iterator[ast.expr]:
    """Yield what a constructor gives to the calls in it."""
    for call in all_nodes(body.node):
        if isinstance(call, ast.Call):
            for one in (*call.args, *(word.value for word in call.keywords)):
                yield one.value if isinstance(one, ast.Starred) else one
