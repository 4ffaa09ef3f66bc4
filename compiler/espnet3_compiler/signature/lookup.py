"""Follow a dotted path, or a name inside a module, to the statement that defines it."""

from espnet3_compiler.signature import locate
from espnet3_compiler.signature.definitions import (
    BuiltinFound,
    ClassFound,
    FunctionFound,
    ModuleFound,
    Result,
    absolute,
    origin,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.model import Missing, Unknown
from espnet3_compiler.signature.names import BUILTINS, member
from espnet3_compiler.suggest import nearest


def find(library: Library, path: str) -> Result:
    """Return what an absolute dotted path names."""
    key = ("find", path)
    if key not in library.memo:
        library.memo[key] = _find(library, path.split("."))
    result: Result = library.memo[key]
    return result


def find_in(library: Library, place: Place, name: str, depth: int = 0) -> Result:
    """Return what a dotted name means inside a module."""
    head, *rest = name.split(".")
    if rest:
        found = _through_module(library, place, head, rest)
        if found:
            return found
    found = member(library, place, head, depth)
    if isinstance(found, Missing):
        return BuiltinFound(head) if head in BUILTINS and not rest else found
    return _descend(library, found, rest)


def class_member(library: Library, found: ClassFound, name: str) -> Result:
    """Return what an attribute of a class is: its own or inherited."""
    from espnet3_compiler.signature import classes

    return classes.attribute(library, found, name)


def _find(library: Library, parts: list[str]) -> Result:
    top = library.place(parts[0])
    if top is None:
        return Missing("", parts[0], 0, ())
    return _walk(library, top, parts, 1)


def _walk(library: Library, place: Place, parts: list[str], index: int) -> Result:
    if index == len(parts):
        return ModuleFound(place)
    below = library.place(f"{place.name}.{parts[index]}") if place.folders else None
    if below and index < len(parts) - 1:
        deeper = _walk(library, below, parts, index + 1)
        if not isinstance(deeper, Missing):
            return deeper
        here = member(library, place, parts[index])
        if isinstance(here, Missing | Unknown | ModuleFound | FunctionFound):
            return deeper
        return _numbered(_descend(library, here, parts[index + 1 :]), parts, index + 1)
    here = member(library, place, parts[index])
    if isinstance(here, Unknown) and index < len(parts) - 1:
        here = _slip(library, place, parts[index]) or here
    return _numbered(_descend(library, here, parts[index + 1 :]), parts, index)


def _through_module(library: Library, place: Place, head: str, rest: list[str]) -> Result | None:
    """Return what ``nn.Module`` is after ``from torch import nn``, without reading ``torch``.

    The name could be bound otherwise in ``torch/__init__.py``; where the path through the
    submodule leads to something, it is taken to be the submodule.
    """
    module = library.module(place)
    bindings = module.bindings.get(head, ()) if module else ()
    if len(bindings) != 1 or bindings[0].kind != "import":
        return None
    full = f"{absolute(place, bindings[0].source)}.{bindings[0].value}"
    below = library.place(full)
    if below is None or below.name == place.name:
        return None
    found = _walk(library, below, [head, *rest], 1)
    return None if isinstance(found, Missing | Unknown) else found


def _slip(library: Library, place: Place, name: str) -> Missing | None:
    """Return that a package has no such module where one of its own was plainly meant.

    A package that makes names while it runs (``torch`` takes functions out of its compiled part)
    may have any name, but what has names below it is hardly ever among them.
    """
    module = library.module(place)
    if module is None or name in module.bindings:
        return None
    modules = locate.names_below(library.path, place.folders)
    near = nearest(name, modules)
    return Missing(place.name, name, 0, modules, origin(place)) if near else None


def _numbered(result: Result, parts: list[str], index: int) -> Result:
    """Say of a missing part where it stands in the whole path."""
    if not isinstance(result, Missing):
        return result
    if result.part in parts[index:]:
        index = parts.index(result.part, index)
    return Missing(".".join(parts[:index]), parts[index], index, result.near, result.where)


def _descend(library: Library, found: Result, rest: list[str]) -> Result:
    for index, part in enumerate(rest):
        if isinstance(found, ModuleFound):
            return _walk(library, found.place, [found.place.name, *rest[index:]], 1)
        if isinstance(found, ClassFound):
            found = class_member(library, found, part)
        elif not isinstance(found, Missing | Unknown):
            return Unknown("an attribute of something that is neither a module nor a class")
        else:
            break
    return found
