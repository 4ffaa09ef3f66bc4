"""Findings about the dotted path of a target that names no class or function."""

from collections.abc import Iterable

from msgspec.structs import replace

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.targets.packages import OPTIONAL_PACKAGES, is_optional
from espnet3_compiler.checks.targets.recipe_classes import class_paths
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_misspelling, is_slip
from espnet3_compiler.filesystem import find
from espnet3_compiler.schema.class_names import dotted_path
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import names_below
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.signature.result import (
    Missing,
    NotAnalyzable,
    NotCallable,
)
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, format_names, spelling_fix

_MAX_LISTED = 6
_MAX_INSIDE = 3
_IMPORTED_AS = {
    "F": "torch.nn.functional",
    "L": "lightning.pytorch",
    "callbacks": "lightning.pytorch.callbacks",
    "loggers": "lightning.pytorch.loggers",
    "lr_scheduler": "torch.optim.lr_scheduler",
    "nn": "torch.nn",
    "np": "numpy",
    "optim": "torch.optim",
    "pl": "lightning.pytorch",
}
"""What code usually imports under these names."""

_MAX_MODULES = 40
"""How many modules nearby are searched for a name that is not in the expected one."""


def malformed_path(path: Scalar, library: Library | None = None) -> Diagnostic | None:
    """R501: a path that is not ``package.name``; None if it is.

    Of a class alone, the one of the recipe is named that is called so.
    """
    parts = str(path.value).split(".")
    if isinstance(path.value, str) and len(parts) > 1 and all(map(str.isidentifier, parts)):
        return None
    return not_a_path(path, class_paths(library) if library and len(parts) == 1 else ())


def not_a_path(path: Scalar, known: Iterable[str] = ()) -> Diagnostic:
    """R501: a value that cannot be a dotted path; classes of the recipe may be what was meant."""
    message = f'"{path.value}" is not the dotted path of a class or function'
    same = [item for item in known if item.endswith(f".{path.value}")]
    meant = dotted_path(str(path.value)) or (same[0] if len(same) == 1 else None)
    advice = did_you_mean(meant)
    return value_finding("R501", message, path, "expected package.module.Name", advice=advice)


def unusable_path(
    path: Scalar,
    result: Missing | NotCallable | NotAnalyzable,
    library: Library,
    *,
    of_call: bool = False,
) -> list[Diagnostic] | NotAnalyzable:
    """Return the finding about a path that names no class or function, or why there is none.

    Args:
        path: The dotted path as it is written.
        result: The result of reading its signature.
        library: Where modules are looked up.
        of_call: A ``call`` stage names it, which wants a function.
    """
    if isinstance(result, NotAnalyzable):
        return result
    if isinstance(result, Missing):
        found = unknown_path(path, result, library)
        return found if isinstance(found, NotAnalyzable) else [found]
    message = f'"{path.value}" is {result.what}, not a class or function'
    notes = (f"defined at {result.origin}",)
    advice = _suggest_inside(path, library, of_call=of_call) if result.what == "a module" else ()
    return [value_finding("R505", message, path, result.what, advice=advice, notes=notes)]


def _suggest_inside(path: Scalar, library: Library, *, of_call: bool) -> tuple[str, ...]:
    """Return which classes of a module to name; functions for a call, or where it has no class."""
    location = library.find_module(str(path.value))
    module = library.module(location) if location else None
    bound = module.bindings.items() if module else ()
    names = [name for name, rows in bound if rows[-1].piece and not name.startswith("_")]
    kind = FunctionFound if of_call else ClassFound
    fit = [name for name in names if isinstance(_definition_in(path, name, library), kind)] or names
    if 0 < len(fit) <= _MAX_INSIDE:
        inside = " or ".join(f'"{path.value}.{name}"' for name in fit)
        return (f"did you mean {inside}?",)
    return (f"name what is meant in it: {format_names(fit)}",) if fit else ()


def _definition_in(path: Scalar, name: str, library: Library) -> object:
    return find_definition(library, f"{path.value}.{name}")


def unknown_path(path: Scalar, missing: Missing, library: Library) -> Diagnostic | NotAnalyzable:
    """R501: the path names nothing; NotAnalyzable if a package may just not be installed here.

    Args:
        path: The dotted path as it is written.
        missing: The part of the path that was not found.
        library: Where modules are looked up.
    """
    if missing.prefix:
        return _no_attribute(path, missing, library)
    return _no_package(path, missing, library)


