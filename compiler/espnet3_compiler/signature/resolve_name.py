"""Follow a dotted path, or a name inside a module, to the statement that defines it.

A path leads through modules (bindings, conditions, star imports, submodules) and classes (own and
inherited attributes); the value of a binding may be a path again.
"""

from functools import partial

from msgspec.structs import replace

from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.signature.definitions import (
    BUILTINS,
    MAX_DEPTH,
    NEUTRAL_BASES,
    RETURNING_CALLS,
    BuiltinFound,
    CallFound,
    ClassFound,
    Definition,
    FunctionFound,
    LookupResult,
    ModuleFound,
    MroClass,
    ValueFound,
    absolute_module,
    attribute_names,
    class_at,
    class_location,
    full_name,
    is_absent,
    is_compiled,
    is_imported,
    is_patched,
    is_unbound,
    merge_orders,
    own_member,
    pieces_of,
)
from espnet3_compiler.signature.lazy.missing import (
    missing_member,
    misspelt_module,
    no_module,
    number_part,
    unreadable_module,
)
from espnet3_compiler.signature.lazy.stars import modules_on_demand
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import Binding, ModuleSummary
from espnet3_compiler.signature.result import Missing, NotAnalyzable
from espnet3_compiler.signature.split_source import Piece


def find_definition(library: Library, path: str) -> LookupResult:
    """Return the definition that an absolute dotted path leads to."""
    key = ("find", path)
    if key not in library.memo:
        parts = path.split(".")
        library.memo[key] = Missing("", parts[0], 0, ())
        top = library.find_module(parts[0])
        if top:
            library.memo[key] = _walk_modules(library, top, parts, 1)
    found: LookupResult = library.memo[key]
    return found


def find_in(library: Library, location: ModuleLocation, name: str, depth: int = 0) -> LookupResult:
    """Return the definition of a dotted name inside a module.

    Args:
        library: Reads modules.
        location: The module.
        name: The dotted name.
        depth: How many imports were followed so far; too many are a circle.
    """
    head, *rest = name.split(".")
    if rest:
        found = _through_module(library, location, head, rest)
        if found:
            return found
    found = _module_member(library, location, head, depth)
    if head in BUILTINS and not rest and is_unbound(library, location, head, found):
        return BuiltinFound(head)
    return _find_attributes(library, found, rest)


def _walk_modules(
    library: Library, location: ModuleLocation, parts: list[str], index: int
) -> LookupResult:
    if index == len(parts):
        return ModuleFound(location)
    below = library.find_module(f"{location.name}.{parts[index]}") if location.folders else None
    if below and index < len(parts) - 1:
        deeper = _walk_modules(library, below, parts, index + 1)
        if not isinstance(deeper, Missing):
            return deeper
        here = _module_member(library, location, parts[index])
        if isinstance(here, Missing | NotAnalyzable | ModuleFound | FunctionFound):
            return deeper
        return number_part(_find_attributes(library, here, parts[index + 1 :]), parts, index + 1)
    here = _module_member(library, location, parts[index])
    if isinstance(here, NotAnalyzable) and index < len(parts) - 1:
        here = misspelt_module(library, location, parts[index]) or here
    return number_part(_find_attributes(library, here, parts[index + 1 :]), parts, index)


def _through_module(
    library: Library, location: ModuleLocation, head: str, rest: list[str]
) -> LookupResult | None:
    """Return the definition of ``nn.Module`` after ``from torch import nn``.

    ``torch/__init__.py``, which could bind the name to something else, is not read where the path
    through the submodule ``torch.nn`` leads to a definition.
    """
    module = library.module(location)
    bindings = module.bindings.get(head, ()) if module else ()
    if len(bindings) != 1 or bindings[0].kind != "import":
        return None
    full = f"{absolute_module(location, bindings[0].source)}.{bindings[0].value}"
    below = library.find_module(full)
    if below is None or below.name == location.name:
        return None
    found = _walk_modules(library, below, [head, *rest], 1)
    return None if isinstance(found, Missing | NotAnalyzable) else found


def _find_attributes(library: Library, found: LookupResult, rest: list[str]) -> LookupResult:
    for index, part in enumerate(rest):
        if isinstance(found, ModuleFound):
            return _walk_modules(library, found.location, [found.location.name, *rest[index:]], 1)
        if isinstance(found, ClassFound):
            found = _find_attribute(library, found, part)
        elif isinstance(found, CallFound):
            found = _find_on_object(library, found, part)
        elif not isinstance(found, Missing | NotAnalyzable):
            return NotAnalyzable("an attribute of something that is neither a module nor a class")
        else:
            break
    return found


def _find_on_object(library: Library, found: CallFound, name: str) -> LookupResult:
    """Return the method of an object that a module makes: ``BUNDLE.get_model``."""
    made_by = _made_by(library, found)
    if not isinstance(made_by, ClassFound):
        return NotAnalyzable("an attribute of something that is neither a module nor a class")
    own = _find_attribute(library, made_by, name)
    if isinstance(own, FunctionFound):
        return replace(own, owner=None, bound=True)
    known = isinstance(own, Missing) and closest_match(name, own.near)
    return own if known else NotAnalyzable(f"{name} is a value of an object of {made_by.name}")


