"""Make summaries of trees: parameters, decorators, class bodies."""

import ast
from collections.abc import Iterator
from typing import Any

from espnet3_compiler.signature import outline
from espnet3_compiler.signature.flow import Def, dotted, flow_of
from espnet3_compiler.signature.outline import Branch, Piece, Text
from espnet3_compiler.signature.summary import Class, Decorator, Field, Function, Param

_DISPLAYS: tuple[tuple[type[ast.expr], str], ...] = (
    (ast.List, "list"),
    (ast.Dict, "dict"),
    (ast.Tuple, "list"),
    (ast.JoinedStr, "str"),
)
_CONSTANTS = (str, int, float, bool, type(None))
_FIELD_CALLS = ("field", "dataclasses.field")


def function(text: Text, piece: Piece) -> Function:
    """Return the summary of a ``def``.

    Raises:
        SyntaxError: The piece is not Python.
    """
    node = outline.function_node(text, piece)
    return Function(
        node.name,
        node.lineno + piece.first - 2,
        tuple(_params(node.args)),
        _decorators(node.decorator_list),
        flow_of(node),
        "wraps" in text.lines(piece.first, piece.last) and _passes_through(node),
    )


def class_(text: Text, piece: Piece) -> Class:
    """Return the summary of a ``class``, its methods as pieces only.

    Raises:
        SyntaxError: The piece is not Python.
    """
    node, branches = outline.class_branches(text, piece)
    members: dict[str, list[Piece | None]] = {}
    literals: dict[str, Any] = {}
    for name, value in _members(branches):
        members.setdefault(name, []).append(value if isinstance(value, Piece) else None)
        if isinstance(value, ast.Constant) and isinstance(value.value, _CONSTANTS):
            literals[name] = value.value
    metaclass = next((item.value for item in node.keywords if item.arg == "metaclass"), None)
    return Class(
        node.name,
        node.lineno + piece.first - 2,
        tuple(_base(item) for item in node.bases),
        None if metaclass is None else dotted(metaclass) or "",
        _decorators(node.decorator_list),
        tuple(_fields(branches)),
        {name: tuple(values) for name, values in members.items()},
        literals,
        any(_is_open(item) for item in branches) or any(item.arg is None for item in node.keywords),
    )


def type_of(node: ast.expr) -> str:
    """Return ``int``, ``float``, ``str``, ``bool``, ``None``, ``list``, ``dict`` or ``other``."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, _CONSTANTS):
        return "None" if node.value is None else type(node.value).__name__
    return next((name for kind, name in _DISPLAYS if isinstance(node, kind)), "other")


def _params(args: ast.arguments) -> Iterator[Param]:
    places = [*args.posonlyargs, *args.args]
    required = len(places) - len(args.defaults)
    for index, item in enumerate(places):
        kind = "place" if index < len(args.posonlyargs) else "both"
        default = type_of(args.defaults[index - required]) if index >= required else None
        yield _param(item, kind, default)
    if args.vararg:
        yield _param(args.vararg, "args", None)
    for item, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _param(item, "name", None if value is None else type_of(value))
    if args.kwarg:
        yield _param(args.kwarg, "kwargs", None)


def _param(item: ast.arg, kind: str, default: str | None) -> Param:
    return Param(
        item.arg, kind, default, None if item.annotation is None else ast.unparse(item.annotation)
    )


def _decorators(nodes: list[ast.expr]) -> tuple[Decorator, ...]:
    return tuple(_decorator(node) for node in nodes)


def _decorator(node: ast.expr) -> Decorator:
    if not isinstance(node, ast.Call):
        return Decorator(dotted(node) or "", ())
    literal = [
        (item.arg or "", item.value.value if isinstance(item.value, ast.Constant) else None)
        for item in node.keywords
    ]
    plain = [(name, value) for name, value in literal if isinstance(value, _CONSTANTS)]
    return Decorator(dotted(node.func) or "", tuple(plain))


def _base(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    return dotted(node) or ""


def _members(branches: list[Branch]) -> Iterator[tuple[str, Piece | ast.expr | None]]:
    for branch in branches:
        if branch.piece:
            yield branch.piece.name, branch.piece
        elif isinstance(branch.statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for name in _targets(branch.statement):
                yield name, branch.statement.value
        elif branch.statement is not None:
            shift = branch.line - branch.statement.lineno
            yield from _nested_members(branch.statement, shift)


def _nested_members(node: ast.stmt, shift: int) -> Iterator[tuple[str, Piece | ast.expr | None]]:
    for item in ast.walk(node):
        piece = outline.piece_of(item, shift) if isinstance(item, ast.stmt) else None
        if piece:
            yield piece.name, piece
        elif isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            yield item.id, None
        elif isinstance(item, ast.alias):
            yield (item.asname or item.name).split(".")[0], None


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for item in ast.walk(target):
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
                yield item.id


def _fields(branches: list[Branch]) -> Iterator[Field]:
    by_name: bool | None = None
    for branch in branches:
        item = branch.statement
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation = ast.unparse(item.annotation)
        if annotation.rpartition(".")[2] == "KW_ONLY":
            by_name = True
        else:
            yield _field(item.target.id, annotation, item.value, by_name)


def _field(name: str, annotation: str, value: ast.expr | None, by_name: bool | None) -> Field:
    if not isinstance(value, ast.Call) or dotted(value.func) not in _FIELD_CALLS:
        return Field(
            name, annotation, None if value is None else type_of(value), init=True, by_name=by_name
        )
    given = {item.arg: item.value for item in value.keywords}
    flags = {key: item.value for key, item in given.items() if isinstance(item, ast.Constant)}
    default = type_of(given["default"]) if "default" in given else None
    if default is None and "default_factory" in given:
        default = "other"
    named = flags.get("kw_only", by_name)
    return Field(
        name,
        annotation,
        default,
        init=flags.get("init") is not False,
        by_name=named if isinstance(named, bool) else None,
    )


def _is_open(branch: Branch) -> bool:
    if not isinstance(branch.statement, ast.For | ast.While | ast.If | ast.Expr | ast.With):
        return False
    calls = (item for item in ast.walk(branch.statement) if isinstance(item, ast.Call))
    return any(dotted(item.func) in ("locals", "vars", "exec", "setattr") for item in calls)


def _passes_through(node: Def) -> bool:
    """Return whether a decorator returns ``@wraps(f) def inner(*args, **kwargs)`` unchanged."""
    every = [item for item in ast.walk(node) if isinstance(item, Def)]
    wrapped = [item.arg for each in every for item in each.args.posonlyargs + each.args.args]
    inner = [item for item in every if item is not node]
    return any(_wraps(item, wrapped) for item in inner)


def _wraps(inner: Def, wrapped: list[str]) -> bool:
    named = [item for item in inner.decorator_list if isinstance(item, ast.Call) and item.args]
    if not any(
        dotted(item.func) in ("wraps", "functools.wraps") and dotted(item.args[0]) in wrapped
        for item in named
    ):
        return False
    flow = flow_of(inner)
    return flow is not None and not flow.keys and any(item.star for item in flow.forwards)
