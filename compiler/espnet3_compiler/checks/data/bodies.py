"""The bodies of functions and methods of a recipe, and whether they give anything back."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.signature import classes, resolve_name, split_source
from espnet3_compiler.signature.classes import ResolvedMethod
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.library import Library, default_folder, open_library
from espnet3_compiler.signature.locate import ModuleLocation

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """A function of the recipe.

    Attributes:
        node: Its syntax tree, whose lines count from the line before the function.
        location: Its module.
        shift: What its lines lack to those of the file.
        library: Where its module was read.
    """

    node: Function
    location: ModuleLocation
    shift: int
    library: Library

    def span_of(self, node: ast.stmt, word: str) -> Span:
        """Return where a word stands in the first line of a statement."""
        return python_span(self.library, self.location, node.lineno + self.shift, word)


_LAST_LIBRARY: list[tuple[Recipe, Library]] = []
"""The recipe that was checked last, so that its checks read each module once."""


def recipe_library(recipe: Recipe) -> Library:
    """Return the library of a recipe that is being checked."""
    if not (_LAST_LIBRARY and _LAST_LIBRARY[0][0] is recipe):
        _LAST_LIBRARY[:] = [(recipe, open_library(recipe.directory, default_folder()))]
    return _LAST_LIBRARY[0][1]


def class_of(library: Library, path: str) -> ClassFound | None:
    """Return the class that a dotted path names, if it is one."""
    found = resolve_name.find_definition(library, path) if all(path.split(".")) else None
    return found if isinstance(found, ClassFound) else None


def method_body(library: Library, path: str, name: str) -> FunctionBody | None:
    """Return a method of a class as the recipe defines it; None where that is not known.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The method.
    """
    found = class_of(library, path)
    if found is None:
        return None
    giver = classes.find_method(library, resolve_name.resolution_order(library, found), name)
    return _read_body(library, giver.method) if isinstance(giver, ResolvedMethod) else None


def function_body(library: Library, path: str) -> FunctionBody | None:
    """Return a function of the recipe; None where a path names something else."""
    found = resolve_name.find_definition(library, path) if all(path.split(".")) else None
    return _read_body(library, found) if isinstance(found, FunctionFound) else None


def _read_body(library: Library, found: FunctionFound) -> FunctionBody | None:
    file, summary = library.file(found.location), library.function(found.location, found.pieces[-1])
    if not found.location.local or file is None or summary is None:
        return None
    if classes.opaque_decorator(library, found.location, summary.decorators, "staticmethod"):
        return None
    piece = found.pieces[-1]
    node = split_source.function_node(file.text, piece)
    return FunctionBody(node, found.location, summary.line - node.lineno, library)


def python_span(library: Library, location: ModuleLocation, line: int, word: str) -> Span:
    """Return where a word stands in a line of a module of the recipe.

    Args:
        library: Reads the module.
        location: The module.
        line: The line, from 1.
        word: For example the name of a method.
    """
    key = ("python source", location.file)
    file = library.file(location)
    if key not in library.memo:
        name = Path(os.path.relpath(location.file)).as_posix()
        text = file.text.text if file else ""
        library.memo[key] = Source(name, text, path=Path(location.file))
    source: Source = library.memo[key]
    text = source.line_text(line)
    start = file.text.line_starts[line - 1] + max(text.find(word), 0) if file else 0
    return Span(source, start, start + len(word))


def statements_of(node: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of functions and classes inside it."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        item = waiting.pop(0)
        yield item
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(item)


def returns_of(node: Function) -> list[ast.Return]:
    """Return the ``return`` statements of a function."""
    return [item for item in statements_of(node) if isinstance(item, ast.Return)]


def returned_values(node: Function) -> list[ast.expr]:
    """Return the values of the ``return`` statements of a function."""
    return [item.value for item in returns_of(node) if item.value is not None]


def gives_nothing(node: Function) -> bool:
    """Return whether a function certainly returns None: it ends without a value.

    One without a body, or that raises an exception at its end, may be meant to be replaced.
    """
    kinds = (ast.Yield, ast.YieldFrom)
    if isinstance(node, ast.AsyncFunctionDef) or returned_values(node):
        return False
    if any(isinstance(item, kinds) for item in statements_of(node)):
        return False
    last = node.body[-1]
    return not _is_stub(node) and not isinstance(last, ast.Raise | ast.While | ast.With | ast.Try)


def _is_stub(node: Function) -> bool:
    return all(
        isinstance(item, ast.Pass)
        or (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
        for item in node.body
    )
