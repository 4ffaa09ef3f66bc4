"""Split a Python file of a recipe into statements and the names they use, without importing it."""

import ast
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeGuard

from espnet3_runtime.incremental.held_code import held_place, read_code

_DYNAMIC = frozenset({"globals", "eval", "exec"})
_IMPORTERS = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class Imported:
    """Where a name comes from: ``import module`` (no attribute) or ``from module import it``.

    Attributes:
        module: Absolute dotted name.
        attribute: The name taken from it, ``*`` for all.
        chained: ``import a.b`` binds only ``a``; the chain of names shows what is used of it.
    """

    module: str
    attribute: str | None = None
    chained: bool = False


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a module, and the names that it uses.

    Attributes:
        node: Its syntax tree, without docstrings.
        chains: Dotted names that it reads, for example ``("np", "load")``.
        imports: Imports inside of it, by the name that they bind.
        texts: String constants.
        uses_all: It may use any name of the module (``globals()``, ``eval``).
        imports_any: It imports a module whose name is not known before it runs.
        bases: Base classes of a class.
        has_hook: It is a class with ``__init_subclass__``.
    """

    node: ast.stmt
    chains: frozenset[tuple[str, ...]]
    imports: tuple[tuple[str, Imported], ...]
    texts: frozenset[str]
    uses_all: bool
    imports_any: bool
    bases: tuple[tuple[str, ...], ...] = ()
    has_hook: bool = False

    @cached_property
    def digest(self) -> str:
        """The hash of its syntax tree: comments and layout do not count."""
        return hashlib.sha256(ast.dump(self.node).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Module:
    """A parsed file.

    Attributes:
        statements: Every top-level statement that matters, in order.
        always: Indices of those that act when the module is imported.
        bindings: Indices of those that bind a name.
        imports: What the module imports at the top level, by the name that it binds.
        stars: Modules of ``from module import *``.
    """

    statements: tuple[Statement, ...] = ()
    always: tuple[int, ...] = ()
    bindings: dict[str, tuple[int, ...]] = field(default_factory=dict)
    imports: dict[str, Imported] = field(default_factory=dict)
    stars: tuple[str, ...] = ()


def read_module(path: Path, name: str) -> Module | None:
    """Parse a file; None when it is not valid Python.

    Args:
        path: The file.
        name: Its dotted name, with ``.__init__`` when it is a package, for relative imports.
    """
    return _parse_module(read_code(path), name)


@lru_cache(maxsize=1024)
def _parse_module(source: bytes, name: str) -> Module | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    _drop_docstrings(tree)
    statements: list[Statement] = []
    always: list[int] = []
    bindings: dict[str, list[int]] = {}
    imports: dict[str, Imported] = {}
    for node in tree.body:
        is_type_checking = (
            isinstance(node, ast.If)
            and not node.orelse
            and any(chain[-1] == "TYPE_CHECKING" for chain in _dotted_names(node.test))
        )
        if isinstance(node, ast.Pass) or is_type_checking:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(_imported_names(node, name))
            continue
        statement = _analyze_statement(node, name)
        names = _bound_names(node)
        for bound in names:
            bindings.setdefault(bound, []).append(len(statements))
        if not names or _has_import_effects(node):
            always.append(len(statements))
            imports.update(statement.imports)
        statements.append(statement)
    stars = tuple(found.module for found in imports.values() if found.attribute == "*")
    plain = {bound: found for bound, found in imports.items() if found.attribute != "*"}
    frozen = {bound: tuple(indices) for bound, indices in bindings.items()}
    return Module(tuple(statements), tuple(always), frozen, plain, stars)


def only_method(statement: Statement, name: str, method: str) -> Statement:
    """Return a class without the public methods that one of its methods cannot call.

    Args:
        statement: The class.
        name: Dotted name of its module, as for :func:`read_module`.
        method: The method; it, methods that it names and private methods stay.
    """
    node = statement.node
    if not isinstance(node, ast.ClassDef):
        return statement
    public = {item.name: item for item in node.body if _is_public_method(item)}
    kept = {method} & public.keys()
    others = [item for item in node.body if not _is_public_method(item)]
    queue: list[ast.stmt] = [*others, *(public[name] for name in kept)]
    while queue:
        nodes = ast.walk(queue.pop())
        mentioned = {inner.attr for inner in nodes if isinstance(inner, ast.Attribute)}
        fresh = (mentioned & public.keys()) - kept
        kept |= fresh
        queue += [public[item] for item in fresh]
    body = [item for item in node.body if not _is_public_method(item) or item.name in kept]
    fields = {field: getattr(node, field) for field in node._fields}
    return _analyze_statement(ast.ClassDef(**{**fields, "body": body or [ast.Pass()]}), name)


def _is_public_method(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def _bound_names(node: ast.stmt) -> list[str]:
    """Return the names that a plain definition or assignment binds; none for others."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _has_import_effects(node: ast.stmt) -> bool:
    """Say whether a definition has an effect when the module is imported.

    A decorator or a metaclass may register it somewhere, the value of an assignment may be a call,
    and ``__all__``-like names are read by the interpreter.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        names = {
            name for item in node.decorator_list for chain in _dotted_names(item) for name in chain
        }
        return bool(getattr(node, "keywords", ())) or not names <= _HARMLESS_DECORATORS
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return any(isinstance(inner, ast.Call) for inner in ast.walk(node.value))
    return False


_HARMLESS_DECORATORS = frozenset(
    (
        *("dataclass", "dataclasses", "cache", "lru_cache", "functools", "wraps", "total_ordering"),
        *("no_grad", "inference_mode", "torch", "jit", "script", "contextmanager", "contextlib"),
        *("overload", "typing", "final", "override"),
    )
)


def _analyze_statement(node: ast.stmt, name: str) -> Statement:
    nodes = list(ast.walk(node))
    calls = {
        (_called_name(inner.func), _first_text(inner))
        for inner in nodes
        if isinstance(inner, ast.Call)
    }
    named = [text for function, text in calls if function in _IMPORTERS and text]
    found = [
        pair
        for inner in nodes
        if isinstance(inner, ast.Import | ast.ImportFrom)
        for pair in _imported_names(inner, name)
    ]
    return Statement(
        node=node,
        chains=frozenset(_dotted_names(node)),
        imports=(*found, *((text, Imported(text)) for text in named)),
        texts=frozenset(
            inner.value
            for inner in nodes
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
        ),
        uses_all=any(function in _DYNAMIC for function, _ in calls),
        imports_any=any(function in _IMPORTERS and not text for function, text in calls),
        bases=tuple(chain for base in getattr(node, "bases", ()) for chain in _dotted_names(base)),
        has_hook=any(getattr(inner, "name", "") == "__init_subclass__" for inner in nodes),
    )


def _called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _first_text(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    text = first.value if isinstance(first, ast.Constant) else None
    return text if isinstance(text, str) and not text.startswith(".") else None


def _dotted_names(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield ``a.b.c`` as ``("a", "b", "c")``, and every plain name."""
    stack: list[ast.AST] = [node]
    while stack:
        inner = stack.pop()
        chain: list[str] = []
        outer = inner
        while isinstance(outer, ast.Attribute):
            chain.append(outer.attr)
            outer = outer.value
        if isinstance(outer, ast.Name):
            yield (outer.id, *reversed(chain))
        else:
            stack.extend(ast.iter_child_nodes(outer))


