"""Summarise the syntax tree of a function or class: parameters, decorators, class bodies."""

import ast
from collections.abc import Iterator
from typing import Any

from espnet3_compiler.signature import split_source
from espnet3_compiler.signature.flow import (
    FunctionNode,
    dotted_name,
    kwargs_flow,
    own_nodes,
    own_returns,
)
from espnet3_compiler.signature.module_summary import (
    ClassField,
    ClassSummary,
    Decorator,
    FunctionSummary,
    ParameterSummary,
)
from espnet3_compiler.signature.own.set_attributes import set_attributes
from espnet3_compiler.signature.split_source import Branch, ModuleText, Piece

_DISPLAYS: tuple[tuple[type[ast.expr], str], ...] = (
    (ast.List, "list"),
    (ast.Dict, "dict"),
    (ast.Tuple, "list"),
    (ast.JoinedStr, "str"),
)
_CONSTANTS = (str, int, float, bool, type(None))
_CALLED_METHODS = ("__init__", "__new__", "__call__", "__class__")
_FIELD_CALLS = ("field", "dataclasses.field")


def function(text: ModuleText, piece: Piece) -> FunctionSummary:
    """Return the summary of a ``def``.

    Raises:
        SyntaxError: The piece is not Python.
    """
    node = split_source.function_node(text, piece)
    source = text.lines(piece.first, piece.last)
    return FunctionSummary(
        node.name,
        node.lineno + piece.first - 2,
        tuple(_parameter_summaries(node.args)),
        tuple(map(_decorator_summary, node.decorator_list)),
        kwargs_flow(node),
        "return" in source
        and (_returns_argument(node) or ("wraps" in source and _passes_through(node))),
        "__all__" in source,
        _drops_keywords(node),
        _alone(node, piece.first - 2),
        _what_it_gives(node),
        set_attributes(node),
    )


def _drops_keywords(node: FunctionNode) -> bool:
    name = node.args.kwarg.arg if node.args.kwarg else None
    every = (item for line in node.body for item in ast.walk(line) if isinstance(item, ast.Name))
    return name is not None and all(item.id not in (name, "locals", "vars") for item in every)


def _alone(node: FunctionNode, shift: int) -> int:
    """Return the line of the first attribute that an ``__init__`` without another one sets."""
    every = [item for line in node.body for item in ast.walk(line)]
    calls = [item for item in every if isinstance(item, ast.Attribute) and item.attr == "__init__"]
    own = node.args.posonlyargs + node.args.args
    if node.name != "__init__" or calls or not own:
        return 0
    lines = [getattr(item, "lineno", 0) for item in every if _sets(item, own[0].arg)]
    return min(lines) + shift if lines else 0


def _sets(node: ast.AST, name: str) -> bool:
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == name


def _what_it_gives(node: FunctionNode) -> str:
    """Return what a call gives at once: the function's value, or something that runs it later."""
    if isinstance(node, ast.AsyncFunctionDef):
        return "coroutine"
    later = any(isinstance(item, ast.Yield | ast.YieldFrom) for item in own_nodes(node))
    return "generator" if later else "value"


def class_(text: ModuleText, piece: Piece) -> ClassSummary:
    """Return the summary of a ``class``, its methods as pieces only.

    Raises:
        SyntaxError: The piece is not Python.
    """
    node, branches = split_source.class_branches(text, piece)
    members: dict[str, list[Piece | None]] = {}
    literals: dict[str, Any] = {}
    for name, value in _class_members(branches):
        members.setdefault(name, []).append(value if isinstance(value, Piece) else None)
        if isinstance(value, ast.Constant) and isinstance(value.value, _CONSTANTS):
            literals[name] = value.value
    metaclass = next((item.value for item in node.keywords if item.arg == "metaclass"), None)
    return ClassSummary(
        node.name,
        node.lineno + piece.first - 2,
        tuple(
            dotted_name(item.value if isinstance(item, ast.Subscript) else item) or ""
            for item in node.bases
        ),
        None if metaclass is None else dotted_name(metaclass) or "",
        tuple(map(_decorator_summary, node.decorator_list)),
        tuple(_class_fields(branches)),
        {name: tuple(values) for name, values in members.items()},
        literals,
        any(_is_open(item) for item in branches) or any(item.arg is None for item in node.keywords),
    )


