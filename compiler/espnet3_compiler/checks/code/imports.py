"""Imports of a recipe's modules that lead nowhere.

Passes: ``from .features import LogMel`` where ``src/features.py`` has that name; ``import apex``
below ``try``, ``if`` or in a function.
Fails: ``from .feature import LogMel``; ``from .features import LogMell``; ``import torch.nnn``;
``import features`` for ``src/features.py``; ``import einops`` where it is not installed.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions
from espnet3_compiler.checks.targets.packages import OPTIONAL_PACKAGES, is_optional
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.signature.definitions import absolute_module, names_of
from espnet3_compiler.signature.lazy import runtime_attributes
from espnet3_compiler.signature.locate import ModuleLocation, names_below
from espnet3_compiler.signature.module_summary import Import
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.signature.result import Missing
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_MAX_LISTED = 6
_EXTENDERS = (b"sys.path", b"addsitedir", b"meta_path")
"""Words of code after which packages may be found elsewhere."""


class _Nothing(Struct, frozen=True):
    """What an import does not find.

    Attributes:
        code: R508, or R511 for a well-known package that is not installed here.
        part: The word of the statement that leads to nothing.
        message: One sentence.
        label: Half a sentence.
        near: The name that was likely meant.
        hint: What to do where no name is near.
    """

    part: str
    message: str
    label: str
    near: str | None = None
    hint: tuple[str, ...] = ()
    code: str = "R508"


def check_imports(modules: Sequence[RecipeModule]) -> Iterator[Diagnostic]:
    """Yield R508 and R511 for imports that lead to nothing, once for each thing that is missing."""
    seen: set[tuple[str, str]] = set()
    extends = any_mentions(modules, _EXTENDERS)
    for module in modules:
        for item, time in module.imports():
            only_own = time == "called" or extends
            found = None if time == "maybe" else _missing_of(module, item, only_own)
            if found and (found.code, found.message) not in seen:
                seen.add((found.code, found.message))
                yield _finding(module, item, found)


def _finding(module: RecipeModule, item: Import, found: _Nothing) -> Diagnostic:
    source = module.file.source
    return Diagnostic(
        found.code,
        found.message,
        Label(_part_span(source, item, found.part), found.label),
        (Label(use_location(module.name), "imported for this"),),
        help=did_you_mean(found.near, *found.hint),
    )


def _part_span(source: Source, item: Import, part: str) -> Span:
    """Return the span of a word of an import statement; of its first line if it is not there."""
    lines = source.text.split("\n")
    start = sum(len(line) + 1 for line in lines[: item.line - 1])
    text = "\n".join(lines[item.line - 1 : item.last])
    after = text.find("import") if part == item.name else 0
    word = re.compile(rf"(?<!\w){re.escape(part)}(?!\w)").search(text, max(after, 0))
    at, end = word.span() if word else (0, len(lines[item.line - 1]))
    return Span(source, start + at, start + end)


def _missing_of(module: RecipeModule, item: Import, only_own: bool) -> _Nothing | None:
    """Return what an import does not find, or None; if asked, only what the recipe should have."""
    level = len(item.source) - len(item.source.lstrip("."))
    here = module.location.name.split(".")
    if level > len(here) - (module.location.kind != "package"):
        return _above_package(module, item)
    source = absolute_module(module.location, item.source)
    parts = source.split(".")
    for count in range(1, len(parts) + 1):
        place = module.library.find_module(".".join(parts[:count]))
        if place is None:
            found = _missing_module(module, parts, count - 1, only_own)
            hint = _found_beside(module, parts, item) if count == len(parts) else ()
            return replace(found, hint=hint or found.hint) if found else None
    assert place is not None
    if item.name in ("", "*") or (only_own and not place.local):
        return None
    return _missing_name(module, place, item.name)


def _found_beside(module: RecipeModule, parts: list[str], item: Import) -> tuple[str, ...]:
    """Return the advice to import a name from the one module beside a missing one that has it."""
    parent = module.library.find_module(".".join(parts[:-1]))
    if parent is None or not parent.local or item.name in ("", "*"):
        return ()
    found = []
    for name in names_below(module.library.path, parent.folders):
        place = module.library.find_module(f"{parent.name}.{name}")
        summary = module.library.module(place) if place else None
        rows = summary.bindings.get(item.name, ()) if summary else ()
        if place and any(row.kind != "import" for row in rows):
            found.append(place.name)
    return (f'"{found[0]}" has {item.name}',) if len(found) == 1 else ()


def _above_package(module: RecipeModule, item: Import) -> _Nothing:
    name = module.location.name
    shown = item.source if item.source.strip(".") else f"{item.source} import {item.name}"
    label = f'"{name}" is a module of the recipe directory, in no package'
    if "." in name:
        label = f'"{name}" has no package that far above it'
    part = item.source.lstrip(".") or item.name
    return _Nothing(part, f'"from {shown}" leads out of the recipe', label)


def _missing_module(
    module: RecipeModule, parts: list[str], index: int, only_own: bool
) -> _Nothing | None:
    if index == 0:
        return None if only_own else _missing_package(module, parts)
    parent = module.library.find_module(".".join(parts[:index]))
    assert parent is not None
    if not parent.local and (only_own or not _is_closed(module, parent, parts[index])):
        return None
    if parent.kind in ("extension", "builtin", "link"):
        return None
    name, part = ".".join(parts[: index + 1]), parts[index]
    known = names_below(module.library.path, parent.folders)
    label = f"not in {parent.name} ({format_names(known)})"
    if len(known) > _MAX_LISTED:
        label = f"not in {parent.name}"
    if not parent.folders:
        label = f"{parent.shown} is a file, not a package"
    return _Nothing(part, f'there is no module "{name}"', label, closest_match(part, known))


def _is_closed(module: RecipeModule, parent: ModuleLocation, name: str) -> bool:
    """Return whether an installed package has certainly no module of a name.

    Packages can register modules while they run (``os.path``, ``six.moves``): where one does such
    things, only a name that is near to that of a module is taken for a mistake.
    """
    if parent.kind not in ("package", "source"):
        return False
    summary = module.library.module(parent)
    if summary is None or name in summary.bindings:
        return False
    known = names_below(module.library.path, parent.folders)
    return not (summary.open or summary.stars) or closest_match(name, known) is not None


def _is_found(name: str) -> bool:
    """Return whether Python finds a package in an archive or by a finder of an editable install."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _missing_package(module: RecipeModule, parts: list[str]) -> _Nothing | None:
    name, library = parts[0], module.library
    if _is_found(name):
        return None
    beside = _beside(module, parts)
    message, label = f'there is no package "{name}"', "neither in the recipe nor installed"
    if beside:
        hint = (f'the recipe directory is on the path, not its folders: import "{beside}"',)
        return _Nothing(name, message, label, beside, hint)
    if is_optional(name):
        if library.find_module("torch") is None:
            return None
        hint = (f"install {name}, or import it where it is needed",)
        message = f'the package "{name}" is not installed here'
        return _Nothing(name, message, "not installed", hint=hint, code="R511")
    roots = library.path.roots
    groups = (names_below(library.path, roots[:1]), OPTIONAL_PACKAGES)
    near = next((found for group in groups if (found := closest_match(name, group))), None)
    if near is None and library.find_module("torch") is None:
        return None
    return _Nothing(name, message, label, near, ("install it, or correct the name",))


