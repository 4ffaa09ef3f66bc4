"""Find the calls in a function that receive its ``*args`` and ``**kwargs``."""

import ast
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, TypeVar

from espnet3_compiler.signature.module_summary import ForwardingCall, KwargsFlow

T = TypeVar("T", bound=ast.AST)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_KEY_METHODS = ("pop", "get", "setdefault")
_KEY_FUNCTIONS = ("_ovewrite_named_param",)
"""Functions that set a key of the ``kwargs`` that they get: torchvision's, which spells it so."""

_LEAVES = frozenset((ast.Name, ast.Constant, ast.Global, ast.Nonlocal))
_WORDS = (
    *("id", "attr", "arg", "name", "asname", "module", "ctx", "op", "ops", "kind", "kwd_attrs"),
    *("type_comment", "level", "conversion", "is_async", "simple"),
)
"""Kinds of nodes, and fields, without nodes that are looked for."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")


def kwargs_flow(node: FunctionNode) -> KwargsFlow | None:
    """Return where the ``**kwargs`` of a function go; None without any, or with another use."""
    if node.args.kwarg is None:
        return None
    kwargs = node.args.kwarg.arg
    args = node.args.vararg.arg if node.args.vararg else None
    forwards = []
    calls = (item for line in node.body for item in ast.walk(line) if isinstance(item, ast.Call))
    for call in calls:
        if any(item.arg is None and _is_name(item.value, kwargs) for item in call.keywords):
            forward = _forwarding_call(node, call, args, kwargs)
            if forward is None:
                return None
            forwards.append(forward)
    keys = tuple(_literal_keys(node, kwargs))
    uses = sum(1 for item in ast.walk(node) if _is_name(item, kwargs))
    return KwargsFlow(tuple(forwards), keys) if 0 < uses == len(forwards) + len(keys) else None


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _literal_keys(node: FunctionNode, kwargs: str) -> Iterator[str]:
    """Yield the literal keys that are taken out of, or looked up in, ``kwargs``."""
    for item in ast.walk(node):
        key: ast.AST | None = None
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute):
            if item.func.attr in _KEY_METHODS and _is_name(item.func.value, kwargs) and item.args:
                key = item.args[0]
        elif isinstance(item, ast.Call) and dotted_name(item.func) in _KEY_FUNCTIONS:
            key = item.args[1] if _is_name(item.args[0], kwargs) else None
        elif isinstance(item, ast.Subscript) and _is_name(item.value, kwargs):
            key = item.slice
        elif isinstance(item, ast.Compare) and isinstance(item.ops[0], ast.In | ast.NotIn):
            key = item.left if _is_name(item.comparators[0], kwargs) else None
        if (text := literal_text(key)) is not None:
            yield text


def _forwarding_call(
    node: FunctionNode, call: ast.Call, args: str | None, kwargs: str
) -> ForwardingCall | None:
    callee = _callee_name(node, call.func)
    others = [item for item in call.keywords if not _is_name(item.value, kwargs) or item.arg]
    starred = [item for item in call.args if isinstance(item, ast.Starred)]
    own_star = bool(args) and all(_is_name(item.value, args or "") for item in starred)
    if callee is None or any(item.arg is None for item in others) or (starred and not own_star):
        return None
    return ForwardingCall(
        callee,
        len(call.args) - len(starred),
        tuple(item.arg or "" for item in others),
        bool(starred),
        certain=any(getattr(statement, "value", None) is call for statement in node.body),
    )


def _callee_name(node: FunctionNode, func: ast.expr) -> str | None:
    own = node.args.posonlyargs + node.args.args
    first = own[0].arg if own else ""
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call):
        return f"super:{func.attr}" if _is_name(func.value.func, "super") else None
    name = dotted_name(func)
    if name is None:
        return None
    head, _, rest = name.partition(".")
    if head == first and first in ("self", "cls") and "." not in rest:
        return f"{head}:{rest}"
    return None if head in _local_names(node) else name


def _local_names(node: FunctionNode) -> set[str]:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    bound = {item.arg for item in every}
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and not isinstance(item.ctx, ast.Load):
            bound.add(item.id)
        elif isinstance(item, ast.alias):
            bound.add((item.asname or item.name).split(".")[0])
        elif item is not node and isinstance(item, ast.FunctionDef | ast.ClassDef):
            bound.add(item.name)
    return bound


@lru_cache(maxsize=1 << 14)  # nodes of a statement are also those of its function
def child_nodes(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return what ``ast.iter_child_nodes`` yields, but for operators and ``ast.Load`` and so on.

    Nobody looks for these, and they are every third node.
    """
    found: list[ast.AST] = []
    for name in _fields_with_nodes(type(node)):  # type: ignore[arg-type]  # a class can be a key
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += filter(None, value)
        elif isinstance(value, ast.AST):
            found.append(value)
    return tuple(found)


@cache
def _fields_with_nodes(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields in which a kind of nodes has others."""
    return () if kind in _LEAVES else tuple(one for one in kind._fields if one not in _WORDS)


@lru_cache(maxsize=1 << 12)  # several checks go through the same functions
def own_nodes(node: FunctionNode) -> tuple[ast.AST, ...]:
    """Return the nodes of a function's body, of functions and classes in it only themselves."""
    found: list[ast.AST] = list(node.body)
    for item in found:
        if type(item) not in _SCOPES:
            found += child_nodes(item)
    return tuple(found)


@lru_cache(maxsize=1 << 14)
def all_nodes(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return the nodes of a function or a part of it, as ``ast.walk`` yields them."""
    found = [node]
    for item in found:
        if type(item) not in _LEAVES:
            found += child_nodes(item)
    return tuple(found)


def nodes_of(node: ast.AST, *kinds: type[T]) -> list[T]:
    """Return the nodes of some kinds in a function or a part of it, kind by kind."""
    found = _nodes_by_kind(node)
    return [one for kind in kinds for one in found.get(kind, ())]


@lru_cache(maxsize=1 << 12)  # many checks look for names, calls and so on in the same functions
def _nodes_by_kind(node: ast.AST) -> dict[type[ast.AST], list[Any]]:
    found: dict[type[ast.AST], list[Any]] = {}
    for item in all_nodes(node):
        found.setdefault(type(item), []).append(item)
    return found


@lru_cache(maxsize=1 << 12)
def all_statements(statement: ast.AST) -> tuple[ast.AST, ...]:
    """Return a statement and those in it, each ``except`` and ``case`` included."""
    found = [statement]
    for item in found:
        found += _statements_below(item)
    return tuple(found)


def _statements_below(item: ast.AST) -> list[ast.AST]:
    return [one for name in _BLOCKS for one in getattr(item, name, ())]


@lru_cache(maxsize=1 << 12)
def own_returns(node: FunctionNode) -> tuple[ast.Return, ...]:
    """Return the ``return`` statements of a function, not those of functions in it."""
    found: list[ast.AST] = list(node.body)
    for item in found:
        if type(item) not in _SCOPES:
            found += _statements_below(item)
    return tuple(item for item in found if isinstance(item, ast.Return))


def literal_text(node: ast.AST | None) -> str | None:
    """Return the text that an expression is, or None."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def dotted_name(node: ast.expr | None) -> str | None:
    """Return ``a.b.c`` for such an expression, or None."""
    if isinstance(node, ast.Name):
        return node.id
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])