def _no_attribute(path: Scalar, missing: Missing, library: Library) -> Diagnostic:
    names = [item for item in missing.near if not item.startswith("_")] or list(missing.near)
    near = closest_match(missing.part, names)
    sure = near is not None and is_slip(missing.part, near)
    other = None if sure else _find_nearby(path, missing, library)
    if other is None and not sure and (moved := _in_renamed_module(path, missing, library)):
        return _renamed_module(path, missing, moved)
    if other is None and near is None:
        other = _only_class(path, missing, library)
    fix = _part_fix(path, missing, near, names)
    if other and is_fixable(path):
        fix = Fix(f'write "{other}"', (Edit(path.span, quoted_like(path, other)),))
    short = 0 < len(names) <= _MAX_LISTED
    label = f"not in ({format_names(names)})" if short else "no such name"
    file = f" ({missing.where.file})" if missing.where else ""
    return Diagnostic(
        "R501",
        f'"{missing.prefix}" has no "{missing.part}"',
        Label(_part_span(path, missing), label),
        related=provenance_labels(path),
        help=did_you_mean(other or near),
        notes=(f"looked in {missing.prefix}{file}",),
        fix=fix,
    )


def _in_renamed_module(path: Scalar, missing: Missing, library: Library) -> str | None:
    """Return the path of the only class or function of the recipe of a name, elsewhere than named.

    That is where a module is not found in a package of the recipe itself.
    """
    package = library.find_module(missing.prefix)
    name = str(path.value).removeprefix(f"{missing.prefix}.{missing.part}.")
    if package is None or not package.local or not package.folders or "." in name:
        return None
    found = [item for item in class_paths(library) if item.endswith(f".{name}")]
    return found[0] if len(found) == 1 else None


def _renamed_module(path: Scalar, missing: Missing, moved: str) -> Diagnostic:
    """Return R501 for a whole path, of which the last name is that of another module."""
    return value_finding(
        "R501",
        f'"{missing.prefix}" has no "{missing.part}"',
        path,
        f"{moved.rpartition('.')[2]} is defined in {moved.rpartition('.')[0]}",
        advice=did_you_mean(moved),
        fix=_whole_fix(path, moved),
    )


def _only_class(path: Scalar, missing: Missing, library: Library) -> str | None:
    """Return the path of the only class of a module of the recipe, where a class is named."""
    location = library.find_module(missing.prefix)
    module = library.module(location) if location and location.local and location.file else None
    if (
        module is None
        or not missing.part[:1].isupper()
        or not str(path.value).endswith(missing.part)
    ):
        return None
    own = [name for name, rows in module.bindings.items() if rows[-1].piece]
    named = [f"{missing.prefix}.{name}" for name in own if name[:1].isupper()]
    classes = [one for one in named if isinstance(find_definition(library, one), ClassFound)]
    return classes[0] if len(classes) == 1 else None


def _find_nearby(path: Scalar, missing: Missing, library: Library) -> str | None:
    """Return the path of a class or function of the same name in a module nearby."""
    package = library.find_module(missing.prefix)
    if package and not package.folders:
        package = library.find_module(package.name.rpartition(".")[0])
    if package is None or not str(path.value).endswith(f".{missing.part}"):
        return None
    for name in names_below(library.path, package.folders)[:_MAX_MODULES]:
        below = library.find_module(f"{package.name}.{name}")
        module = library.module(below) if below and below.file else None
        found = module.bindings.get(missing.part, ()) if module else ()
        if any(item.kind == "piece" for item in found):
            return f"{package.name}.{name}.{missing.part}"
    return None


