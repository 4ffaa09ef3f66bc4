"""Attributes that a class of the recipe reads of the parts that the manifest gives it.

Passes: ``encoder.size`` in a constructor, where the class of ``encoder`` has ``self.size = …``;
a part whose attributes cannot be listed, or that may be replaced.
Fails: ``encoder.output_size`` there; ``self.encoder.encode(…)`` in ``forward`` where the encoder
has no such method.

Only what a constructor, ``forward`` or ``__call__`` and the methods that these call read in any
case is compared.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.data.bodies import FunctionBody, class_of
from espnet3_compiler.checks.data.certain_code import (
    assigned_pairs,
    called_methods,
    certain_nodes,
    is_doubtful,
)
from espnet3_compiler.checks.methods.attributes import known_attributes
from espnet3_compiler.checks.targets.nodes import (
    TargetNode,
    distinct_targets,
    find_targets,
    flag_value,
    keyword_arguments,
    target_path,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.classes import attributes_of
from espnet3_compiler.signature.definitions import ClassFound, class_location
from espnet3_compiler.signature.flow import (
    FunctionNode,
    all_nodes,
    nodes_of,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names
from espnet3_schemas import TARGET

_BEGINNINGS = ("__init__", "forward", "__call__")
_ASKING = ("hasattr", "getattr", "setattr", "isinstance", "vars", "type")
_REPLACING = ("setattr", "add_module", "register_module", "set_submodule", "get_peft_model")
_MOST_NAMED = 8


class _GivenPart(Struct, frozen=True):
    """An object that is given to a constructor.

    Attributes:
        name: The argument.
        node: The target that makes it.
        found: Its class.
        known: The attributes that it has.
    """

    name: str
    node: Mapping
    found: ClassFound
    known: frozenset[str]


class _PartRead(Struct, frozen=True):
    """What reads an attribute of a part.

    Attributes:
        body: The method.
        item: The expression.
        kept: The attribute that the part became; empty for the argument itself.
    """

    body: FunctionBody
    item: ast.Attribute
    kept: str


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R517."""
    yield from first_per_location(
        found
        for target in distinct_targets(find_targets(recipe, resolved))
        if target.judged and flag_value(target.node, "_recursive_") is not False
        for found in _check_target(recipe, resolved, target)
    )


def _check_target(recipe: Recipe, resolved: Resolved, target: TargetNode) -> Iterator[Diagnostic]:
    path = target_path(target.node)
    owner = class_of(recipe.library, path) if path else None
    if owner is None or not owner.location.local:
        return
    parts = list(_parts_of(recipe.library, target.node))
    methods = called_methods(recipe.library, path, _BEGINNINGS) if parts else []
    for part in parts:
        for read in _absent_reads(methods, part):
            replaced = read.kept and _may_be_replaced(recipe, resolved, owner, read.kept)
            if not replaced and not _is_set_outside(recipe, resolved, read.item.attr):
                yield _finding(recipe.library, read, part)


def _parts_of(library: Library, node: Mapping) -> Iterator[_GivenPart]:
    """Yield the arguments of a target that are objects whose attributes can be listed."""
    for entry in keyword_arguments(node):
        inner = entry.value
        if not isinstance(inner, Mapping) or not has_certain_keys(inner):
            continue
        path = target_path(inner)
        found = class_of(library, path) if path else None
        known = known_attributes(library, found) if found else None
        if found and known is not None:
            yield _GivenPart(entry.name, inner, found, known)


def _absent_reads(methods: list[FunctionBody], part: _GivenPart) -> Iterator[_PartRead]:
    """Yield what is certainly read of a part, or of the attribute that keeps it, and it lacks.

    Args:
        methods: The methods that are called of the object that gets the part.
        part: The part.
    """
    constructor = next((one for one in methods if one.node.name == "__init__"), None)
    args = constructor.node.args if constructor else None
    given = [one.arg for one in (*args.args, *args.kwonlyargs)] if args else []
    if constructor is None or part.name not in given or is_doubtful(constructor.node, part.name):
        return
    places = [(constructor, part.name, "")]
    for kept in _attributes_kept(constructor, part.name):
        places += [(body, f"self.{kept}", kept) for body in methods]
    for body, owner, kept in places:
        for item in _attributes_read(body, owner):
            if item.attr not in part.known and not item.attr.startswith("_"):
                yield _PartRead(body, item, kept)


