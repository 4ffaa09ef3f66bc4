"""Places in the recipe's own code: where an exception was raised, a parameter, a return."""

import ast
import inspect
import linecache
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import exception_chain
from espnet3_runtime.preflight.protocol import CodePlace

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_NOT_OURS = ("site-packages", "dist-packages")


def place_of_error(error: BaseException, recipe_dir: Path) -> CodePlace | None:
    """Return where the innermost code of the recipe was when an exception was raised."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if is_recipe_file(frame.filename, recipe_dir) and frame.lineno:
            return _place_of_frame(frame)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        column = error.offset or 1
        return CodePlace(error.filename, error.lineno, column, column + 1, "<module>")
    return None


def is_recipe_file(name: str, recipe_dir: Path) -> bool:
    """Return whether a file is code of the recipe, or of one beside it that it takes data from."""
    path = Path(name)
    if not path.is_absolute() or any(part in path.parts for part in _NOT_OURS):
        return False
    folders = {recipe_dir, recipe_dir.resolve()}
    corpora = {folder.parent.parent for folder in folders}
    return any(map(path.is_relative_to, folders)) or (
        path.parent.name == "dataset" and any(map(path.is_relative_to, corpora))
    )


def recipe_files(error: BaseException, recipe_dir: Path) -> set[str]:
    """Return the files of the recipe that an exception went through."""
    frames = (
        frame
        for link in exception_chain(error)
        for frame in traceback.extract_tb(link.__traceback__)
    )
    return {frame.filename for frame in frames if is_recipe_file(frame.filename, recipe_dir)}


def _place_of_frame(frame: traceback.FrameSummary) -> CodePlace:
    number = frame.lineno or 1
    text = linecache.getline(frame.filename, number)
    least = len(text) - len(text.lstrip())
    start, end = _characters(text, frame.colno, least), len(text.rstrip())
    if frame.end_lineno == number:
        end = _characters(text, frame.end_colno, end)
    return CodePlace(frame.filename, number, start + 1, max(end, start + 1) + 1, frame.name)


def _characters(text: str, column: int | None, otherwise: int) -> int:
    """Return how many characters a column in bytes is."""
    if column is None:
        return otherwise
    return len(text.encode()[:column].decode("utf-8", "replace"))


def place_of_parameter(function: Callable[..., Any], name: str) -> CodePlace | None:
    """Return where a function names one of its parameters."""
    found = _definition(function)
    for part in ast.walk(found[1].args) if found else ():
        if found and isinstance(part, ast.arg) and part.arg == name:
            return _place_of_node(found[0], part, len(name), found[1].name)
    return None


def place_of_definition(function: Callable[..., Any]) -> CodePlace | None:
    """Return where a function is defined."""
    found = _definition(function)
    return _place_of_node(*found, 3, found[1].name) if found else None


def place_of_return(function: Callable[..., Any]) -> CodePlace | None:
    """Return the only ``return`` of a function; its definition where there are none or several."""
    found = _definition(function)
    if found is None:
        return None
    file, node = found
    returns = list(_returns_of(node))
    if len(returns) == 1:
        return _place_of_node(file, returns[0], len("return"), node.name)
    return _place_of_node(file, node, 3, node.name)


def place_of_class(cls: type) -> CodePlace | None:
    """Return where a class is defined."""
    try:
        file, (lines, first) = inspect.getsourcefile(cls), inspect.getsourcelines(cls)
    except (OSError, TypeError):
        return None
    for number, text in enumerate(lines, start=first):
        if text.lstrip().startswith("class "):
            column = len(text) - len(text.lstrip()) + 1
            return CodePlace(str(file), number, column, column + 5, cls.__name__)
    return None


def place_of_method(cls: type, name: str) -> CodePlace | None:
    """Return the name in the definition of a method."""
    found = _definition(getattr(cls, name, None))
    if found is None:
        return None
    file, node = found
    text = linecache.getline(file, node.lineno)
    column = text.find(name)
    if column < 0:
        return _place_of_node(file, node, 3, name)
    return CodePlace(file, node.lineno, column + 1, column + 1 + len(name), name)


def _returns_of(node: ast.AST) -> Iterator[ast.Return]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _returns_of(child)


def _definition(function: Any) -> tuple[str, _Function] | None:
    """Return the file and the node that define a function written in Python."""
    try:
        plain = inspect.unwrap(getattr(function, "__func__", function))
        code = plain.__code__
        tree = ast.parse(Path(code.co_filename).read_text(encoding="utf-8"))
    except (AttributeError, OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if node.name == code.co_name and code.co_firstlineno in (first, node.lineno):
                return code.co_filename, node
    return None


def _place_of_node(file: str, node: Any, length: int, name: str) -> CodePlace:
    column = _characters(linecache.getline(file, node.lineno), node.col_offset, 0) + 1
    return CodePlace(file, node.lineno, column, column + length, name)
