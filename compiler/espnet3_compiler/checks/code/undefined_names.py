"""Names in a recipe's modules that nothing defines: a renaming done by half, a forgotten import.

Passes: ``spm.Processor()`` below ``import sentencepiece as spm``; a name that a function declares
``global``; modules with ``import *``, or that make names while they run.
Fails: ``sentencepiece.Processor()`` below ``import sentencepiece as spm``; ``size`` in a function
whose parameter is now called ``width``.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from espnet3_compiler.checks.code.modules import RecipeModule
from espnet3_compiler.checks.code.syntax import not_python
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.signature import split_source
from espnet3_compiler.signature.library import SyntaxMistake
from espnet3_compiler.signature.module_summary import Binding
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.unknown_name import did_you_mean

_KNOWN = frozenset(dir(builtins))
_GUARDED = re.compile(r"\bNameError\b|\bexec\(|\bglobals\(\)|\bvars\(\)|\bbuiltins\b")
"""Code that expects a name to be missing, or that makes names while it runs."""


@dataclass(frozen=True, slots=True)
class _Unbound:
    """A name that a scope reads and nothing defines.

    Attributes:
        name: The name.
        line: The line at which the scope begins, from 1.
        idle: The parameters of the scope that it never reads.
    """

    name: str
    line: int
    idle: tuple[str, ...]


def check_undefined_names(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R522, once for each name of a module, and R510 where Python finds names at odds."""
    for module in modules:
        text = module.file.text.text
        if module.file.module is None:
            continue
        try:
            table = symtable.symtable(text, module.file.name, "exec")
        except SyntaxError as error:  # an argument twice, a nonlocal of nothing …
            found = SyntaxMistake(error.lineno or 1, error.offset or 1, error.msg)
            yield not_python(module, found)
            continue
        if not (module.file.module.stars or module.file.module.open or _GUARDED.search(text)):
            yield from _check_module(module, table)


def _check_module(module: RecipeModule, table: symtable.SymbolTable) -> Iterator[Diagnostic]:
    scopes = list(_scopes(table))
    bound = _bound_names(table, scopes)
    seen: set[str] = set()
    for item in _unbound(scopes, bound):
        if item.name not in seen:
            seen.add(item.name)
            yield _finding(module, item, bound)


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _bound_names(
    table: symtable.SymbolTable, scopes: Sequence[symtable.SymbolTable]
) -> frozenset[str]:
    """Return what a module defines at its top, or by ``global`` anywhere in it."""
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


def _unbound(scopes: Sequence[symtable.SymbolTable], bound: frozenset[str]) -> Iterator[_Unbound]:
    """Yield the global names that scopes read and the module does not have."""
    for scope in scopes:
        symbols = scope.get_symbols()
        idle = [one for one in symbols if one.is_parameter() and not one.is_referenced()]
        names = tuple(one.get_name() for one in idle if one.get_name() not in ("self", "cls"))
        for one in symbols:
            name = one.get_name()
            known = name in bound or name in _KNOWN or name.startswith("_")
            if one.is_global() and one.is_referenced() and not known:
                yield _Unbound(name, scope.get_lineno(), names)


def _finding(module: RecipeModule, item: _Unbound, bound: frozenset[str]) -> Diagnostic:
    node = _first_use(module, item)
    label = Label(module.file.expression_span(node, item.name), "defined nowhere")
    near = _meant_name(module, item, bound)
    return Diagnostic(
        "R522",
        f'"{item.name}" is no name of {module.file.source.name}',
        label,
        (Label(use_location(module.name), "imported for this"),),
        help=did_you_mean(near, "define it, or import it"),
    )


def _first_use(module: RecipeModule, item: _Unbound) -> ast.Name:
    """Return where a scope reads a name first."""
    tree = split_source.parse_module(module.file.text.text)
    uses = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == item.name and node.lineno >= item.line
    ]
    return min(uses, key=lambda node: (node.lineno, node.col_offset))


def _meant_name(module: RecipeModule, item: _Unbound, bound: frozenset[str]) -> str | None:
    """Return the name that an import gives now, that is near, or the one parameter left unread."""
    for name, rows in module.file.module.bindings.items() if module.file.module else ():
        if any(_is_of(row, item.name) for row in rows):
            return name
    near = closest_match(item.name, sorted(bound | set(item.idle)))
    return near or (item.idle[0] if len(item.idle) == 1 else None)


def _is_of(row: Binding, name: str) -> bool:
    """Return whether a binding is an import of something with this name."""
    return row.kind in ("module", "import") and name in (row.source, row.value)
