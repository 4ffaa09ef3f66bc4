"""List a module's imports, and the bindings of its names with conditions and ``__all__``."""

import ast
import builtins
import re
import symtable
import sys
from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from espnet3_compiler.signature import split_source
from espnet3_compiler.signature.extract import expression_kind
from espnet3_compiler.signature.flow import FunctionNode, dotted_name
from espnet3_compiler.signature.module_summary import (
    Binding,
    Import,
    ImportTime,
    ModuleSummary,
    UnboundName,
)
from espnet3_compiler.signature.split_source import Branch, ModuleText

_DYNAMIC_NAMES = re.compile(
    r"\bglobals\(\)(?:\[[^\]]*\]\s*=[^=]|\.update|\.setdefault|\s*$)|\bvars\(\)|\blocals\(\)\["
    r"|\bexec\(|\b_convert_\(|\bsys\.modules\[|\bsetattr\(\s*sys\.modules|\b__getattr__\b",
    re.MULTILINE,
)
_DYNAMIC_WORDS = (
    *("globals()", "vars()", "locals()", "exec(", "_convert_(", "sys.modules", "__getattr__"),
)
_KNOWN = frozenset(dir(builtins))
_LIST_DISPLAYS = (ast.List, ast.Tuple, ast.Set)
_BLOCKS = (
    *(ast.If, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match),
    *(ast.For, ast.AsyncFor, ast.While),
)


class _ModuleBindings(Struct):
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[tuple[str, int]] = field(default_factory=list)
    lazy_stars: list[str] = field(default_factory=list)
    exports: list[str] | None = None
    listed: int = 0
    patched: list[str] = field(default_factory=list)

    def add(self, name: str, binding: Binding) -> None:
        self.bindings.setdefault(name, []).append(binding)


class _BindingContext(Struct, frozen=True):
    """Under which condition a statement runs, and whether it runs at all."""

    level: str = "plain"
    runs: bool = True


def index(text: ModuleText) -> ModuleSummary:
    """Return the bindings of a module.

    Raises:
        SyntaxError: The text is not Python.
    """
    found = _ModuleBindings()
    _index_branches(split_source.module_branches(text), _BindingContext(), found)
    source = text.text
    only_lists = found.exports is not None and source.count("__all__") == found.listed
    may_be_open = any(word in source for word in _DYNAMIC_WORDS)
    return ModuleSummary(
        {name: tuple(items) for name, items in found.bindings.items()},
        tuple(found.stars),
        tuple(found.exports or ()) if only_lists else None,
        may_be_open and _DYNAMIC_NAMES.search(source) is not None,
        tuple(dict.fromkeys(found.patched)),
        tuple(dict.fromkeys(found.lazy_stars)),
    )


def _index_branches(
    branches: list[Branch], context: _BindingContext, found: _ModuleBindings
) -> None:
    for branch in branches:
        if branch.piece:
            first, last = branch.piece.first, branch.piece.last
            binding = Binding("piece", context.level, piece=branch.piece, first=first, last=last)
            found.add(branch.piece.name, binding)
        elif branch.statement is not None:
            _index_statement(branch.statement, context, found)


def _index_body(nodes: list[ast.stmt], context: _BindingContext, found: _ModuleBindings) -> None:
    branches = [Branch(item.lineno, item, split_source.piece_of(item, 0)) for item in nodes]
    _index_branches(branches, context, found)


def _index_statement(node: ast.stmt, context: _BindingContext, found: _ModuleBindings) -> None:
    match node:
        case ast.Import() | ast.ImportFrom():
            _index_import(node, context, found)
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            _index_assignment(node, context, found)
        case ast.If():
            _index_condition(node, context, found)
        case ast.Try():
            _index_body(node.body, context, found)
            for handler in node.handlers:
                _index_body(handler.body, replace(context, level="weak"), found)
            _index_body(node.orelse + node.finalbody, context, found)
        case ast.With() | ast.For() | ast.While():
            _bind_unknown(node, context, found)
            _index_body(node.body, context, found)
            _index_body(getattr(node, "orelse", []), context, found)
        case ast.Expr(value=ast.Call(func=ast.Name(id="setattr"), args=[target, key, _])):
            name = str(key.value) if isinstance(key, ast.Constant) else ""
            found.patched.append(f"{dotted_name(target) or ''}.{name}")
        case ast.Expr() | ast.Pass() | ast.Assert() | ast.Raise():
            pass
        case _:
            _bind_unknown(node, context, found)


def _index_condition(node: ast.If, context: _BindingContext, found: _ModuleBindings) -> None:
    if _is_for_types(node.test):
        _index_body(node.body, _BindingContext("weak", runs=False), found)
        _index_body(node.orelse, context, found)
        return
    taken = _version_test(node.test)
    if taken is None and context.level != "weak":
        context = replace(context, level="branch")
    if taken is not False:
        _index_body(node.body, context, found)
    if taken is not True:
        _index_body(node.orelse, context, found)


def _index_import(
    node: ast.Import | ast.ImportFrom, context: _BindingContext, found: _ModuleBindings
) -> None:
    first, last = node.lineno, node.end_lineno or node.lineno
    if isinstance(node, ast.Import):
        for item in node.names:
            source = item.name if item.asname else item.name.partition(".")[0]
            binding = Binding("module", context.level, source=source, first=first, last=last)
            found.add(item.asname or source, binding)
        return
    source = "." * node.level + (node.module or "")
    for item in node.names:
        if item.name == "*" and context.runs:
            found.stars.append((source, node.lineno))
        elif item.name == "*":
            found.lazy_stars.append(source)
        else:
            binding = Binding("import", context.level, source, item.name, None, first, last)
            found.add(item.asname or item.name, binding)