def _made_by(library: Library, found: CallFound) -> LookupResult:
    """Return what is called; nothing for ``name = name.method()``, which goes in a circle."""
    nothing: LookupResult = NotAnalyzable("it is made of itself")
    key, name = ("made by", found.location.name, found.binding), found.binding.value
    make = partial(find_in, library, found.location, name)
    return library.remember(key, nothing, make) if name else nothing


def _module_member(
    library: Library, location: ModuleLocation, name: str, depth: int = 0
) -> LookupResult:
    """Return the definition of one name in a module: a binding, a starred name or a submodule."""
    key = ("member", location.name, name)
    circle: LookupResult = NotAnalyzable(f"the imports of {location.name} go in a circle")
    if depth > MAX_DEPTH and key not in library.memo:
        return circle
    return library.remember(key, circle, partial(_find_member, library, location, name, depth))


def _find_member(library: Library, location: ModuleLocation, name: str, depth: int) -> LookupResult:
    if location.name == "builtins":
        known = name in BUILTINS
        return BuiltinFound(name) if known else Missing("builtins", name, 1, tuple(BUILTINS))
    if location.kind in ("extension", "builtin", "link"):
        below = library.find_module(f"{location.name}.{name}") if location.folders else None
        why = "is a link that leads nowhere" if location.kind == "link" else "is compiled"
        return ModuleFound(below) if below else NotAnalyzable(f"{location.name} {why}")
    module = library.module(location)
    if module is None and location.kind != "namespace":
        return unreadable_module(library, location)
    bindings = module.bindings.get(name, ()) if module else ()
    last = max((item.first for item in bindings if item.level == "plain"), default=0)
    starred = _from_stars(library, location, module, name, last, depth) if module else None
    if starred:
        return starred
    found = _choose_binding(library, location, name, bindings, depth) if bindings else None
    if found and not isinstance(found, Missing):
        return found
    below = library.find_module(f"{location.name}.{name}") if location.folders else None
    if below:
        return ModuleFound(below)
    lazy = _find_on_demand(library, location, module, name, depth) if module else None
    return lazy or missing_member(library, location, module, name, partial(_module_member, library))


def _find_on_demand(
    library: Library, location: ModuleLocation, module: ModuleSummary, name: str, depth: int
) -> LookupResult | None:
    """Return the definition of a name that a module imports when it is asked for, or None."""
    for source in modules_on_demand(library, location, module, name):
        found = _from_star(library, location, source, name, depth)
        if isinstance(found, Definition):
            return found
    return None


def _from_stars(
    library: Library,
    location: ModuleLocation,
    module: ModuleSummary,
    name: str,
    after: int,
    depth: int,
) -> LookupResult | None:
    """Return the definition of a name by the star imports behind a line; None without any."""
    found = [
        _from_star(library, location, absolute_module(location, source), name, depth)
        for source, line in module.stars
        if line > after
    ]
    kept = [item for item in found if item is not None]
    unknown = next((item for item in kept if isinstance(item, NotAnalyzable)), None)
    return unknown or (kept[-1] if kept else None)


def _from_star(
    library: Library, location: ModuleLocation, source: str, name: str, depth: int
) -> LookupResult | None:
    star = library.find_module(source)
    if star is None:
        return no_module(library, source)
    if star.name == location.name or name.startswith("__"):
        return None
    inner = library.module(star)
    exports = inner.exports if inner else None
    hidden = name.startswith("_")
    if inner and exports is not None:
        hidden = name not in exports and not _is_exported(library, star, inner, name)
    if inner and hidden and (exports is not None or not inner.open):
        return None
    if star.kind == "stub" and inner and is_imported(inner, name):
        return None  # a stub imports names for its own annotations
    found = _module_member(library, star, name, depth + 1)
    absent = isinstance(found, Missing) or (
        star.kind == "stub" and isinstance(found, NotAnalyzable)
    )
    return None if absent else found


def _is_exported(
    library: Library, location: ModuleLocation, module: ModuleSummary, name: str
) -> bool:
    """Return whether a decorator puts a function into ``__all__``, as timm's ``register_model``."""
    pieces = [item.piece for item in module.bindings.get(name, ()) if item.piece]
    function = library.function(location, pieces[-1]) if pieces else None
    names = (item.name for item in function.decorators if item.name) if function else ()
    for found in (find_in(library, location, item) for item in names):
        made = isinstance(found, FunctionFound) and library.function(
            found.location, found.pieces[-1]
        )
        if made and made.exports:
            return True
    return False