def _attributes_read(body: FunctionBody, owner: str) -> list[ast.Attribute]:
    return _certain_reads(body.node).get(owner, []) if not _asks(body, owner) else []


@lru_cache(maxsize=1 << 12)  # a method reads the attributes of several objects
def _certain_reads(node: FunctionNode) -> dict[str, list[ast.Attribute]]:
    """Return the attributes that a function reads in any case, by the name of their object."""
    found: dict[str, list[ast.Attribute]] = {}
    for item in certain_nodes(node.body):
        if isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Load):
            found.setdefault(_name_of(item.value), []).append(item)
    return found


def _asks(body: FunctionBody, owner: str) -> bool:
    """Return whether a method asks what an object has, or expects that something fails."""
    for item in nodes_of(body.node, ast.Call):
        match item:
            case ast.Call(func=ast.Name(id=function), args=args) if function in _ASKING:
                if any(_name_of(one) == owner for one in args):
                    return True
    return bool(nodes_of(body.node, ast.Try))


def _attributes_kept(constructor: FunctionBody, name: str) -> Iterator[str]:
    """Yield the attributes of the object that a constructor always sets to an argument."""
    for item in constructor.node.body:
        for target, value in assigned_pairs(item):
            kept = _name_of(target).removeprefix("self.")
            if kept != _name_of(target) and isinstance(value, ast.Name) and value.id == name:
                yield kept


def _may_be_replaced(recipe: Recipe, resolved: Resolved, owner: ClassFound, name: str) -> bool:
    """Return whether code may set an attribute anew: twice in its class, or from outside."""
    every = resolution_order(recipe.library, owner)
    own = {one.location.name for one in every if isinstance(one, ClassFound) and one.location.local}
    stores = _stores(recipe, resolved)
    if stores is None:
        return True
    found = [(module, whose) for module, whose, attribute in stores if attribute == name]
    inside = [one for one in found if one[0] in own and one[1] == "self"]
    return len(inside) != 1 or any(whose != "self" for _, whose in found)


def _is_set_outside(recipe: Recipe, resolved: Resolved, name: str) -> bool:
    """Return whether code may give another object than its own an attribute."""
    stores = _stores(recipe, resolved)
    return stores is None or any(whose != "self" and one == name for _, whose, one in stores)


def _stores(recipe: Recipe, resolved: Resolved) -> list[tuple[str, str, str]] | None:
    """Return what modules of the recipe set: module, object, attribute; None if it may be any."""
    key = "attributes stored"
    if key not in resolved.memo:
        resolved.memo[key] = _find_stores(recipe, resolved)
    stores: list[tuple[str, str, str]] | None = resolved.memo[key]
    return stores


def _find_stores(recipe: Recipe, resolved: Resolved) -> list[tuple[str, str, str]] | None:
    found: list[tuple[str, str, str]] = []
    for module in recipe_modules(recipe, resolved):
        if any(word in module.file.text.text for word in _REPLACING):
            return None
        try:
            tree = module.file.tree
        except (SyntaxError, ValueError, RecursionError):
            return None
        for item in all_nodes(tree):
            match item:
                case ast.Attribute(value=owner, attr=name, ctx=ast.Store() | ast.Del()):
                    found.append((module.location.name, _name_of(owner), name))
    return found


def _name_of(node: ast.AST) -> str:
    """Return a name, or ``self.NAME``; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return f"self.{name}"
    return ""


def _finding(library: Library, read: _PartRead, part: _GivenPart) -> Diagnostic:
    """Return the finding about an attribute.

    Args:
        library: Reads the class of the part.
        read: What reads it.
        part: The object that lacks it.
    """
    inherited = {
        name
        for one in resolution_order(library, part.found)
        if isinstance(one, ClassFound) and not one.location.local
        for name in attributes_of(library, one)
    }
    own = sorted(one for one in part.known - inherited if not one.startswith("_"))
    name, where = read.item.attr, class_location(part.found)
    target = part.node.get(TARGET)
    return Diagnostic(
        "R517",
        f'{part.found.location.name}.{part.found.name} has no attribute "{name}"',
        Label(read.body.span_in(read.item, name), f'read of the argument "{part.name}"'),
        (Label(use_location(target), "given here"),) if target else (),
        did_you_mean(closest_match(name, own), f"set self.{name} in the class"),
        (f"defined at {where}" + (f", with {format_names(own, _MOST_NAMED)}" if own else ""),),
    )
