"""Read the class of a System: the stage kinds that it and its bases run."""

import ast
from collections.abc import Container, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.manifest.system_declaration import (
    SystemDeclaration,
    declared_kinds,
    read_declaration,
    read_shipped,
)
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.definitions import (
    NEUTRAL_BASES,
    BuiltinFound,
    ClassFound,
    FunctionFound,
    full_name,
    own_member,
    own_method,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import FunctionSummary
from espnet3_compiler.signature.result import NotAnalyzable
from espnet3_schemas import systems

_NO_METHOD = frozenset(
    ("property", "staticmethod", "classmethod", "cached_property", "functools.cached_property")
)
_BY_PLACE = ("positional", "both")
_DEPTH = 16
"""How many bases above a class are followed."""


class ClassKinds(Struct, frozen=True):
    """The stage kinds that a class runs.

    Attributes:
        kinds: All of them.
        own: Those that a class outside of the runtime defines and no declaration describes.
        varied: Those of them that run the method of the base class with the same context too.
        renewed: Those that it defines or declares, and that only another System has that ships.
        declared: The declarations of the class and its bases, the farthest base first.
        found: What is wrong with the keys of these.
        uncallable: Public methods that take no ``context``, and are no kinds for it; their place.
    """

    kinds: tuple[str, ...]
    own: tuple[str, ...] = ()
    varied: frozenset[str] = frozenset()
    renewed: frozenset[str] = frozenset()
    declared: tuple[SystemDeclaration, ...] = ()
    found: tuple[Diagnostic, ...] = ()
    uncallable: Mapping[str, Span] = MappingProxyType({})


ANY_KIND = ClassKinds((WILDCARD,))
"""The kinds of a class that cannot be read."""


def runtime_kinds(path: str) -> ClassKinds | None:
    """Return the kinds of a System of the runtime; None for any other class."""
    if path == "espnet3_runtime.system.System":
        return ClassKinds(())
    for name, entry in systems()["systems"].items():
        short = f"espnet3_runtime.systems.{entry['class'].rpartition('.')[2]}"
        if path in (entry["class"], short):
            declared = (read_shipped(name),) if entry["roles"] else ()
            return ClassKinds(tuple(entry["kinds"]), declared=declared)
    return None


def class_kinds(library: Library, found: ClassFound, depth: int) -> ClassKinds | None:
    """Return the kinds of a class, inherited ones too; None where it is no System.

    Args:
        library: Reads the modules of the class and its bases.
        found: The class.
        depth: How many classes below it were followed.
    """
    every = [_base_kinds(library, found, base, depth + 1) for base in found.summary.bases]
    bases = [runs for runs in every if runs]
    if not bases:
        return None
    declared, wrong = read_declaration(library, found.location)
    described = {str(name.value) for name in declared_kinds(declared)} if declared else set()
    own = [name for name in found.summary.members if _is_kind(library, found, name, described)]
    kinds = dict.fromkeys(kind for runs in bases for kind in runs.kinds)
    above = dict.fromkeys(kind for runs in bases for kind in runs.own)
    unknown = frozenset(above).difference(*(runs.varied for runs in bases))
    varied = {name for name in own if name in kinds and _calls_base(library, found, name)}
    still = varied.union(*(runs.varied for runs in bases)) - unknown - (set(own) - varied)
    earlier = {id(one): one for runs in bases for one in runs.declared}.values()
    others = set() if WILDCARD in kinds else systems()["kinds"].keys() - kinds.keys()
    return ClassKinds(
        tuple(kinds | dict.fromkeys(own)),
        tuple(kind for kind in above | dict.fromkeys(own) if kind not in described),
        frozenset(still - described),
        frozenset(described.union(own) & others).union(*(runs.renewed for runs in bases)),
        (*earlier, *((declared,) if declared else ())),
        tuple(dict.fromkeys([*(one for runs in bases for one in runs.found), *wrong])),
        {
            **{name: at for runs in reversed(bases) for name, at in runs.uncallable.items()},
            **dict(_uncallable_methods(library, found)),
        },
    )


def _base_kinds(library: Library, found: ClassFound, name: str, depth: int) -> ClassKinds | None:
    full = full_name(library, found.location, name) if name else ""
    if full in NEUTRAL_BASES:
        return None
    base = None if runtime_kinds(full) else resolve_name.find_in(library, found.location, name)
    if isinstance(base, ClassFound) and depth < _DEPTH:
        return runtime_kinds(f"{base.location.name}.{base.name}") or class_kinds(
            library, base, depth
        )
    return None if isinstance(base, BuiltinFound) else runtime_kinds(full) or ANY_KIND


def _is_kind(library: Library, found: ClassFound, name: str, described: Container[str]) -> bool:
    """Return whether a stage can run a member of a class: a public method that takes ``context``.

    What a decorator or another expression makes of it is not known: it is one where it is declared.

    Args:
        library: Reads the class.
        found: The class.
        name: The member.
        described: The kinds that its declaration describes.
    """
    method = _public_method(library, found, name)
    if method is None:
        return name in described and isinstance(own_member(found, name), NotAnalyzable)
    decorators = {item.name for item in method.decorators}
    known = _takes_context(method) or (bool(decorators) and name in described)
    return known and _NO_METHOD.isdisjoint(decorators)


def _uncallable_methods(library: Library, found: ClassFound) -> Iterator[tuple[str, Span]]:
    """Yield the public methods of a class that are no kinds, each with its ``def``."""
    file = library.file(found.location)
    for name in found.summary.members if file else ():
        method = _public_method(library, found, name)
        if file and method and not method.decorators and not _takes_context(method):
            yield name, file.span_of(method.line, f"def {name}")


def _public_method(library: Library, found: ClassFound, name: str) -> FunctionSummary | None:
    return None if name.startswith("_") else own_method(library, found, name)


def _takes_context(method: FunctionSummary) -> bool:
    places = [item.name for item in method.params if item.kind in _BY_PLACE]
    return places[1:2] == ["context"]


def _calls_base(library: Library, found: ClassFound, name: str) -> bool:
    """Return whether a method runs the one of its base class with its own context, in any case."""
    file, method = library.file(found.location), own_member(found, name)
    if file is None or not isinstance(method, FunctionFound):
        return False
    node = file.function_node(method.pieces[-1])
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name) and one.id == "context"]
    if not all(isinstance(one.ctx, ast.Load) for one in names):
        return False
    values = [getattr(one, "value", None) for one in node.body]  # not in a branch of it
    return any(value and ast.unparse(value) == f"super().{name}(context)" for value in values)