def expression_kind(node: ast.expr) -> str:
    """Return ``int``, ``float``, ``str``, ``bool``, ``None``, ``list``, ``dict`` or ``other``."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, _CONSTANTS):
        return "None" if node.value is None else type(node.value).__name__
    return next((name for kind, name in _DISPLAYS if isinstance(node, kind)), "other")


def _parameter_summaries(args: ast.arguments) -> Iterator[ParameterSummary]:
    positional = [*args.posonlyargs, *args.args]
    required = len(positional) - len(args.defaults)
    for index, item in enumerate(positional):
        kind = "positional" if index < len(args.posonlyargs) else "both"
        default = expression_kind(args.defaults[index - required]) if index >= required else None
        yield _parameter_summary(item, kind, default)
    if args.vararg:
        yield _parameter_summary(args.vararg, "args", None)
    for item, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _parameter_summary(item, "keyword", None if value is None else expression_kind(value))
    if args.kwarg:
        yield _parameter_summary(args.kwarg, "kwargs", None)


def _parameter_summary(item: ast.arg, kind: str, default: str | None) -> ParameterSummary:
    return ParameterSummary(
        item.arg, kind, default, None if item.annotation is None else ast.unparse(item.annotation)
    )


def _decorator_summary(node: ast.expr) -> Decorator:
    if not isinstance(node, ast.Call):
        return Decorator(dotted_name(node) or "", ())
    given = [(item.arg or "", _first_item(item.value)) for item in node.keywords]
    literal = [(name, getattr(item, "value", ...)) for name, item in given]
    plain = [(name, value) for name, value in literal if isinstance(value, _CONSTANTS)]
    return Decorator(dotted_name(node.func) or "", tuple(plain))


def _first_item(node: ast.expr) -> ast.expr:
    return node.elts[0] if isinstance(node, ast.Tuple) and node.elts else node


def _class_members(branches: list[Branch]) -> Iterator[tuple[str, Piece | ast.expr | None]]:
    for branch in branches:
        if branch.piece:
            yield branch.piece.name, branch.piece
        elif isinstance(branch.statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for name in _assigned_names(branch.statement):
                yield name, branch.statement.value
        elif branch.statement is not None:
            shift = branch.line - branch.statement.lineno
            yield from _nested_members(branch.statement, shift)


def _nested_members(node: ast.stmt, shift: int) -> Iterator[tuple[str, Piece | ast.expr | None]]:
    for item in ast.walk(node):
        piece = split_source.piece_of(item, shift) if isinstance(item, ast.stmt) else None
        if piece:
            yield piece.name, piece
        elif isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            yield item.id, None
        elif isinstance(item, ast.alias):
            yield (item.asname or item.name).split(".")[0], None


def _assigned_names(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for item in ast.walk(target):
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
                yield item.id


def _class_fields(branches: list[Branch]) -> Iterator[ClassField]:
    by_name: bool | None = None
    for branch in branches:
        item = branch.statement
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation = ast.unparse(item.annotation)
        if annotation.rpartition(".")[2] == "KW_ONLY":
            by_name = True
        else:
            yield _class_field(item.target.id, annotation, item.value, by_name)


def _class_field(
    name: str, annotation: str, value: ast.expr | None, by_name: bool | None
) -> ClassField:
    if not isinstance(value, ast.Call) or dotted_name(value.func) not in _FIELD_CALLS:
        default = None if value is None else expression_kind(value)
        return ClassField(name, annotation, default, init=True, by_name=by_name)
    given = {item.arg: item.value for item in value.keywords}
    flags = {key: item.value for key, item in given.items() if isinstance(item, ast.Constant)}
    default = expression_kind(given["default"]) if "default" in given else None
    if default is None and "default_factory" in given:
        default = "other"
    named = flags.get("kw_only", by_name)
    named = named if isinstance(named, bool) else None
    init = flags.get("init") is not False
    return ClassField(name, annotation, default, init=init, by_name=named)


def _is_open(branch: Branch) -> bool:
    if not isinstance(branch.statement, ast.For | ast.While | ast.If | ast.Expr | ast.With):
        return False
    calls = (item for item in ast.walk(branch.statement) if isinstance(item, ast.Call))
    return any(dotted_name(item.func) in ("locals", "vars", "exec", "setattr") for item in calls)


def _returns_argument(node: FunctionNode) -> bool:
    """Return whether a decorator returns what it decorates, or is a call that gives such a one."""
    inner = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    names = _returned_names(node)
    if len(inner) == 1 and names == {inner[0].name}:
        node, names = inner[0], _returned_names(inner[0])
    first = [*node.args.posonlyargs, *node.args.args][:1]
    return bool(first) and names == {first[0].arg} and not _is_changed(node, first[0].arg)


def _returned_names(node: FunctionNode) -> set[str | None]:
    """Return the names that a function returns, with None for another value."""
    return {dotted_name(item.value) for item in own_returns(node)}


def _is_changed(node: FunctionNode, name: str) -> bool:
    """Return whether a function binds one of its names anew, or sets what is called."""
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and item.id == name and not isinstance(item.ctx, ast.Load):
            return True
        attribute = item.attr if isinstance(item, ast.Attribute) else ""
        if attribute in _CALLED_METHODS and not isinstance(getattr(item, "ctx", None), ast.Load):
            return True
        if isinstance(item, ast.Call) and dotted_name(item.func) == "setattr":
            return True
    return False


def _passes_through(node: FunctionNode) -> bool:
    """Return whether a decorator returns a wrapper that takes what the decorated function does."""
    every = [item for item in ast.walk(node) if isinstance(item, FunctionNode)]
    parameters = [item.arg for each in every for item in each.args.posonlyargs + each.args.args]
    returned = set().union(*map(_returned_names, every))
    inner = [item for item in every if item is not node and item.name in returned]
    return any(_hands_on(item, name) for item in inner for name in _wrapped(item, parameters))


def _wrapped(node: FunctionNode, parameters: list[str]) -> Iterator[str]:
    """Yield ``f`` of ``@wraps(f)`` where that is a parameter of a function around it."""
    for item in node.decorator_list:
        if isinstance(item, ast.Call) and dotted_name(item.func) in ("wraps", "functools.wraps"):
            names = map(dotted_name, item.args[:1])
            yield from (name for name in names if name in parameters)


def _hands_on(node: FunctionNode, wrapped: str) -> bool:
    """Return whether a function gives all its arguments, and no others, to another function."""
    flow, star = kwargs_flow(node), node.args.vararg
    own = [item.arg for item in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if flow is None or flow.keys or star is None or own not in ([], ["self"], ["cls"]):
        return False
    calls = [item for item in flow.forwards if item.callee == wrapped]
    exact = (item.star and not item.keywords and item.positional == len(own) for item in calls)
    return bool(calls) and all(exact) and not _is_changed(node, star.arg)
