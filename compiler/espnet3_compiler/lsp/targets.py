"""What a dotted path leads to, for a person: names below it, its docstring, its arguments."""

import ast
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.signature.classes import attributes_of
from espnet3_compiler.signature.definitions import (
    CallFound,
    ClassFound,
    FunctionFound,
    ModuleFound,
    ValueFound,
    absolute_module,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation, names_below
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.signature.result import Parameter, Signature
from espnet3_compiler.signature.split_source import parse_module, statement_at

LONGEST = 1500
"""Characters of a docstring that are shown."""
DEEPEST = 4
"""How many ``from … import *`` are followed."""


class Definition(Struct, frozen=True):
    """The statement that a dotted path leads to: its module, its name and the line of that."""

    location: ModuleLocation
    name: str
    line: int


class Member(Struct, frozen=True):
    """A name below a dotted path, and whether it is a ``module``, ``class`` or ``function``."""

    name: str
    kind: str


def members_of(library: Library, path: str) -> list[Member]:
    """Return the modules, classes and functions below a dotted path; packages for none."""
    if not path:
        names = names_below(library.path, library.path.roots)
        return [Member(name, "module") for name in names if not name.startswith("_")]
    found = find_definition(library, path)
    if isinstance(found, ClassFound):
        return [Member(name, "function") for name in attributes_of(library, found)]
    if not isinstance(found, ModuleFound):
        return []
    below = names_below(library.path, found.location.folders)
    members = {name: Member(name, "module") for name in below if not name.startswith("_")}
    for member in _defined_in(library, found.location, 0):
        members.setdefault(member.name, member)
    return list(members.values())


def _defined_in(library: Library, location: ModuleLocation, depth: int) -> Iterator[Member]:
    """Yield what a module defines, a package also what it takes from its own modules."""
    module = library.module(location)
    if module is None or depth > DEEPEST:
        return
    top = location.name.partition(".")[0]
    for name, bindings in module.bindings.items():
        if name.startswith("_") or not bindings:
            continue
        last = bindings[-1]
        if last.piece:
            yield Member(name, "class" if last.piece.kind == "class" else "function")
        elif last.kind in ("name", "call") or (
            last.kind == "import"
            and location.kind == "package"
            and last.value
            and last.source.partition(".")[0] in ("", top)
        ):
            yield Member(name, "class" if name[:1].isupper() else "function")
    for star, _ in module.stars:
        found = library.find_module(absolute_module(location, star) or "")
        if found:
            exports = getattr(library.module(found), "exports", None)
            for member in _defined_in(library, found, depth + 1):
                if exports is None or member.name in exports:
                    yield member


def definition_of(library: Library, path: str) -> Definition | None:
    """Return the statement that a dotted path leads to; None where there is no text of it."""
    found = find_definition(library, path)
    match found:
        case ModuleFound(location):
            return Definition(location, "", 1)
        case ClassFound(location, name):
            return Definition(location, name.rpartition(".")[2], found.summary.line)
        case FunctionFound(location, name, pieces):
            summary = library.function(location, pieces[-1])
            line = summary.line if summary else pieces[-1].first
            return Definition(location, name.rpartition(".")[2], line)
        case CallFound(location, binding) | ValueFound(location, binding):
            return Definition(location, path.rpartition(".")[2], binding.first)
        case _:
            return None


def docstring_of(library: Library, definition: Definition) -> str:
    """Return the docstring of a definition, of a class without one that of its constructor."""
    file = library.file(definition.location)
    if file is None:
        return ""
    try:
        whole = parse_module(file.text.text) if not definition.name else None
        top = whole or statement_at(file.text, definition.line)
    except (SyntaxError, ValueError):
        return ""
    below = top.body if isinstance(top, ast.ClassDef) else []
    made = [one for one in below if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = (ast.get_docstring(node) for node in (top, *made) if isinstance(node, kinds))
    text = next((text for text in texts if text), "")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def describe_target(library: Library, path: str) -> str | None:
    """Return the signature and docstring of a dotted path in Markdown; None if there are none."""
    definition = definition_of(library, path)
    signature = read(library, path)
    if definition is None and not isinstance(signature, Signature):
        return None
    parts = [f"```python\n{_signature_text(path, signature)}\n```"]
    if definition:
        if text := docstring_of(library, definition):
            parts.append(text)
        parts.append(f"{definition.location.shown}:{definition.line}")
    return "\n\n".join(parts)


def parameters_of(library: Library, path: str) -> tuple[Parameter, ...]:
    """Return the arguments that a target takes by name."""
    signature = read(library, path)
    if not isinstance(signature, Signature):
        return ()
    return tuple(one for one in signature.parameters if one.kind != "positional")


def describe_parameter(parameter: Parameter) -> str:
    """Return an argument as Python writes it, ``lr: float``."""
    return f"{parameter.name}: {parameter.annotation}" if parameter.annotation else parameter.name


def _signature_text(path: str, signature: object) -> str:
    if not isinstance(signature, Signature):
        return path
    words = [
        describe_parameter(one) + ("" if one.required else " = …") for one in signature.parameters
    ]
    words += ["**…"] if signature.more_keywords else []
    text = f"{path}({', '.join(words)})"
    return text if len(text) <= 90 else f"{path}(\n    " + ",\n    ".join(words) + ",\n)"  # noqa: PLR2004
