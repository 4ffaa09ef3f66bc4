"""Layers of PyTorch that code constructs with numbers that their constructors refuse.

Passes: ``nn.MultiheadAttention(size, heads)`` for ``size: 256, heads: 4``.
Fails: the same for ``heads: 6``; ``nn.GroupNorm(3, 64)``; ``nn.Dropout(1.5)``.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import class_of, constructor_of
from espnet3_compiler.checks.refusals.refusals import (
    ConstructorArguments,
    Refusal,
    first_refusal,
    parameters,
)
from espnet3_compiler.checks.shapes.values import CallArgument, CallArguments, Constant, Place
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.classes import is_torch_module
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound, own_member
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import resolution_order
from espnet3_compiler.syntax.span_key import first_per_location, span_key

_JUDGES = re.compile(r"\b(?:raise|assert)\b|\b(?!Parameter\b)[A-Z]\w*\(")
"""What a constructor that refuses numbers has in it, or one that makes other layers."""


class RefusedLayer(Struct, frozen=True):
    """A layer that cannot be constructed.

    Attributes:
        path: Its class.
        refusal: The exception.
        arguments: What decides that, by name, in the order of the call.
    """

    path: str
    refusal: Refusal
    arguments: Mapping[str, CallArgument]


def refused_layer(library: Library, path: str, given: CallArguments) -> RefusedLayer | None:
    """Return a layer that the code of PyTorch refuses to construct; None for any other.

    Args:
        library: Reads the class.
        path: Its dotted path.
        given: Its arguments, all of them.
    """
    if not any(isinstance(one, Constant) for one in given.values):
        return None
    if not library.remember(("judges", path), False, partial(_may_refuse, library, path)):
        return None
    found = constructor_of(library, path)
    names = parameters(found.body)[1:] if found else []
    every = {**dict(zip(names, given.positional, strict=False)), **given.named}
    values = {
        name: one.value.value for name, one in every.items() if isinstance(one.value, Constant)
    }
    key = ("refusal", path, *every, repr(values))  # many layers of a model are alike
    refuse = partial(_refusal, library, path, tuple(every), values)
    refusal = library.remember(key, None, refuse) if values else None
    deciding = {name: every[name] for name in every if refusal and name in refusal.arguments}
    return RefusedLayer(path, refusal, deciding) if refusal and deciding else None


def _refusal(
    library: Library, path: str, names: Iterable[str], values: Mapping[str, Any]
) -> Refusal | None:
    origins = {name: frozenset((name,)) for name in names}
    return first_refusal(library, path, ConstructorArguments(frozenset(origins), values, origins))


def _may_refuse(library: Library, path: str) -> bool:
    """Return whether a constructor of a class may raise an exception, by its text."""
    found = class_of(library, path)
    order = resolution_order(library, found) if found else ()
    layers = [one for one in order if isinstance(one, ClassFound) and not is_torch_module(one)]
    own = [own_member(one, "__init__") for one in layers]
    return any(_judges(library, one) for one in own if isinstance(one, FunctionFound))


def _judges(library: Library, constructor: FunctionFound) -> bool:
    file, piece = library.file(constructor.location), constructor.pieces[-1]
    return file is not None and bool(_JUDGES.search(file.text.lines(piece.first, piece.last)))


def refusal_findings(found: Iterable[RefusedLayer]) -> list[Diagnostic]:
    """Return R523, once for each place."""
    return first_per_location(map(_finding, found))


def _finding(found: RefusedLayer) -> Diagnostic:
    """Return the finding: at a value of the recipe where one decides it, else in the code."""
    sources = {name: one.places[-1] for name, one in found.arguments.items() if one.places}
    written = [name for name, place in sources.items() if place.body is None]
    name = (written or list(sources))[-1]
    calls = [one.place for one in found.arguments.values() if one.place]
    spans = {span_key(one.span): one for one in (*calls, *sources.values())}
    spans.pop(span_key(sources[name].span))
    numbers = [f"{key} is {_text(one)}" for key, one in found.arguments.items()]
    return Diagnostic(
        "R523",
        f"{found.path} refuses {name}: {found.refusal.message or ' and '.join(numbers)}",
        Label(sources[name].span, "raises an exception"),
        tuple(Label(one.span, _role(one)) for one in spans.values()),
        (f"write another number: {' and '.join(numbers)}",),
    )


def _role(place: Place) -> str:
    return "and this" if place.body is None else "the layer gets it here"


def _text(argument: CallArgument) -> str:
    return str(argument.value.value) if isinstance(argument.value, Constant) else "…"
