"""What a function certainly does with an object that it gets: nodes that no condition guards.

A function where the object may be another one (assigned again, asked with ``hasattr``) is doubtful.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from espnet3_compiler.checks.data.bodies import FunctionBody, method_body
from espnet3_compiler.signature.flow import (
    FunctionNode,
    all_statements,
    child_nodes,
    nodes_of,
    own_nodes,
)
from espnet3_compiler.signature.library import Library

_CONDITIONS = (ast.If, ast.IfExp, ast.While)
_NOT_CERTAIN = (
    *(ast.Try, ast.TryStar, ast.Match, ast.Lambda),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
_BLOCKS = (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)
_FILTERING = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_RARE = frozenset((*_NOT_CERTAIN, *_BLOCKS, *_CONDITIONS, *_FILTERING, ast.BoolOp))
"""Nodes of which not all that is in them certainly runs once."""

_PLAIN = (ast.Return, ast.Raise, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_ASKING = ("hasattr", "getattr", "setattr", "isinstance", "vars", "type")


def certain_nodes(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of statements that no condition keeps from running; loops are expected to.

    Args:
        body: Statements, in order; those behind a conditional end are left out.
    """
    for item in body:
        yield from _certain_below(item)
        if not isinstance(item, _PLAIN) and _may_end(item):
            return


@lru_cache(maxsize=1 << 12)
def _may_end(statement: ast.stmt) -> bool:
    return any(isinstance(one, _ENDS) for one in all_statements(statement))


@lru_cache(maxsize=1 << 12)  # several checks go through the same functions
def _certain_below(statement: ast.stmt) -> tuple[ast.AST, ...]:
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [statement]
    for one in waiting:
        if type(one) not in _RARE:
            found.append(one)
            waiting += child_nodes(one)
        elif isinstance(one, _BLOCKS):
            found += certain_nodes(one.body)
            waiting += one.items if isinstance(one, ast.With | ast.AsyncWith) else [one.iter]
        elif isinstance(one, _CONDITIONS):
            waiting.append(one.test)
        elif isinstance(one, ast.BoolOp):
            waiting.append(one.values[0])
        elif isinstance(one, _FILTERING):
            found.append(one)
            chosen = any(loop.ifs for loop in one.generators)
            waiting += [one.generators[0].iter] if chosen else child_nodes(one)
    return tuple(found)


def positional_names(node: FunctionNode) -> list[str]:
    """Return the parameters that can be given by position, without the first: ``self``."""
    return [item.arg for item in (*node.args.posonlyargs, *node.args.args)][1:]


def is_doubtful(node: FunctionNode, name: str) -> bool:
    """Return whether a parameter may become another object, or is asked what it has."""
    return bool(nodes_of(node, ast.Try)) or is_stored(node, name) or is_asked(node, name)


def is_stored(node: ast.AST, name: str) -> bool:
    """Return whether something below a node is assigned to a name."""
    return any(
        item.id == name and not isinstance(item.ctx, ast.Load) for item in nodes_of(node, ast.Name)
    )


def is_own(node: FunctionNode, name: str) -> bool:
    """Return whether a function has a variable, argument or function of its own of a name."""
    arguments = [one.arg for one in nodes_of(node, ast.arg)]
    functions = [one.name for one in own_nodes(node) if isinstance(one, FunctionNode)]
    return is_stored(node, name) or name in (*arguments, *functions)


def may_be_another(node: FunctionNode, name: str) -> bool:
    """Return whether the name of a parameter is set anew, or one of a function inside."""
    own = nodes_of(node.args, ast.arg)
    every = nodes_of(node, ast.arg)
    return is_stored(node, name) or any(one.arg == name and one not in own for one in every)


def assigned_values(node: FunctionNode, name: str, *, kept: bool = False) -> list[ast.expr] | None:
    """Return all that a function sets a variable to; None where it does so in another way.

    Args:
        node: The function.
        name: The variable.
        kept: Whether an argument, and what ``+=`` makes of a variable, is nothing else.
    """
    given = any(one.arg == name for one in nodes_of(node.args, ast.arg))
    own = own_nodes(node)
    changed = [one.target for one in own if isinstance(one, ast.AugAssign)] if kept else []
    names = [one for one in nodes_of(node, ast.Name) if one.id == name]
    stores = [one for one in names if not isinstance(one.ctx, ast.Load) and one not in changed]
    values = [
        one.value
        for one in (own if stores else ())
        if isinstance(one, ast.Assign) and len(one.targets) == 1 and one.targets[0] in stores
    ]
    return values if len(values) == len(stores) and (kept or not given) else None