def _index_assignment(
    node: ast.Assign | ast.AnnAssign | ast.AugAssign,
    context: _BindingContext,
    found: _ModuleBindings,
) -> None:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            if target.id == "__all__":
                _record_exports(node, found)
            elif node.value is not None:
                found.add(target.id, _value_binding(node, node.value, context))
        elif isinstance(target, ast.Attribute):
            found.patched.append(dotted_name(target) or "")
        else:
            _bind_unknown(target, context, found)


def _value_binding(node: ast.stmt, value: ast.expr, context: _BindingContext) -> Binding:
    kind, text, source = "unknown", "", ""
    if name := dotted_name(value):
        kind, text = "name", name
    elif isinstance(value, ast.Call):
        kind, text = "call", dotted_name(value.func) or ""
        source = dotted_name(value.args[0]) or "" if value.args else ""
    elif isinstance(value, ast.Subscript | ast.BinOp):
        kind, text = "expression", ast.unparse(value)
    elif (literal := expression_kind(value)) != "other":
        kind, text = "constant", literal
    last = node.end_lineno or node.lineno
    return Binding(kind, context.level, source, text, first=node.lineno, last=last)


def _record_exports(
    node: ast.Assign | ast.AnnAssign | ast.AugAssign, found: _ModuleBindings
) -> None:
    items = node.value.elts if isinstance(node.value, _LIST_DISPLAYS) else None
    names = [item.value for item in items or [] if isinstance(item, ast.Constant)]
    if items is not None and len(names) == len(items):
        found.listed += 1
        found.exports = [*(found.exports or []), *(str(name) for name in names)]


def _bind_unknown(node: ast.AST, context: _BindingContext, found: _ModuleBindings) -> None:
    """Note every name that a statement binds in another way (loops, ``with``, ``del`` …)."""
    for item in ast.walk(node):
        name = (
            getattr(item, "name", None) if isinstance(item, ast.MatchAs | ast.MatchStar) else None
        )
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store | ast.Del):
            name = item.id
        if name:
            found.add(name, Binding("unknown", context.level, first=getattr(node, "lineno", 0)))


def _version_test(node: ast.expr) -> bool | None:
    """Return the outcome of ``sys.version_info >= (3, 10)``; None for another condition."""
    if not isinstance(node, ast.Compare) or dotted_name(node.left) != "sys.version_info":
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


def imports_of(tree: ast.Module) -> tuple[Import, ...]:
    """Return the imports of a module, without those for type checkers only."""
    return tuple(_imports_in(tree.body, "always"))


def _imports_in(body: list[ast.stmt], time: ImportTime) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _names_of(node, time)
        elif isinstance(node, ast.ClassDef):
            yield from _imports_in(node.body, time)
        elif isinstance(node, FunctionNode):
            yield from _imports_in(node.body, "called" if time == "always" else time)
        elif isinstance(node, ast.If) and _is_for_types(node.test):
            yield from _imports_in(node.orelse, time)
        elif isinstance(node, _BLOCKS):
            for block in _blocks_of(node):
                yield from _imports_in(block, "maybe")


def _blocks_of(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement, those of its ``except`` and ``case`` included."""
    for part in ("body", "orelse", "finalbody"):
        yield getattr(node, part, [])
    for item in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield item.body


def _is_for_types(test: ast.expr) -> bool:
    return (dotted_name(test) or "").rpartition(".")[2] == "TYPE_CHECKING"


def _names_of(node: ast.Import | ast.ImportFrom, time: ImportTime) -> Iterator[Import]:
    lines = node.lineno, node.end_lineno or node.lineno
    if isinstance(node, ast.Import):
        yield from (Import(*lines, item.name, "", time) for item in node.names)
    else:
        source = "." * node.level + (node.module or "")
        yield from (Import(*lines, source, item.name, time) for item in node.names)


def unbound_names(text: ModuleText) -> tuple[UnboundName, ...]:
    """Return the global names that the scopes of a module read and it does not define.

    Raises:
        SyntaxError: Python finds names at odds: an argument twice, a nonlocal of nothing.
    """
    table = symtable.symtable(text.text, "module", "exec")
    scopes = list(_scopes(table))
    return tuple(_unbound(scopes, _bound(table, scopes) | _KNOWN))


def bound_names(text: ModuleText) -> frozenset[str]:
    """Return what a module defines at its top, or by ``global`` anywhere in it."""
    table = symtable.symtable(text.text, "module", "exec")
    return _bound(table, list(_scopes(table)))


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _bound(table: symtable.SymbolTable, scopes: list[symtable.SymbolTable]) -> frozenset[str]:
    top = {one.get_name() for one in table.get_symbols() if _binds(one)}
    declared = {
        one.get_name()
        for scope in scopes
        for one in scope.get_symbols()
        if one.is_declared_global() and _binds(one)
    }
    return frozenset(top | declared)


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _unbound(scopes: list[symtable.SymbolTable], bound: frozenset[str]) -> Iterator[UnboundName]:
    for scope in scopes:
        symbols = scope.get_symbols()
        idle = [one for one in symbols if one.is_parameter() and not one.is_referenced()]
        names = tuple(one.get_name() for one in idle if one.get_name() not in ("self", "cls"))
        for one in symbols:
            name = one.get_name()
            known = name in bound or name.startswith("_")
            if one.is_global() and one.is_referenced() and not known:
                yield UnboundName(name, scope.get_lineno(), names)
