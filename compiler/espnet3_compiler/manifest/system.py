"""Which System a recipe builds on, and the stage kinds it runs."""

from dataclasses import dataclass, replace
from pathlib import Path

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import System
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.manifest.values import as_text, substitute_text
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.definitions import (
    NEUTRAL_BASES,
    BuiltinFound,
    ClassFound,
    FunctionFound,
    full_name,
    own_member,
)
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.locate import names_below
from espnet3_compiler.signature.result import Missing, NotAnalyzable
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, rename_fix, unknown_name
from espnet3_schemas import systems

_FALLBACK_SYSTEM = "asr"
"""Taken where the system is missing or unknown: it knows every kind."""
_DEPTH = 16
"""How many bases above a class are followed."""
_HINT = "write base, asr, or the dotted class of a System of the recipe"


@dataclass(frozen=True, slots=True)
class _Runs:
    """The stage kinds that a class runs, and those of them that it defines itself."""

    kinds: tuple[str, ...]
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Lost:
    """Why a class is no System: half a sentence, a label, and the path that was likely meant."""

    problem: str
    label: str
    near: str | None = None


_OPEN = _Runs((WILDCARD,), ())
"""What a class runs that cannot be seen."""


def lower_system(root: Mapping, directory: Path) -> tuple[System, tuple[Diagnostic, ...]]:
    """Return the System of a manifest and what is wrong with its name.

    Args:
        root: The manifest.
        directory: The recipe directory, where the recipe's own classes are looked for.
    """
    name = as_text(root.get("system"))
    if name is None:
        return _built_in(substitute_text(_FALLBACK_SYSTEM, root)), ()
    if str(name.value) in systems()["systems"]:
        return _built_in(name), ()
    if "." in str(name.value):
        return _own_class(name, directory)
    message = f'there is no system "{name.value}"'
    found = unknown_name("R206", message, name, systems()["systems"], _HINT)
    near = closest_match(str(name.value), systems()["systems"])
    return _built_in(substitute_text(near, name)) if near else _open_system(name), (found,)


def _built_in(name: Scalar) -> System:
    entry = systems()["systems"][name.value]
    return System(name, entry["class"], tuple(entry["kinds"]))


def _open_system(name: Scalar) -> System:
    """Return a System that every stage fits: what it runs is unknown, so no kind is wrong."""
    fallback = _built_in(substitute_text(_FALLBACK_SYSTEM, name))
    return replace(fallback, kinds=(*fallback.kinds, WILDCARD))


def _own_class(name: Scalar, directory: Path) -> tuple[System, tuple[Diagnostic, ...]]:
    path = str(name.value)
    library = open_library(directory)
    runs = _runs_of(library, path)
    if isinstance(runs, _Runs):
        return System(name, path, runs.kinds, runs.own), ()
    meant = _runs_of(library, runs.near) if runs.near else runs
    if isinstance(meant, _Runs):
        return System(name, str(runs.near), meant.kinds, meant.own), (_unknown_class(name, runs),)
    return _open_system(name), (_unknown_class(name, runs),)


def _unknown_class(name: Scalar, lost: _Lost) -> Diagnostic:
    return Diagnostic(
        code="R206",
        message=f'the system "{name.value}" {lost.problem}',
        primary=Label(name.span, lost.label),
        help=did_you_mean(lost.near, _HINT),
        fix=rename_fix(name, lost.near) if lost.near else None,
    )


def _runs_of(library: Library, path: str) -> _Runs | _Lost:
    """Return what a dotted class runs; a class that cannot be judged may run anything."""
    built_in = _of_runtime(path)
    found = None if built_in else resolve_name.find_definition(library, path)
    if isinstance(found, ClassFound):
        label = "it derives from neither BaseSystem nor ASRSystem"
        return _of_class(library, found, 0) or _Lost("is no System", label)
    if isinstance(found, Missing):
        return _no_class(library, path, found)
    if built_in or isinstance(found, NotAnalyzable):
        return built_in or _OPEN
    module, _, last = path.rpartition(".")
    return _Lost("does not exist", f'{module} has no class "{last}"')


def _of_runtime(path: str) -> _Runs | None:
    """Return what a System of the runtime runs; None for any other class."""
    if path == "espnet3_runtime.system.System":
        return _Runs((), ())
    for entry in systems()["systems"].values():
        short = f"espnet3_runtime.systems.{entry['class'].rpartition('.')[2]}"
        if path in (entry["class"], short):
            return _Runs(tuple(entry["kinds"]), ())
    return None


def _of_class(library: Library, found: ClassFound, depth: int) -> _Runs | None:
    """Return what a class runs by itself and by its bases; None where it is no System."""
    every = [_of_base(library, found, base, depth + 1) for base in found.summary.bases]
    bases = [runs for runs in every if runs]
    own = [name for name in found.summary.members if _is_kind(library, found, name)]
    kinds = [kind for runs in bases for kind in runs.kinds]
    defined = [kind for runs in bases for kind in runs.own]
    runs = _Runs(tuple(dict.fromkeys([*kinds, *own])), tuple(dict.fromkeys([*defined, *own])))
    return runs if bases else None


def _of_base(library: Library, found: ClassFound, name: str, depth: int) -> _Runs | None:
    full = full_name(library, found.location, name) if name else ""
    if full in NEUTRAL_BASES:
        return None
    base = None if _of_runtime(full) else resolve_name.find_in(library, found.location, name)
    if isinstance(base, ClassFound) and depth < _DEPTH:
        return _of_runtime(f"{base.location.name}.{base.name}") or _of_class(library, base, depth)
    return None if isinstance(base, BuiltinFound) else _of_runtime(full) or _OPEN


def _is_kind(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether a stage can run a method: a public one that takes ``context``."""
    method = own_member(found, name)
    if name.startswith("_") or not isinstance(method, FunctionFound):
        return False
    function = library.function(found.location, method.pieces[-1])
    if function is None or function.decorators:
        return False
    places = [item.name for item in function.params if item.kind in ("place", "both")]
    return places[1:2] == ["context"]


def _no_class(library: Library, path: str, missing: Missing) -> _Runs | _Lost:
    """Report a path that leads to nothing; a package that is just not here may hold anything."""
    modules = names_below(library.path, library.path.roots[:1])
    near = closest_match(missing.part, missing.near if missing.prefix else modules)
    if near is None and not missing.prefix:
        return _OPEN
    parts = path.split(".")
    if missing.index == len(parts) - 1:
        label = f'{missing.prefix} has no class "{missing.part}"'
    else:
        label = f'there is no module "{".".join(parts[: missing.index + 1])}"'
    parts[missing.index] = near or ""
    return _Lost("does not exist", label, ".".join(parts) if near else None)
