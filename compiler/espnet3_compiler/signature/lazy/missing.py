"""Say that a module has no such name, or why that is not known."""

import re
from collections.abc import Callable, Iterable

from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match, is_misspelling
from espnet3_compiler.signature import locate
from espnet3_compiler.signature.definitions import (
    Definition,
    LookupResult,
    absolute_module,
    definition_location,
    has_compiled_star,
    names_of,
)
from espnet3_compiler.signature.lazy.package_text import package_names, package_texts
from espnet3_compiler.signature.lazy.stars import likely_modules
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.signature.module_summary import ModuleSummary
from espnet3_compiler.signature.result import Missing, NotAnalyzable

LETTERS = 3
MAX_STARS = 4
"""How many imports of all names are followed from one module to the next."""


def number_part(result: LookupResult, parts: list[str], index: int) -> LookupResult:
    """Return a result with the missing part's index in the path that was asked for.

    Args:
        result: The result.
        parts: The path.
        index: The first part that may be the missing one, from 0.
    """
    if not isinstance(result, Missing):
        return result
    if result.part in parts[index:]:
        index = parts.index(result.part, index)
    return Missing(".".join(parts[:index]), parts[index], index, result.near, result.where)


def missing_member(
    library: Library,
    location: ModuleLocation,
    module: ModuleSummary | None,
    name: str,
    member: Callable[[ModuleLocation, str], LookupResult],
) -> Missing | NotAnalyzable:
    """Return that a module has no such name; NotAnalyzable where it may get it while it runs.

    Args:
        library: Reads modules.
        location: The module.
        module: Its summary, if it has a text.
        name: The name that was not found.
        member: Finds a name of a module.
    """
    file = library.file(location)
    is_open = module is not None and (
        module.open or "__path__" in module.bindings or has_compiled_star(library, location, module)
    )
    if is_open and module and (found := _misspelt_name(library, location, module, name, member)):
        return found
    if location.kind == "stub":
        return NotAnalyzable(f"{location.name} is compiled")
    if is_open or (file and _is_bound_elsewhere(name, file.text.text)):
        return NotAnalyzable(f"{location.name} makes names while it runs")
    return Missing(
        location.name, name, 0, names_of(library, location), definition_location(location)
    )


def _is_bound_elsewhere(name: str, text: str) -> bool:
    """Return whether a function of a module, or an expression, may give it a name."""
    if name not in text or not ("global" in text or ":=" in text):
        return False
    pattern = rf"\bglobal\b.*\b{re.escape(name)}\b|\b{re.escape(name)}\s*:="
    return re.search(pattern, text) is not None


def _misspelt_name(
    library: Library,
    location: ModuleLocation,
    module: ModuleSummary,
    name: str,
    member: Callable[[ModuleLocation, str], LookupResult],
) -> Missing | None:
    """Return that a module of an installed package, which imports on demand, has no such name.

    Only where its text, which lists what it has, holds one that is close, and nowhere this one.
    """
    if location.local or not (module.lazy_stars or "_import_structure" in module.bindings):
        return None
    names = _like(name, _names_on_demand(library, location, name))
    near = closest_match(name, names)
    top = location.name.partition(".")[0]
    if near is None and module.lazy_stars and top == location.name:
        near = closest_match(name, _like(name, package_names(library, top)))
        names = (near,) if near and isinstance(member(location, near), Definition) else ()
    if near is None or not (is_misspelling(name, near) or is_certain_match(name, names)):
        return None
    if not name.islower() and has_compiled_star(library, location, module):
        return None  # classes of the compiled part need not stand in its stub
    if any(name.encode() in text for _, text in package_texts(library, top)):
        return None
    return Missing(location.name, name, 0, names, definition_location(location))


def _like(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that begin or end like another: of thousands, few need a closer look."""
    plain = name.casefold()
    same = (item for item in names if abs(len(item) - len(name)) < LETTERS)
    folded = ((item, item.casefold()) for item in same)
    return tuple(
        item
        for item, text in folded
        if text[:LETTERS] == plain[:LETTERS] or text[-LETTERS:] == plain[-LETTERS:]
    )


def _names_on_demand(
    library: Library, location: ModuleLocation, name: str, depth: int = 0
) -> tuple[str, ...]:
    """Return the names of a module, with those of the modules that may have a name like this."""
    module = library.module(location)
    found = list(names_of(library, location))
    for source in likely_modules(name, module.lazy_stars) if module and depth < MAX_STARS else ():
        star = library.find_module(absolute_module(location, source))
        if star and star.name != location.name:
            inner = library.module(star)
            listed = inner.exports if inner and inner.exports is not None else None
            found += listed or _names_on_demand(library, star, name, depth + 1)
    return tuple(dict.fromkeys(found))


def misspelt_module(library: Library, location: ModuleLocation, name: str) -> Missing | None:
    """Return that a package has no such module where the name is close to one of its modules.

    A package that makes names while it runs (``torch`` takes functions out of its compiled part)
    may have any name, but hardly one with further names below it.

    Args:
        library: Reads modules.
        location: The package.
        name: The name of the module.
    """
    module = library.module(location)
    if module is None or name in module.bindings:
        return None
    modules = locate.names_below(library.path, location.folders)
    near = closest_match(name, modules)
    return Missing(location.name, name, 0, modules, definition_location(location)) if near else None


def unreadable_module(library: Library, location: ModuleLocation) -> NotAnalyzable:
    """Return why a module cannot be read; a file of the recipe with its syntax error."""
    file = library.file(location)
    if file is None or file.wrong is None or not location.local:
        return NotAnalyzable(f"{location.shown} cannot be parsed")
    place = definition_location(location, file.wrong.line)
    return NotAnalyzable(file.wrong.message, broken=place)


def no_module(library: Library, name: str) -> NotAnalyzable:
    """Return that a module that another imports is not there."""
    top = name.partition(".")[0]
    if library.find_module(top) is None:
        return NotAnalyzable(f"{top} is not installed")
    return NotAnalyzable(f"the module {name} is not found", absent=True)
