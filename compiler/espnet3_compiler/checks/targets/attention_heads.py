"""Heads of attention that do not divide the width of an encoder or decoder of ESPnet2.

Passes: ``encoder_conf: {output_size: 96, attention_heads: 4}``.
Fails: ``encoder_conf: {output_size: 96, attention_heads: 5}``; ``decoder_conf: {attention_heads:
5}`` beside such an encoder, whose width is that of the decoder.

The encoders choose the layer of attention while they are constructed; all of these layers refuse
such numbers.  That one is made, for which width, is read in the text of the constructor.
"""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound, own_member
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import written_entry
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar

_HEADS, _WIDTH = "attention_heads", "output_size"
_PACKAGE = "espnet2."
_OF_ENCODER = re.compile(r"\battention_heads,\s*output_size\b")
_OF_DECODER = re.compile(
    r"\battention_dim = encoder_output_size\b.*\battention_heads,\s*attention_dim\b", re.DOTALL
)
_DEFAULT = r"\b{}\s*(?::\s*int)?\s*=\s*(\d+)\s*[,)]"
_SWITCH = "use_attn"
"""An argument by which an encoder has no attention."""


class TaskPart(Struct, frozen=True):
    """The class that a task chooses, and its ``*_conf``."""

    found: ClassFound
    conf: Mapping


class _Number(Struct, frozen=True):
    """An argument that is a whole number, and where it is written; None for a default."""

    value: int
    entry: Entry | None


def check_heads(
    library: Library, encoder: TaskPart | None, decoder: TaskPart | None
) -> Iterator[Diagnostic]:
    """Yield R523.

    Args:
        library: Reads the classes.
        encoder: The encoder.
        decoder: The decoder that gets what the encoder gives; None without one.
    """
    text = _constructor(library, encoder) if encoder else ""
    width = _number(encoder, text, _WIDTH) if encoder else None
    if encoder is None or width is None or not _OF_ENCODER.search(text):
        return
    found = _check_part(encoder, text, width)
    if found is None and decoder is not None:
        text = _constructor(library, decoder)
        found = _check_part(decoder, text, width) if _OF_DECODER.search(text) else None
    if found is not None:
        yield found


def _constructor(library: Library, part: TaskPart) -> str:
    """Return the text of the constructor that a class of ESPnet2 itself has."""
    own = own_member(part.found, "__init__")
    file = library.file(part.found.location)
    known = part.found.location.name.startswith(_PACKAGE) and has_certain_keys(part.conf)
    if not known or not isinstance(own, FunctionFound) or file is None:
        return ""
    piece = own.pieces[-1]
    return file.text.lines(piece.first, piece.last)


def _number(part: TaskPart, text: str, name: str) -> _Number | None:
    """Return an argument as it is given, or its default."""
    node = part.conf.get(name)
    if node is None:
        default = re.search(_DEFAULT.format(name), text)
        return _Number(int(default[1]), None) if default else None
    value: Any = node.value if isinstance(node, Scalar) else None
    whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return _Number(value, written_entry(part.conf, name)) if whole else None


def _check_part(part: TaskPart, text: str, width: _Number) -> Diagnostic | None:
    """Return the finding about a class: at its heads where they are written, else at the width."""
    heads = _number(part, text, _HEADS)
    if heads is None or part.conf.entry(_SWITCH) or width.value % heads.value == 0:
        return None
    written = [one for one in (heads.entry, width.entry) if one]
    if not written:
        return None
    name = f"{part.found.location.name}.{part.found.name}"
    return value_finding(
        "R523",
        f"{name} refuses {heads.value} attention_heads: they do not divide its width of "
        f"{width.value}",
        written[0].value,
        "raises an exception",
        related=tuple(Label(use_location(one.value), one.name) for one in written[1:]),
        advice=(f"write a number that divides {width.value}, or another output_size",),
    )
