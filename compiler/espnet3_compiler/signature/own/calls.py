"""List the calls in a module of a recipe whose callee its text makes certain.

Certain are names at the top of the module that no function hides, methods of the object itself
(``self.encode(…)``) and ``super().encode(…)``. Left out is what may be meant to fail, or to run
with another version of a library only.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate

from msgspec import Struct

from espnet3_compiler.signature.flow import FunctionNode, dotted_name
from espnet3_compiler.signature.module_summary import Binding, CodeCall, CodeWord, ModuleSummary

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)
_OTHER_SELF = ("staticmethod", "classmethod")
_STATIC_METHODS = ("__new__", "__init_subclass__", "__class_getitem__")
_CAUGHT = frozenset(("TypeError", "Exception", "BaseException"))
_EXPECTS = re.compile(r"raises|suppress|Raises|warns")
_OF_VERSIONS = re.compile(
    r"[vV]ersion|VERSION|hasattr|signature|is_\w+_available|find_spec|\b_?[A-Z][A-Z0-9_]+\b"
)
"""Conditions under which code may be for another version of a library."""


class _Unit(Struct, frozen=True):
    """A part of a module in which names mean the same.

    Attributes:
        node: A function, or another statement.
        hidden: The names that it may give another meaning.
        owner: The class around a method.
        own: The name of a method's object; empty where it is not certain.
    """

    node: ast.stmt
    hidden: frozenset[str]
    owner: str = ""
    own: str = ""


def calls_of(tree: ast.Module, module: ModuleSummary) -> tuple[CodeCall, ...]:
    """Return the calls in a module whose callee is certain.

    Args:
        tree: The module.
        module: Its bindings.
    """
    changed = frozenset(name for item in ast.walk(tree) for name in _changed_names(item))
    known = {name for name, rows in module.bindings.items() if _is_certain(rows)} - changed
    found = (
        call
        for unit in _units(tree.body)
        if not _is_of_versions(unit.node)
        for node in _unguarded(unit.node)
        if isinstance(node, ast.Call)
        and (call := _call(node, unit)) is not None
        and (call.owner or call.callee.partition(".")[0]) in known
        and changed.isdisjoint(accumulate(call.word.text.split("."), "{}.{}".format))
    )
    return tuple(sorted(found, key=lambda call: (call.word.line, call.word.column)))


def _is_certain(rows: tuple[Binding, ...]) -> bool:
    """Return whether a name is bound once, to what can be called or have functions in it."""
    plain = len(rows) == 1 and rows[0].level == "plain"
    return plain and rows[0].kind in ("import", "module", "piece", "name", "call")


def _changed_names(node: ast.AST) -> Iterator[str]:
    """Yield what code sets from outside or declares global: names that are bound in two ways."""
    if isinstance(node, ast.Global):
        yield from node.names
    elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield dotted_name(node) or ""


def _units(body: Iterable[ast.stmt]) -> Iterator[_Unit]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _class_units(node)
        else:
            yield _Unit(node, _hidden_names(node))


def _class_units(node: ast.ClassDef) -> Iterator[_Unit]:
    members = frozenset(name for item in node.body for name in _bound_names(item))
    for item in node.body:
        if isinstance(item, FunctionNode):
            yield _Unit(item, _hidden_names(item), node.name, _own_name(item))
        else:
            yield _Unit(item, members)


def _own_name(node: FunctionNode) -> str:
    """Return the name of a method's object; empty where it has none, or gives it up."""
    decorators = {dotted_name(item) for item in node.decorator_list}
    first = next(iter((*node.args.posonlyargs, *node.args.args)), None)
    if first is None or decorators & {*_OTHER_SELF} or node.name in _STATIC_METHODS:
        return ""
    names = [name for line in node.body for item in ast.walk(line) for name in _names_in(item)]
    inner = any(isinstance(item, ast.ClassDef) for item in ast.walk(node))
    return "" if inner or first.arg in names else first.arg


def _hidden_names(node: ast.stmt) -> frozenset[str]:
    """Return the names that a statement at the top of a module, or a method, binds inside it."""
    if isinstance(node, FunctionNode):
        every = [item for item in ast.walk(node) if item is not node]
        return frozenset(name for item in every for name in _names_in(item))
    scopes = [item for item in ast.walk(node) if isinstance(item, _SCOPES)]
    return frozenset(name for item in scopes for name in _bound_names(item))


def _bound_names(node: ast.AST) -> Iterator[str]:
    for item in ast.walk(node):
        yield from _names_in(item)


def _names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.alias(name=name, asname=given):
            yield (given or name).split(".")[0]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.ExceptHandler(name=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _unguarded(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is in it, without code that is expected to fail."""
    waiting = [node]
    for item in waiting:
        if not _expects_failure(item):
            yield item
            waiting += ast.iter_child_nodes(item)


def _expects_failure(node: ast.AST) -> bool:
    match node:
        case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers):
            return any(map(_catches, handlers))
        case ast.With(items=items) | ast.AsyncWith(items=items):
            return any(_EXPECTS.search(ast.unparse(item.context_expr)) for item in items)
    return False


def _catches(handler: ast.ExceptHandler) -> bool:
    """Return whether an ``except`` takes what a wrong call raises."""
    named = ast.walk(handler.type) if handler.type else ()
    names = {item.id for item in named if isinstance(item, ast.Name)}
    return handler.type is None or not _CAUGHT.isdisjoint(names)


def _is_of_versions(node: ast.stmt) -> bool:
    tests = [item.test for item in ast.walk(node) if isinstance(item, ast.If | ast.IfExp)]
    return any(_OF_VERSIONS.search(ast.unparse(item)) for item in tests)


def _call(node: ast.Call, unit: _Unit) -> CodeCall | None:
    """Return a call, or None where a function may give the callee's name another meaning."""
    callee = _callee(node.func, unit)
    if not callee:
        return None
    kind, colon, name = callee.rpartition(":")
    starred = sum(isinstance(item, ast.Starred) for item in node.args)
    named = [item for item in node.keywords if item.arg is not None]
    shown = f"super().{name}" if kind == "super" else dotted_name(node.func) or name
    return CodeCall(
        callee,
        unit.owner if colon else "",
        CodeWord(shown, node.func.lineno, node.func.col_offset),
        len(node.args) - starred,
        tuple(CodeWord(item.arg or "", item.lineno, item.col_offset) for item in named),
        starred > 0 or len(named) < len(node.keywords),
    )


def _callee(node: ast.expr, unit: _Unit) -> str:
    """Return ``NAME``, ``self:NAME`` or ``super:NAME``; empty for what is not certain."""
    if isinstance(node, ast.Attribute) and unit.own and "super" not in unit.hidden:
        match node.value:
            case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]):
                return f"super:{node.attr}"
            case ast.Call(func=ast.Name(id="super"), args=[ast.Name(id=first), ast.Name(id=own)]):
                return f"super:{node.attr}" if (first, own) == (unit.owner, unit.own) else ""
            case ast.Name(id=own) if own == unit.own:
                return f"self:{node.attr}"
    name = dotted_name(node) or ""
    return "" if name.partition(".")[0] in unit.hidden else name