def _choose_binding(
    library: Library, location: ModuleLocation, name: str, bindings: tuple[Binding, ...], depth: int
) -> LookupResult:
    """Return the definition of a name that may be bound several times."""
    last = max((i for i, item in enumerate(bindings) if item.level == "plain"), default=0)
    live = bindings[last:]
    for level in (("plain", "branch"), ("weak",)):
        group = [item for item in live if item.level in level]
        found = [_resolve_binding(library, location, name, item, depth) for item in group]
        kept = [item for item in found if not is_absent(item)]
        if len(kept) > 1 and len({repr(item) for item in kept}) > 1:
            return NotAnalyzable(f"{location.name}.{name} depends on a condition")
        if kept:
            return kept[0]
        if found and level == ("plain", "branch") and len(live) == len(group):
            return found[-1]
    return NotAnalyzable(f"{location.name}.{name} depends on a condition")


def _resolve_binding(
    library: Library, location: ModuleLocation, name: str, binding: Binding, depth: int
) -> LookupResult:
    match binding.kind:
        case "piece":
            assert binding.piece is not None
            if binding.piece.kind == "class":
                return class_at(library, location, binding.piece)
            return FunctionFound(location, name, pieces_of(library, location, name, binding))
        case "module":
            below = library.find_module(binding.source)
            return ModuleFound(below) if below else no_module(library, binding.source)
        case "import":
            return _resolve_import(library, location, binding, depth)
        case "name":
            if binding.value == name:
                return NotAnalyzable(f"{location.name}.{name} is bound to itself")
            return find_in(library, location, binding.value, depth + 1)
        case "call":
            return _resolve_call(library, location, name, binding, depth)
        case "constant" | "expression":
            return ValueFound(location, binding)
    return NotAnalyzable(f"{location.name}.{name} is made while the module runs")


def _resolve_call(
    library: Library, location: ModuleLocation, name: str, binding: Binding, depth: int
) -> LookupResult:
    """Return the definition of ``name = f(argument)`` where ``f`` returns its argument."""
    if full_name(library, location, binding.value) not in RETURNING_CALLS or not binding.source:
        return CallFound(location, binding)
    if binding.source != name:
        return find_in(library, location, binding.source, depth + 1)
    module = library.module(location)
    earlier = (
        [item for item in module.bindings[name] if item.first < binding.first] if module else []
    )
    before = (earlier or [replace(binding, kind="unknown")])[-1]
    return _resolve_binding(library, location, name, before, depth + 1)


def _resolve_import(
    library: Library, location: ModuleLocation, binding: Binding, depth: int
) -> LookupResult:
    full = absolute_module(location, binding.source)
    source = library.find_module(full)
    if source is None:
        return no_module(library, full)
    if source.name == location.name:
        below = library.find_module(f"{full}.{binding.value}")
        return ModuleFound(below) if below else NotAnalyzable(f"{full} imports itself")
    found = _module_member(library, source, binding.value, depth + 1)
    if isinstance(found, Missing):
        return NotAnalyzable(f"{location.name} imports {binding.value}, which {full} does not have")
    return found


def resolution_order(library: Library, found: ClassFound) -> tuple[MroClass, ...]:
    """Return the classes in which attributes are looked up, in order (C3, as Python does)."""
    key = ("order", found.location.name, found.name)
    if key not in library.memo:
        library.memo[key] = (found, NotAnalyzable(f"{found.name} inherits from itself"))
        library.memo[key] = _linearize(library, found)
    order: tuple[MroClass, ...] = library.memo[key]
    return order


def _find_attribute(library: Library, found: ClassFound, name: str) -> LookupResult:
    """Return the definition of an attribute of a class."""
    order = resolution_order(library, found)
    for node in order:
        if isinstance(node, NotAnalyzable):
            return node
        if isinstance(node, BuiltinFound):
            return NotAnalyzable(f"{found.name} inherits from {node.name}")
        own = own_member(node, name)
        if isinstance(own, Piece):
            return class_at(library, node.location, own, f"{node.name}.")
        if own is not None:
            return own
        if node.summary.open or is_patched(library, node, name) or name.startswith("__"):
            return NotAnalyzable(f"{node.name}.{name} cannot be seen")
    if found.summary.metaclass:
        return NotAnalyzable(f"{found.name} has a metaclass")
    if is_compiled(order):
        return NotAnalyzable(f"{found.name} is compiled")
    return Missing(found.name, name, 0, attribute_names(order), class_location(found))


def _linearize(library: Library, found: ClassFound) -> tuple[MroClass, ...]:
    bases = [_resolve_base(library, found, name) for name in found.summary.bases]
    kept = [item for item in bases if item is not None]
    rows: list[list[MroClass]] = [
        list(resolution_order(library, item)) if isinstance(item, ClassFound) else [item]
        for item in kept
    ]
    return (found, *merge_orders([*rows, list(kept)]))


def _resolve_base(library: Library, found: ClassFound, name: str) -> MroClass | None:
    """Return a base class; None for one that adds nothing."""
    if not name:
        return NotAnalyzable(f"a base of {found.name} is computed")
    if full_name(library, found.location, name) in NEUTRAL_BASES:
        return None
    base = find_in(library, found.location, name)
    if isinstance(base, ClassFound | BuiltinFound | NotAnalyzable):
        return base
    if isinstance(base, CallFound):
        return NotAnalyzable(f"{name}, a base of {found.name}, is computed")
    return NotAnalyzable(f"{name}, a base of {found.name}, is not found")
