"""Findings about the dotted path of a target: it leads to nothing, or to nothing callable."""

from espnet3_compiler.checks.targets.packages import OPTIONAL_PACKAGES, is_optional
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match, is_misspelling
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.locate import names_below
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.signature.result import (
    DefinitionLocation,
    Missing,
    NotAnalyzable,
    NotCallable,
)
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names

_MAX_LISTED = 6
_MAX_MODULES = 40
"""How many modules are looked through for a name that stands in none of the expected ones."""


def malformed_path(path: Scalar) -> Diagnostic | None:
    """R501: a path that is not ``package.name``; None where it is."""
    parts = str(path.value).split(".")
    if isinstance(path.value, str) and len(parts) > 1 and all(map(str.isidentifier, parts)):
        return None
    return Diagnostic(
        "R501",
        f'"{path.value}" is not the dotted path of a class or function',
        Label(use_location(path), "expected package.module.Name"),
        related=provenance_labels(path),
    )


def unknown_path(path: Scalar, missing: Missing, library: Library) -> Diagnostic | NotAnalyzable:
    """R501: the path leads to nothing; Unknown where a package may just not be installed here.

    Args:
        path: The dotted path as it is written.
        missing: The step of the path that was not found.
        library: Where modules are looked for.
    """
    if missing.prefix:
        return _no_attribute(path, missing, library)
    return _no_package(path, missing, library)


def not_python(path: Scalar, message: str, origin: DefinitionLocation) -> Diagnostic:
    """R501: a file of the recipe on the way is not Python; told once for a file.

    Args:
        path: The dotted path as it is written.
        message: What Python's parser says.
        origin: File and line of the syntax error.
    """
    return Diagnostic(
        "R501",
        f'"{path.value}" cannot be imported: {origin.file} is not Python',
        Label(use_location(path), f"{message} at {origin}"),
        related=provenance_labels(path),
        help=(f"mend {origin}",),
    )


def not_callable(path: Scalar, found: NotCallable) -> Diagnostic:
    """R505: the path leads to a module or a value."""
    return Diagnostic(
        "R505",
        f'"{path.value}" is {found.what}, not a class or function',
        Label(use_location(path), found.what),
        related=provenance_labels(path),
        notes=(f"defined at {found.origin}",),
    )


def _no_attribute(path: Scalar, missing: Missing, library: Library) -> Diagnostic:
    names = [item for item in missing.near if not item.startswith("_")] or list(missing.near)
    near = closest_match(missing.part, names)
    sure = near is not None and is_certain_match(missing.part, names)
    other = None if sure else _find_nearby(path, missing, library)
    meant = other or near
    short = 0 < len(names) <= _MAX_LISTED
    where = f" ({missing.where.file})" if missing.where else ""
    return Diagnostic(
        "R501",
        f'"{missing.prefix}" has no "{missing.part}"',
        Label(
            _part_span(path, missing),
            f"not in ({format_names(names)})" if short else "no such name",
        ),
        related=provenance_labels(path),
        help=did_you_mean(meant),
        notes=(f"looked in {missing.prefix}{where}",),
        fix=_path_fix(path, other) if other else _part_fix(path, missing, near, certain=sure),
    )


def _find_nearby(path: Scalar, missing: Missing, library: Library) -> str | None:
    """Return the path of a class or function of that very name in a module nearby."""
    place = library.find_module(missing.prefix)
    if place is None or not str(path.value).endswith(f".{missing.part}"):
        return None
    above = place if place.folders else library.find_module(place.name.rpartition(".")[0])
    for name in names_below(library.path, above.folders)[:_MAX_MODULES] if above else ():
        below = library.find_module(f"{above.name}.{name}") if above else None
        module = library.module(below) if below and below.file else None
        found = module.bindings.get(missing.part, ()) if module else ()
        if any(item.kind == "piece" for item in found):
            return f"{above.name}.{name}.{missing.part}" if above else None
    return None


def _no_package(path: Scalar, missing: Missing, library: Library) -> Diagnostic | NotAnalyzable:
    name = missing.part
    if is_optional(name):
        return NotAnalyzable(f"{name} is not installed")
    groups = _known_packages(library)
    near = _nearest_package(path, name, groups, library)
    if near is None and library.find_module("torch") is None:
        return NotAnalyzable(f"{name} is not installed")
    candidates = [item for group in groups for item in group]
    sure = near is not None and is_certain_match(name, candidates)
    return Diagnostic(
        "R501",
        f'there is no package "{name}"',
        Label(_part_span(path, missing), "neither in the recipe nor installed"),
        related=provenance_labels(path),
        help=did_you_mean(near) if near else (_where_to_get(path, library),),
        fix=_part_fix(path, missing, near, certain=sure),
    )


def _where_to_get(path: Scalar, library: Library) -> str:
    """Return what to do about a package that resembles no other: a lost link leaves no trace."""
    name, here = str(path.value).partition(".")[0], library.path.folder
    for found in sorted(here.parent.glob(f"*/{name}/")):
        beside = open_library(found.parent, library.folder)
        if not isinstance(find_definition(beside, str(path.value)), Missing | NotAnalyzable):
            return f"copy it from a recipe beside: cp -r ../{found.parent.name}/{name} {name}"
    return "install it, or correct the name"


def is_misspelt(name: str, library: Library) -> bool:
    """Return whether a package that is not there is one that is, but for slips of the pen."""
    return any(is_misspelling(name, item) for group in _known_packages(library) for item in group)


def _known_packages(library: Library) -> tuple[tuple[str, ...], ...]:
    """Return the packages that may have been meant: the recipe's, well-known ones, all others."""
    roots = library.path.roots
    return names_below(library.path, roots[:1]), OPTIONAL_PACKAGES, names_below(library.path, roots)


def _nearest_package(
    path: Scalar, name: str, groups: tuple[tuple[str, ...], ...], library: Library
) -> str | None:
    """Return the likeliest package: the first in which the rest of the path leads somewhere."""
    near = [found for group in groups if (found := closest_match(name, group))]
    rest = str(path.value).partition(".")[2]
    fits = (
        item for item in near if not isinstance(find_definition(library, f"{item}.{rest}"), Missing)
    )
    return next(fits, near[0] if near else None)


def _part_span(path: Scalar, missing: Missing) -> Span:
    """Return the place of the part that fails; the use where the path comes from elsewhere."""
    place = use_location(path)
    if place is not path.span:
        return place
    start = len(missing.prefix) + 1 if missing.prefix else 0
    return scalar_span(path, start, start + len(missing.part))


def _path_fix(path: Scalar, meant: str) -> Fix | None:
    if not is_fixable(path):
        return None
    return Fix(f'write "{meant}"', (Edit(path.span, quoted_like(path, meant)),))


def _part_fix(path: Scalar, missing: Missing, near: str | None, *, certain: bool) -> Fix | None:
    if near is None or not is_fixable(path):
        return None
    return Fix(f'write "{near}"', (Edit(_part_span(path, missing), near),), certain=certain)