def _beside(module: RecipeModule, parts: list[str]) -> str | None:
    """Return the full name of a module beside this one that is imported without its package."""
    package = module.location.name
    while "." in package:
        package = package.rpartition(".")[0]
        found = module.library.find_module(f"{package}.{parts[0]}")
        if found and found.local:
            return ".".join([package, *parts])
    return None


def _missing_name(module: RecipeModule, place: ModuleLocation, name: str) -> _Nothing | None:
    """Return a name that a module does not have; an installed one must have a similar name.

    Packages make names in more ways than can be read, recipes do not.
    """
    library = module.library
    if name.startswith("__") or _has_of_python(place, name):
        return None
    if place.folders and library.find_module(f"{place.name}.{name}"):
        return None
    found = find_definition(library, f"{place.name}.{name}")
    if not isinstance(found, Missing) or found.prefix != place.name:
        return None
    names = [item for item in names_of(library, place) if not item.startswith("_")]
    near = closest_match(name, names)
    if not place.local and (
        near is None or runtime_attributes.may_be_set(library, place.name, name)
    ):
        return None
    listed = 0 < len(names) <= _MAX_LISTED
    label = f"not in ({format_names(names)})" if listed else f"not in {place.shown}"
    hint = () if listed or not place.local else _defined_in(module, place)
    return _Nothing(name, f'"{place.name}" has no "{name}"', label, near, hint)


def _has_of_python(place: ModuleLocation, name: str) -> bool:
    """Return whether a module of Python's own library is in use here, and has a name.

    Its text, which would say the same, need then not be read: ``typing`` is long.
    """
    own = place.name.partition(".")[0] in sys.stdlib_module_names and not place.local
    return own and place.name in sys.modules and name in vars(sys.modules[place.name])


def _defined_in(module: RecipeModule, place: ModuleLocation) -> tuple[str, ...]:
    """Return a sentence that names the functions and classes of a module of the recipe."""
    summary = module.library.module(place)
    bindings = summary.bindings if summary else {}
    own = [name for name, rows in bindings.items() if any(row.kind == "piece" for row in rows)]
    public = [name for name in own if not name.startswith("_")]
    return (f"it defines {format_names(public)}",) if public else ()