def unpacked_source(node: FunctionNode, name: str) -> tuple[ast.expr, int] | None:
    """Return what a variable that nothing else sets is unpacked from, and as which part of it."""
    given = [one for one in nodes_of(node.args, ast.arg) if one.arg == name]
    uses = (one for one in nodes_of(node, ast.Name) if one.id == name)
    stores = [*given, *(one for one in uses if not isinstance(one.ctx, ast.Load))]
    for item in own_nodes(node) if len(stores) == 1 else ():
        match item:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=source) if stores[0] in names:
                starred = any(isinstance(one, ast.Starred) for one in names)
                return None if starred else (source, names.index(stores[0]))
    return None


def makes_mapping(node: FunctionNode) -> bool:
    """Return whether a function has to do with mappings, so that it may give one."""
    written = nodes_of(node, ast.Dict, ast.DictComp)
    return bool(written) or any(item.id == "dict" for item in nodes_of(node, ast.Name))


def added_items(node: FunctionNode, name: str, read: Sequence[ast.expr]) -> list[ast.expr]:
    """Return what a function puts into a list of its own; nothing where that is not all.

    Args:
        node: The function.
        name: The list.
        read: Expressions, of which those that are the list read it as a whole.
    """
    given = assigned_values(node, name)
    if not given or not all(isinstance(one, ast.List) and not one.elts for one in given):
        return []
    uses = [one for one in nodes_of(node, ast.Name) if one.id == name]
    added: list[ast.expr] = []
    for item in nodes_of(node, ast.Call):
        match item:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr="append"), args=[value]
            ) if owner == name:
                added.append(value)
    wholes = [one for one in read if one in uses]
    return added if len(uses) == len(given) + len(added) + len(wholes) else []


def listed_items(value: ast.expr, node: FunctionNode, read: Sequence[ast.expr]) -> list[ast.expr]:
    """Return the expressions that are the items of a list; none where they are not known.

    Args:
        value: The list, or a variable that is one.
        node: The function in which it stands.
        read: Expressions, of which those that are the variable read it as a whole.
    """
    match value:
        case ast.ListComp(elt=item):
            return [item]
        case ast.List(elts=items):
            return [] if any(isinstance(one, ast.Starred) for one in items) else items
        case ast.Call(
            func=ast.Name(id="list"),
            args=[ast.Call(func=ast.Name(id="map"), args=[function, _])],
        ):
            return [ast.copy_location(ast.Call(func=function, args=[], keywords=[]), function)]
        case ast.Name(id=name):
            uses = [one for one in nodes_of(node, ast.Name) if one.id == name]
            given = assigned_values(node, name) or []
            loads = [one for one in uses if isinstance(one.ctx, ast.Load)]
            kept = len(given) == 1 and all(one in read for one in loads)
            whole = listed_items(given[0], node, read) if kept else []
            return added_items(node, name, read) or whole
    return []


def assigned_pairs(item: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """Return what a statement sets, each with its value; of ``a, b = x, y`` both."""
    match item:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            return list(zip(targets, values, strict=False)) if len(targets) == len(values) else []
        case ast.Assign(targets=targets, value=value):
            return [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
    return []


def is_asked(node: FunctionNode, name: str) -> bool:
    """Return whether a function asks a parameter what it is or has."""
    for item in nodes_of(node, ast.Call):
        match item:
            case ast.Call(func=ast.Name(id=function), args=args) if function in _ASKING:
                if _mentions(args, name):
                    return True
    return False


def _mentions(nodes: list[ast.expr], name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in nodes)


def passed_on(body: FunctionBody, name: str) -> Iterator[tuple[str, int]]:
    """Yield the methods of the same object that are given a parameter by position, and where."""
    for item in certain_nodes(body.node.body):
        match item:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="self"), attr=method), args=args
            ) if not any(isinstance(one, ast.Starred) for one in args):
                for index, one in enumerate(args):
                    if _mentions([one], name):
                        yield method, index


def called_methods(library: Library, path: str, names: Sequence[str]) -> list[FunctionBody]:
    """Return some methods of a class of the recipe, and those that they call in any case.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        names: The methods; those that the class lacks are left out.
    """
    waiting = list(names)
    for name in waiting:
        body = method_body(library, path, name)
        for item in certain_nodes(body.node.body) if body else ():
            match item:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=called)):
                    waiting += [called] if called not in waiting else []
    found = (method_body(library, path, name) for name in waiting)
    return [body for body in found if body is not None]


def kept_arguments(node: FunctionNode) -> dict[str, str]:
    """Return the attributes that a constructor sets, once, to an argument that it leaves as it is.

    Each comes with the name of the argument.
    """
    names = [one.id for one in nodes_of(node, ast.Name) if isinstance(one.ctx, ast.Store)]
    set_on = [one.attr for one in nodes_of(node, ast.Attribute) if isinstance(one.ctx, ast.Store)]
    bound = Counter([*names, *set_on])
    found: dict[str, str] = {}
    for item in node.body:
        match item:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)],
                value=ast.Name(id=argument),
            ) if bound[attribute] + bound[argument] == 1 + (attribute == argument):
                found[attribute] = argument
    return found
