"""Find what a module's names are bound to, with conditions, star imports and ``__all__``."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from espnet3_compiler.signature import outline
from espnet3_compiler.signature.extract import type_of
from espnet3_compiler.signature.flow import dotted
from espnet3_compiler.signature.outline import Branch, Text
from espnet3_compiler.signature.summary import Binding, Module

_OPEN = re.compile(
    r"\bglobals\(\)(?:\[[^\]]*\]\s*=[^=]|\.update|\.setdefault|\s*$)|\bvars\(\)|\blocals\(\)\["
    r"|\bexec\(|\bsys\.modules\[|\bsetattr\(\s*sys\.modules|\b__getattr__\b",
    re.MULTILINE,
)
_OPEN_WORDS = ("globals()", "vars()", "locals()", "exec(", "sys.modules", "__getattr__")
_DISPLAY = (ast.List, ast.Tuple, ast.Set)


@dataclass
class _Found:
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[tuple[str, int]] = field(default_factory=list)
    exports: list[str] | None = None
    listed: int = 0
    patched: list[str] = field(default_factory=list)

    def add(self, name: str, binding: Binding) -> None:
        self.bindings.setdefault(name, []).append(binding)


@dataclass(frozen=True)
class _Context:
    """Where a statement stands: under which condition, and whether it runs at all."""

    level: str = "plain"
    runs: bool = True

    def branch(self) -> "_Context":
        return self if self.level == "weak" else replace(self, level="branch")


def index(text: Text) -> Module:
    """Return the bindings of a module.

    Raises:
        SyntaxError: The text is not Python.
    """
    found = _Found()
    _walk(outline.module_branches(text), _Context(), found)
    return Module(
        {name: tuple(items) for name, items in found.bindings.items()},
        tuple(found.stars),
        _exported(found, text.text),
        _is_open(text.text),
        tuple(dict.fromkeys(found.patched)),
    )


def _is_open(text: str) -> bool:
    return any(word in text for word in _OPEN_WORDS) and _OPEN.search(text) is not None


def _exported(found: _Found, text: str) -> tuple[str, ...] | None:
    """Return ``__all__``; None where something else than plain lists may add to it."""
    names = found.exports
    if names is None or text.count("__all__") != found.listed:
        return None
    return tuple(names)


def _walk(branches: list[Branch], context: _Context, found: _Found) -> None:
    for branch in branches:
        if branch.piece:
            first, last = branch.piece.first, branch.piece.last
            binding = Binding("piece", context.level, piece=branch.piece, first=first, last=last)
            found.add(branch.piece.name, binding)
        elif branch.statement is not None:
            _statement(branch.statement, context, found)


def _body(nodes: list[ast.stmt], context: _Context, found: _Found) -> None:
    _walk([Branch(item.lineno, item, outline.piece_of(item, 0)) for item in nodes], context, found)


def _statement(node: ast.stmt, context: _Context, found: _Found) -> None:
    match node:
        case ast.Import() | ast.ImportFrom():
            _import(node, context, found)
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            _assign(node, context, found)
        case ast.If():
            _condition(node, context, found)
        case ast.Try():
            _body(node.body, context, found)
            for handler in node.handlers:
                _body(handler.body, replace(context, level="weak"), found)
            _body(node.orelse + node.finalbody, context, found)
        case ast.With() | ast.For() | ast.While():
            _bound(node, context, found)
            _body(node.body, context, found)
            _body(getattr(node, "orelse", []), context, found)
        case ast.Expr() | ast.Pass() | ast.Assert() | ast.Raise():
            pass
        case _:
            _bound(node, context, found)


def _condition(node: ast.If, context: _Context, found: _Found) -> None:
    if (dotted(node.test) or "").endswith("TYPE_CHECKING"):
        _body(node.body, _Context("weak", runs=False), found)
        _body(node.orelse, context, found)
        return
    taken = _version_test(node.test)
    if taken is not False:
        _body(node.body, context if taken else context.branch(), found)
    if taken is not True:
        _body(node.orelse, context if taken is False else context.branch(), found)


def _import(node: ast.Import | ast.ImportFrom, context: _Context, found: _Found) -> None:
    first, last = node.lineno, node.end_lineno or node.lineno
    if isinstance(node, ast.Import):
        for item in node.names:
            source = item.name if item.asname else item.name.partition(".")[0]
            binding = Binding("module", context.level, source=source, first=first, last=last)
            found.add(item.asname or source, binding)
        return
    source = "." * node.level + (node.module or "")
    for item in node.names:
        if item.name == "*":
            found.stars += [(source, node.lineno)] if context.runs else []
        else:
            binding = Binding(
                "import", context.level, source=source, value=item.name, first=first, last=last
            )
            found.add(item.asname or item.name, binding)


def _assign(
    node: ast.Assign | ast.AnnAssign | ast.AugAssign, context: _Context, found: _Found
) -> None:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            if target.id == "__all__":
                _exports(node, found)
            elif node.value is not None:
                found.add(target.id, _value(node, node.value, context))
        elif isinstance(target, ast.Attribute):
            found.patched.append(dotted(target) or "")
        else:
            _bound(target, context, found)


def _value(node: ast.stmt, value: ast.expr, context: _Context) -> Binding:
    first, last = node.lineno, node.end_lineno or node.lineno
    name = dotted(value)
    if name:
        return Binding("name", context.level, value=name, first=first, last=last)
    if isinstance(value, ast.Call):
        return Binding(
            "call", context.level, value=dotted(value.func) or "", first=first, last=last
        )
    if isinstance(value, ast.Subscript | ast.BinOp):
        return Binding(
            "expression", context.level, value=ast.unparse(value), first=first, last=last
        )
    kind = type_of(value)
    if kind == "other":
        return Binding("unknown", context.level, first=first, last=last)
    return Binding("constant", context.level, value=kind, first=first, last=last)


def _exports(node: ast.Assign | ast.AnnAssign | ast.AugAssign, found: _Found) -> None:
    items = node.value.elts if isinstance(node.value, _DISPLAY) else None
    names = [item.value for item in items or [] if isinstance(item, ast.Constant)]
    if items is not None and len(names) == len(items):
        found.listed += 1
        found.exports = [*(found.exports or []), *(str(name) for name in names)]


def _bound(node: ast.AST, context: _Context, found: _Found) -> None:
    """Note every name that a statement binds in another way (loops, ``with``, ``del`` …)."""
    for name in _stored(node):
        found.add(name, Binding("unknown", context.level, first=getattr(node, "lineno", 0)))


def _stored(node: ast.AST) -> Iterator[str]:
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store | ast.Del):
            yield item.id
        elif isinstance(item, ast.MatchAs | ast.MatchStar) and item.name:
            yield item.name


def _version_test(node: ast.expr) -> bool | None:
    """Return the outcome of ``sys.version_info >= (3, 10)``; None for another condition."""
    if not isinstance(node, ast.Compare) or dotted(node.left) != "sys.version_info":
        return None
    try:
        wanted = ast.literal_eval(node.comparators[0])
    except ValueError:
        return None
    match node.ops[0]:
        case ast.GtE():
            return bool(sys.version_info[:2] >= wanted)
        case ast.Lt():
            return bool(sys.version_info[:2] < wanted)
    return None
