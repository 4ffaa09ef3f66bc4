"""What a name means at the top of a module of the recipe."""

import ast

from msgspec.structs import replace

from espnet3_compiler.checks.data.bodies import FunctionBody, bindings_of
from espnet3_compiler.signature.definitions import BUILTINS, full_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import Binding
from espnet3_compiler.signature.split_source import assigned_value

_MOST_IMPORTS = 4


def absolute_name(library: Library, body: FunctionBody, name: str) -> str:
    """Return what a dotted name in a function leads to, for example ``torch.nn.Linear``.

    Empty where its module binds it not, or more than once.

    Args:
        library: Reads the module.
        body: The function.
        name: The name.
    """
    key = ("absolute", body.module, name)
    if key not in library.memo:  # layers of the same class are constructed again and again
        library.memo[key] = _find_absolute_name(library, body, name)
    return str(library.memo[key])


def _find_absolute_name(library: Library, body: FunctionBody, name: str) -> str:
    row, place = _only_binding(library, body, name), library.find_module(body.module)
    if row is None or place is None:
        return ""
    if row.kind in ("import", "module"):
        return full_name(library, place, name)
    return f"{place.name}.{name}" if row.kind == "piece" else ""


def module_value(
    library: Library, body: FunctionBody, name: str, depth: int = 0
) -> tuple[FunctionBody, ast.expr] | None:
    """Return the expression that a module binds a name to, with the module; None where it is none.

    Args:
        library: Reads the module.
        body: A function of the module.
        name: The name.
        depth: Through how many imports it came.
    """
    row, place = _only_binding(library, body, name), library.find_module(body.module)
    if row is None or place is None or depth > _MOST_IMPORTS:
        return None
    if row.kind == "import":
        module, _, last = full_name(library, place, name).rpartition(".")
        found = library.find_module(module) if module else None
        file = library.file(found) if found and found.local else None
        if found is None or file is None:
            return None
        there = replace(body, module=found.name, file=file)
        return module_value(library, there, last, depth + 1)
    if row.kind not in ("constant", "call", "expression", "unknown"):
        return None
    node = assigned_value(body.file.text, row.first, row.last)
    return (body, node) if node is not None else None


def _only_binding(library: Library, body: FunctionBody, name: str) -> Binding | None:
    """Return the only statement that gives the first word of a name its value."""
    rows = bindings_of(library, body, name) or ()
    if len(rows) != 1 or rows[0].level != "plain":
        return None
    return None if f"global {name}" in body.file.text.text else rows[0]


def is_local(library: Library, path: str) -> bool:
    """Return whether a dotted path begins with a module of the recipe."""
    found = library.find_module(path.partition(".")[0])
    return found is not None and found.local


def is_builtin(library: Library, body: FunctionBody, name: str) -> bool:
    """Return whether a name in a function is one of Python's own, as far as its module says.

    Args:
        library: Reads the module.
        body: The function.
        name: The name.
    """
    return name in BUILTINS and bindings_of(library, body, name) == ()