def _imported_names(node: ast.Import | ast.ImportFrom, name: str) -> Iterator[tuple[str, Imported]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            yield bound, Imported(alias.name, chained=alias.asname is None)
        return
    module = node.module or ""
    if node.level:
        parent = name.split(".")[: -node.level]
        module = ".".join([*parent, module] if module else parent)
    for alias in node.names:
        bound = f"*{module}" if alias.name == "*" else alias.asname or alias.name
        yield bound, Imported(module, alias.name)


def _drop_docstrings(tree: ast.Module) -> None:
    """Replace docstrings and other lone texts by ``pass``: they have no effect."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [
                item
                for item in body
                if not isinstance(item, ast.Expr)
                or not isinstance(item.value, ast.Constant)
                or not isinstance(item.value.value, str)
            ]
            node.body = kept or ([ast.Pass()] if body else [])  # type: ignore[attr-defined]


Parts = tuple[str, ...]


def is_local(name: str, base: Path) -> bool:
    """Say whether the first part of a dotted name is a module or package of the recipe."""
    first = name.partition(".")[0]
    return first.isidentifier() and locate_module(base, (first,)) is not None


def locate_module(base: Path, parts: Parts) -> Path | None:
    """Return the file of a module, or the directory of a package without ``__init__.py``."""
    return held_place((base, parts), _search_module)


def _search_module(base: Path, parts: Parts) -> Path | None:
    if not all(part.isidentifier() for part in parts):
        return None
    path = os.path.join(base, *parts)  # noqa: PTH118 - called some hundred times in a plan
    for file in (f"{path}/__init__.py", f"{path}.py"):
        if os.path.isfile(file):  # noqa: PTH113 - as above
            return Path(file)
    if os.path.isdir(path):  # noqa: PTH112 - as above
        return Path(path)
    folder, name = os.path.split(path)
    try:
        beside = sorted(os.listdir(folder))  # noqa: PTH208 - as above
    except OSError:
        return None
    compiled = (file for file in beside if file.startswith(f"{name}."))  # name.<platform>.so
    return next((Path(folder, file) for file in compiled if file.endswith((".so", ".pyd"))), None)
