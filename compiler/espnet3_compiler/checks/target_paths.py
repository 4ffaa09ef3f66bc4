"""Findings about the dotted path of a target: it leads to nothing, or to nothing callable."""

from espnet3_compiler.chain import is_mendable, related_labels, use_place
from espnet3_compiler.checks.target_packages import OPTIONAL, is_optional
from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.lower_report import did_you_mean, listed
from espnet3_compiler.rawtext import raw_span
from espnet3_compiler.shape_hints import quoted_like
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.locate import names_below
from espnet3_compiler.signature.lookup import find
from espnet3_compiler.signature.model import Missing, NotCallable, Origin, Unknown
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import is_slip, is_sure, nearest
from espnet3_compiler.tree import Scalar

_SHORT = 6
_NEARBY = 40
"""How many modules are looked through for a name that stands in none of the expected ones."""


def malformed(path: Scalar) -> Diagnostic | None:
    """R501: a path that is not ``package.name``; None where it is."""
    parts = str(path.value).split(".")
    if isinstance(path.value, str) and len(parts) > 1 and all(map(str.isidentifier, parts)):
        return None
    return Diagnostic(
        "R501",
        f'"{path.value}" is not the dotted path of a class or function',
        Label(use_place(path), "expected package.module.Name"),
        related=related_labels(path),
    )


def unknown_path(path: Scalar, missing: Missing, library: Library) -> Diagnostic | Unknown:
    """R501: the path leads to nothing; Unknown where a package may just not be installed here.

    Args:
        path: The dotted path as it is written.
        missing: The step of the path that was not found.
        library: Where modules are looked for.
    """
    if missing.prefix:
        return _no_attribute(path, missing, library)
    return _no_package(path, missing, library)


def not_python(path: Scalar, message: str, origin: Origin) -> Diagnostic:
    """R501: a file of the recipe on the way is not Python; told once for a file.

    Args:
        path: The dotted path as it is written.
        message: What Python's parser says.
        origin: File and line of the syntax error.
    """
    return Diagnostic(
        "R501",
        f'"{path.value}" cannot be imported: {origin.file} is not Python',
        Label(use_place(path), f"{message} at {origin}"),
        related=related_labels(path),
        help=(f"mend {origin}",),
    )


def not_callable(path: Scalar, found: NotCallable) -> Diagnostic:
    """R505: the path leads to a module or a value."""
    return Diagnostic(
        "R505",
        f'"{path.value}" is {found.what}, not a class or function',
        Label(use_place(path), found.what),
        related=related_labels(path),
        notes=(f"defined at {found.origin}",),
    )


def _no_attribute(path: Scalar, missing: Missing, library: Library) -> Diagnostic:
    names = [item for item in missing.near if not item.startswith("_")] or list(missing.near)
    near = nearest(missing.part, names)
    sure = near is not None and is_sure(missing.part, names)
    other = None if sure else _elsewhere(path, missing, library)
    meant = other or near
    short = 0 < len(names) <= _SHORT
    where = f" ({missing.where.file})" if missing.where else ""
    return Diagnostic(
        "R501",
        f'"{missing.prefix}" has no "{missing.part}"',
        Label(_part(path, missing), f"not in ({listed(names)})" if short else "no such name"),
        related=related_labels(path),
        help=did_you_mean(meant),
        notes=(f"looked in {missing.prefix}{where}",),
        fix=_whole(path, other) if other else _fix(path, missing, near, certain=sure),
    )


def _elsewhere(path: Scalar, missing: Missing, library: Library) -> str | None:
    """Return the path of a class or function of that very name in a module nearby."""
    place = library.place(missing.prefix)
    if place is None or not str(path.value).endswith(f".{missing.part}"):
        return None
    above = place if place.folders else library.place(place.name.rpartition(".")[0])
    for name in names_below(library.path, above.folders)[:_NEARBY] if above else ():
        below = library.place(f"{above.name}.{name}") if above else None
        module = library.module(below) if below and below.file else None
        found = module.bindings.get(missing.part, ()) if module else ()
        if any(item.kind == "piece" for item in found):
            return f"{above.name}.{name}.{missing.part}" if above else None
    return None


def _no_package(path: Scalar, missing: Missing, library: Library) -> Diagnostic | Unknown:
    name = missing.part
    if is_optional(name):
        return Unknown(f"{name} is not installed")
    groups = _packages(library)
    near = _package(path, name, groups, library)
    if near is None and library.place("torch") is None:
        return Unknown(f"{name} is not installed")
    candidates = [item for group in groups for item in group]
    sure = near is not None and is_sure(name, candidates)
    return Diagnostic(
        "R501",
        f'there is no package "{name}"',
        Label(_part(path, missing), "neither in the recipe nor installed"),
        related=related_labels(path),
        help=did_you_mean(near) if near else (_where_to_get(path, library),),
        fix=_fix(path, missing, near, certain=sure),
    )


def _where_to_get(path: Scalar, library: Library) -> str:
    """Return what to do about a package that resembles no other: a lost link leaves no trace."""
    name, here = str(path.value).partition(".")[0], library.path.folder
    for found in sorted(here.parent.glob(f"*/{name}/")):
        beside = open_library(found.parent, library.folder)
        if not isinstance(find(beside, str(path.value)), Missing | Unknown):
            return f"copy it from a recipe beside: cp -r ../{found.parent.name}/{name} {name}"
    return "install it, or correct the name"


def is_misspelt(name: str, library: Library) -> bool:
    """Return whether a package that is not there is one that is, but for slips of the pen."""
    return any(is_slip(name, item) for group in _packages(library) for item in group)


def _packages(library: Library) -> tuple[tuple[str, ...], ...]:
    """Return the packages that may have been meant: the recipe's, well-known ones, all others."""
    roots = library.path.roots
    return names_below(library.path, roots[:1]), OPTIONAL, names_below(library.path, roots)


def _package(
    path: Scalar, name: str, groups: tuple[tuple[str, ...], ...], library: Library
) -> str | None:
    """Return the likeliest package: the first in which the rest of the path leads somewhere."""
    near = [found for group in groups if (found := nearest(name, group))]
    rest = str(path.value).partition(".")[2]
    fits = (item for item in near if not isinstance(find(library, f"{item}.{rest}"), Missing))
    return next(fits, near[0] if near else None)


def _part(path: Scalar, missing: Missing) -> Span:
    """Return the place of the part that fails; the use where the path comes from elsewhere."""
    place = use_place(path)
    if place is not path.span:
        return place
    start = len(missing.prefix) + 1 if missing.prefix else 0
    return raw_span(path, start, start + len(missing.part))


def _whole(path: Scalar, meant: str) -> Fix | None:
    if not is_mendable(path):
        return None
    return Fix(f'write "{meant}"', (Edit(path.span, quoted_like(path, meant)),))


def _fix(path: Scalar, missing: Missing, near: str | None, *, certain: bool) -> Fix | None:
    if near is None or not is_mendable(path):
        return None
    return Fix(f'write "{near}"', (Edit(_part(path, missing), near),), certain=certain)