def _no_package(path: Scalar, missing: Missing, library: Library) -> Diagnostic | NotAnalyzable:
    name = missing.part
    if is_optional(name):
        return NotAnalyzable(f"{name} is not installed")
    whole = _with_other_start(str(path.value), library)
    if whole:
        return Diagnostic(
            "R501",
            f'there is no package "{name}"',
            Label(_part_span(path, missing), "paths start in the recipe directory"),
            related=provenance_labels(path),
            help=did_you_mean(whole),
            fix=_whole_fix(path, whole),
        )
    if meant := _of_import(str(path.value), library):
        return Diagnostic(
            "R501",
            f'there is no package "{name}"',
            Label(_part_span(path, missing), "a name that Python code imports"),
            related=provenance_labels(path),
            help=did_you_mean(meant),
            fix=_whole_fix(path, meant),
        )
    groups = _known_packages(library)
    near = _nearest_package(path, name, groups, library)
    if near is None and library.find_module("torch") is None:
        return NotAnalyzable(f"{name} is not installed")
    known = [item for group in groups for item in group]
    return Diagnostic(
        "R501",
        f'there is no package "{name}"',
        Label(_part_span(path, missing), "neither in the recipe nor installed"),
        related=provenance_labels(path),
        help=did_you_mean(near) if near else (_where_to_get(path, library),),
        fix=_part_fix(path, missing, near, known),
    )


def _of_import(path: str, library: Library) -> str | None:
    """Return a path whose start is a name as in ``from torch import optim``, written out."""
    start, _, rest = path.partition(".")
    whole = f"{_IMPORTED_AS[start]}.{rest}" if start in _IMPORTED_AS and rest else None
    return whole if whole and not isinstance(find_definition(library, whole), Missing) else None


def _with_other_start(path: str, library: Library) -> str | None:
    """Return a path of the recipe that lacks its package, or with what is before it left out."""
    found = [item for item in class_paths(library) if item.endswith(f".{path}")]
    rest = path.partition(".")[2]
    while not found and "." in rest:
        top = library.find_module(rest.partition(".")[0])
        known = find_definition(library, rest) if top and top.local else None
        if isinstance(known, ClassFound | FunctionFound):
            return rest
        rest = rest.partition(".")[2]
    return found[0] if len(found) == 1 else None


def _whole_fix(path: Scalar, meant: str) -> Fix | None:
    edit = Edit(path.span, quoted_like(path, meant))
    return Fix(f'write "{meant}"', (edit,)) if is_fixable(path) else None


def _where_to_get(path: Scalar, library: Library) -> str:
    """Return where to get a package that resembles no other: a recipe beside may have it."""
    from glob import escape

    name, here = str(path.value).partition(".")[0], library.path.folder
    for found in sorted(find(here.parent, f"*/{escape(name)}/")):
        beside = library.beside(found.parent)
        if not isinstance(find_definition(beside, str(path.value)), Missing | NotAnalyzable):
            return f"copy it from a recipe beside: cp -r ../{found.parent.name}/{name} {name}"
    return "install it, or correct the name"


def is_misspelt(name: str, library: Library) -> bool:
    """Return whether the name of a package that does not exist is a misspelling of a known one."""
    return any(is_misspelling(name, item) for group in _known_packages(library) for item in group)


def _known_packages(library: Library) -> tuple[tuple[str, ...], ...]:
    """Return the packages of the recipe, well-known ones, and all that are installed."""
    roots = library.path.roots
    return names_below(library.path, roots[:1]), OPTIONAL_PACKAGES, names_below(library.path, roots)


def _nearest_package(
    path: Scalar, name: str, groups: tuple[tuple[str, ...], ...], library: Library
) -> str | None:
    """Return the likeliest package: the first in which the rest of the path is found."""
    near = [found for group in groups if (found := closest_match(name, group))]
    rest = str(path.value).partition(".")[2]
    fits = (
        item for item in near if not isinstance(find_definition(library, f"{item}.{rest}"), Missing)
    )
    return next(fits, near[0] if near else None)


def _part_span(path: Scalar, missing: Missing) -> Span:
    """Return the span of the part that was not found; the use if the path is fetched."""
    if use_location(path) is not path.span:
        return use_location(path)
    start = len(missing.prefix) + 1 if missing.prefix else 0
    return scalar_span(path, start, start + len(missing.part))


def _part_fix(path: Scalar, missing: Missing, near: str | None, known: Iterable[str]) -> Fix | None:
    if not is_fixable(path):
        return None
    fix = spelling_fix(_part_span(path, missing), missing.part, near, known)
    certain = fix is not None and fix.certain and is_slip(missing.part, near or "")
    return fix and replace(fix, certain=certain)
