"""Find what a name means in a module: bindings, conditions, star imports, submodules."""

import builtins
import re
from collections.abc import Iterable

from espnet3_compiler.signature import locate
from espnet3_compiler.signature.definitions import (
    DEPTH,
    BuiltinFound,
    CallFound,
    FunctionFound,
    ModuleFound,
    Result,
    ValueFound,
    absolute,
    class_at,
    origin,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import Place
from espnet3_compiler.signature.model import Missing, Unknown
from espnet3_compiler.signature.summary import Binding, Module

BUILTINS = frozenset(dir(builtins))


def member(library: Library, place: Place, name: str, depth: int = 0) -> Result:
    """Return what a name means in a module: a binding, a starred name, or a submodule."""
    key = ("member", place.name, name)
    if key not in library.memo:
        if depth > DEPTH:
            return Unknown(f"the imports of {place.name} go in a circle")
        library.memo[key] = Unknown(f"the imports of {place.name} go in a circle")
        library.memo[key] = _member(library, place, name, depth)
    result: Result = library.memo[key]
    return result


def names_of(library: Library, place: Place) -> tuple[str, ...]:
    """Return the names that a module is known to have, its submodules included."""
    module = library.module(place)
    bound = list(module.bindings) if module else []
    for source, _ in module.stars if module else ():
        star = library.place(absolute(place, source))
        bound.extend(_exported(library, star) if star and star.name != place.name else ())
    return tuple(dict.fromkeys([*bound, *locate.names_below(library.path, place.folders)]))


def find_module(library: Library, name: str) -> Result:
    """Return a module by its absolute name."""
    place = library.place(name)
    return ModuleFound(place) if place else _no_module(library, name)


def _member(library: Library, place: Place, name: str, depth: int) -> Result:
    if place.name == "builtins":
        known = name in BUILTINS
        return BuiltinFound(name) if known else Missing("builtins", name, 1, tuple(BUILTINS))
    if place.kind in ("extension", "builtin"):
        below = library.place(f"{place.name}.{name}") if place.folders else None
        return ModuleFound(below) if below else Unknown(f"{place.name} is compiled")
    module = library.module(place)
    if module is None and place.kind != "namespace":
        return _unreadable(library, place)
    bindings = module.bindings.get(name, ()) if module else ()
    last = max((item.first for item in bindings if item.level == "plain"), default=0)
    starred = _from_stars(library, place, module, name, last, depth) if module else None
    if starred:
        return starred
    found = _choose(library, place, name, bindings, depth) if bindings else None
    if found and not isinstance(found, Missing):
        return found
    below = library.place(f"{place.name}.{name}") if place.folders else None
    return ModuleFound(below) if below else _absent(library, place, module, name)


def _unreadable(library: Library, place: Place) -> Unknown:
    file = library.file(place)
    if file is None or file.wrong is None or not place.local:
        return Unknown(f"{place.shown} cannot be parsed")
    line, message = file.wrong
    return Unknown(message, broken=origin(place, line))


def _absent(library: Library, place: Place, module: Module | None, name: str) -> Result:
    names = names_of(library, place)
    file = library.file(place)
    if module and (module.open or "__path__" in module.bindings):
        return Unknown(f"{place.name} makes names while it runs")
    if file and re.search(
        rf"\bglobal\b.*\b{re.escape(name)}\b|\b{re.escape(name)}\s*:=", file.text.text
    ):
        return Unknown(f"{place.name} makes names while it runs")
    return Missing(place.name, name, 0, names, origin(place))


def _from_stars(
    library: Library, place: Place, module: Module, name: str, after: int, depth: int
) -> Result | None:
    """Return what the star imports behind a line make of a name; None when they do not have it."""
    found = [
        _from_star(library, place, absolute(place, source), name, depth)
        for source, line in module.stars
        if line > after
    ]
    kept = [item for item in found if item is not None]
    unknown = next((item for item in kept if isinstance(item, Unknown)), None)
    return unknown or (kept[-1] if kept else None)


def _from_star(library: Library, place: Place, source: str, name: str, depth: int) -> Result | None:
    star = library.place(source)
    if star is None:
        return _no_module(library, source)
    if star.name == place.name or name.startswith("__"):
        return None
    inner = library.module(star)
    exports = inner.exports if inner else None
    hidden = name.startswith("_") if exports is None else name not in exports
    if inner and hidden and not (inner.open and exports is None):
        return None
    found = member(library, star, name, depth + 1)
    return None if isinstance(found, Missing) else found


def _exported(library: Library, place: Place) -> Iterable[str]:
    module = library.module(place)
    if module is None:
        return ()
    if module.exports is not None:
        return module.exports
    return (name for name in module.bindings if not name.startswith("_"))


def _choose(
    library: Library, place: Place, name: str, bindings: tuple[Binding, ...], depth: int
) -> Result:
    """Return what a name means that may be bound several times."""
    last = max((i for i, item in enumerate(bindings) if item.level == "plain"), default=0)
    live = bindings[last:]
    for level in (("plain", "branch"), ("weak",)):
        group = [item for item in live if item.level in level]
        found = [_bound(library, place, name, item, depth) for item in group]
        kept = [item for item in found if not _is_nothing(item)]
        if len(kept) > 1 and len({repr(item) for item in kept}) > 1:
            return Unknown(f"{place.name}.{name} depends on a condition")
        if kept:
            return kept[0]
        if found and level == ("plain", "branch") and len(live) == len(group):
            return found[-1]
    return Unknown(f"{place.name}.{name} depends on a condition")


def _is_nothing(item: Result) -> bool:
    is_none = isinstance(item, ValueFound) and item.binding.value == "None"
    is_absent = isinstance(item, Unknown) and item.absent
    return isinstance(item, Missing) or is_none or is_absent


def _bound(library: Library, place: Place, name: str, binding: Binding, depth: int) -> Result:
    match binding.kind:
        case "piece":
            assert binding.piece is not None
            if binding.piece.kind == "class":
                return class_at(library, place, binding.piece)
            return FunctionFound(place, name, (binding.piece,))
        case "module":
            return find_module(library, binding.source)
        case "import":
            return _imported(library, place, binding, depth)
        case "name":
            if binding.value == name:
                return Unknown(f"{place.name}.{name} is bound to itself")
            from espnet3_compiler.signature.lookup import find_in

            return find_in(library, place, binding.value, depth + 1)
        case "call":
            return CallFound(place, binding)
        case "constant" | "expression":
            return ValueFound(place, binding)
    return Unknown(f"{place.name}.{name} is made while the module runs")


def _imported(library: Library, place: Place, binding: Binding, depth: int) -> Result:
    full = absolute(place, binding.source)
    source = library.place(full)
    if source is None:
        return _no_module(library, full)
    if source.name == place.name:
        below = library.place(f"{full}.{binding.value}")
        return ModuleFound(below) if below else Unknown(f"{full} imports itself")
    found = member(library, source, binding.value, depth + 1)
    if isinstance(found, Missing):
        return Unknown(f"{place.name} imports {binding.value}, which {full} does not have")
    return found


def _no_module(library: Library, name: str) -> Unknown:
    top = name.partition(".")[0]
    if library.place(top) is None:
        return Unknown(f"{top} is not installed")
    return Unknown(f"the module {name} is not found", absent=True)
