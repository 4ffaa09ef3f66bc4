"""What a name can be defined as, and small questions that need no search."""

from collections.abc import Iterable
from dataclasses import dataclass

from espnet3_compiler.signature import locate
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.model import Missing, Origin, Unknown
from espnet3_compiler.signature.outline import Piece
from espnet3_compiler.signature.summary import Binding, Class

DEPTH = 40
"""How many imports, aliases and calls are followed."""


@dataclass(frozen=True, slots=True)
class ModuleFound:
    """A module."""

    place: Place


@dataclass(frozen=True, slots=True)
class ClassFound:
    """A class; ``summary`` is its body."""

    place: Place
    name: str
    summary: Class


@dataclass(frozen=True, slots=True)
class FunctionFound:
    """A function; ``owner`` is the class that it is a method of."""

    place: Place
    name: str
    pieces: tuple[Piece, ...]
    owner: ClassFound | None = None


@dataclass(frozen=True, slots=True)
class CallFound:
    """The result of a call at module level, such as ``functools.partial(…)``."""

    place: Place
    binding: Binding


@dataclass(frozen=True, slots=True)
class ValueFound:
    """A literal, or an expression that may be a type alias."""

    place: Place
    binding: Binding


@dataclass(frozen=True, slots=True)
class BuiltinFound:
    """A name of ``builtins``."""

    name: str


Found = ModuleFound | ClassFound | FunctionFound | CallFound | ValueFound | BuiltinFound
Result = Found | Missing | Unknown


def origin(place: Place, line: int = 0) -> Origin:
    """Return the origin that a report shows for a line of a module."""
    return Origin(place.name, place.shown, line)


def own_member(found: ClassFound, name: str) -> FunctionFound | Piece | Unknown | None:
    """Return a method, nested class (as a piece) or unknown value in a class body; None if none."""
    pieces = found.summary.members.get(name)
    if pieces is None:
        return None
    kept = [item for item in pieces if item]
    if len(kept) != len(pieces) or not kept:
        return Unknown(f"{found.name}.{name} is a value")
    if kept[-1].kind == "class":
        return kept[-1] if len(kept) == 1 else Unknown(f"{found.name}.{name} is defined twice")
    return FunctionFound(found.place, f"{found.name}.{name}", tuple(kept), found)


def class_at(library: Library, place: Place, piece: Piece, prefix: str = "") -> Result:
    """Return the class that a piece is.

    Args:
        library: Reads the class.
        place: The module.
        piece: The class statement in it.
        prefix: The classes around it with a dot behind each, for its name.
    """
    summary = library.class_(place, piece)
    if summary is None:
        return Unknown(f"{place.shown} cannot be parsed")
    return ClassFound(place, prefix + piece.name, summary)


def full_name(library: Library, place: Place, name: str) -> str:
    """Return the absolute name of a dotted name in a module, following one import only.

    Enough to recognise ``dataclasses.dataclass`` or ``typing.Generic`` without reading them.

    Args:
        library: Reads the module.
        place: The module.
        name: A dotted name as its code writes it.
    """
    head, _, rest = name.partition(".")
    module = library.module(place)
    bindings = module.bindings.get(head, ()) if module else ()
    first = next((item for item in bindings if item.kind in ("import", "module")), None)
    if first is None:
        base = f"{place.name}.{head}" if bindings else head
    elif first.kind == "module":
        base = first.source
    else:
        base = f"{absolute(place, first.source)}.{first.value}"
    return f"{base}.{rest}" if rest else base


def absolute(place: Place, source: str) -> str:
    """Return the absolute name of a module in ``from … import`` of another."""
    name = source.lstrip(".")
    level = len(source) - len(name)
    if level == 0:
        return name
    parts = place.name.split(".")
    base = parts if place.kind == "package" else parts[:-1]
    kept = base[: len(base) - (level - 1)]
    return ".".join([*kept, name] if name else kept)


def base_names(library: Library, found: ClassFound) -> tuple[str, ...]:
    """Return the full names of the bases that a class names."""
    named = (item for item in found.summary.bases if item)
    return tuple(full_name(library, found.place, item) for item in named)


def names_of(library: Library, place: Place) -> tuple[str, ...]:
    """Return the names that a module is known to have, its submodules included."""
    module = library.module(place)
    bound = list(module.bindings) if module else []
    for source, _ in module.stars if module else ():
        star = library.place(absolute(place, source))
        bound.extend(_exported(library, star) if star and star.name != place.name else ())
    return tuple(dict.fromkeys([*bound, *locate.names_below(library.path, place.folders)]))


def _exported(library: Library, place: Place) -> Iterable[str]:
    module = library.module(place)
    if module is None:
        return ()
    if module.exports is not None:
        return module.exports
    return (name for name in module.bindings if not name.startswith("_"))


def is_patched(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether the module of a class sets one of its attributes from outside.

    Args:
        library: Reads the module.
        found: The class.
        name: The attribute.
    """
    module = library.module(found.place)
    return module is not None and f"{found.name}.{name}" in module.patched


def class_origin(found: ClassFound) -> Origin:
    """Return the origin that a report shows for a class."""
    return origin(found.place, found.summary.line)
