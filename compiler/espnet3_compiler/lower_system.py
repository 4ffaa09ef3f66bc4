"""Which System a recipe builds on, and the stage kinds it runs."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import System
from espnet3_compiler.kinds import OPEN
from espnet3_compiler.lower_report import rename, unknown
from espnet3_compiler.lower_values import stand_in, text
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping, Scalar
from espnet3_schemas import systems

if TYPE_CHECKING:
    from espnet3_compiler.lower_classes import Lost

_FALLBACK = "asr"
"""Taken where the system is missing or unknown: it knows every kind."""


def lower_system(root: Mapping, directory: Path) -> tuple[System, tuple[Diagnostic, ...]]:
    """Return the System of a manifest and what is wrong with its name.

    Args:
        root: The manifest.
        directory: The recipe directory, where the recipe's own classes are looked for.
    """
    name = text(root.get("system"))
    if name is None:
        return _built_in(stand_in(_FALLBACK, root)), ()
    if str(name.value) in systems()["systems"]:
        return _built_in(name), ()
    if "." in str(name.value):
        return _own_class(name, directory)
    hint = "write base, asr, or the dotted class of a System of the recipe"
    message = f'there is no system "{name.value}"'
    found = unknown("R206", message, name, systems()["systems"], hint)
    near = nearest(str(name.value), systems()["systems"])
    return _built_in(stand_in(near, name)) if near else _anything(name), (found,)


def _built_in(name: Scalar) -> System:
    entry = systems()["systems"][name.value]
    return System(name, entry["class"], tuple(entry["kinds"]))


def _anything(name: Scalar) -> System:
    """Return a System that every stage fits: what it runs is unknown, so no kind is wrong."""
    fallback = _built_in(stand_in(_FALLBACK, name))
    return replace(fallback, kinds=(*fallback.kinds, OPEN))


def _own_class(name: Scalar, directory: Path) -> tuple[System, tuple[Diagnostic, ...]]:
    from espnet3_compiler.lower_classes import Found, find_class

    path = str(name.value)
    found = find_class(path, directory)
    if isinstance(found, Found):
        return System(name, path, found.kinds, found.own), ()
    meant = find_class(found.near, directory) if found.near else found
    if isinstance(meant, Found):
        return System(name, str(found.near), meant.kinds, meant.own), (_lost(name, found),)
    return _anything(name), (_lost(name, found),)


def _lost(name: Scalar, lost: "Lost") -> Diagnostic:
    return Diagnostic(
        code="R206",
        message=f'the system "{name.value}" {lost.problem}',
        primary=Label(name.span, lost.label),
        help=(f'did you mean "{lost.near}"?',)
        if lost.near
        else ("write base, asr, or the dotted class of a System of the recipe",),
        fix=rename(name, lost.near) if lost.near else None,
    )
