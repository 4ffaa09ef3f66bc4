"""What the fields of a batch are, against what ``forward`` of the trained model takes.

Passes: ``durations`` that ``forward`` needs, an array in each item; texts that it does not take.
Fails: the same where the item has ``row["durations"]`` of a table, a text, which stays out of a
batch; a validation set whose items have ``speech`` where ``forward`` takes texts alone; a list of
texts, None or a path in each item.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.fields import preprocessor_of, split_entries
from espnet3_compiler.checks.item_kinds.kinds import (
    ARRAY,
    NUMBER,
    OTHER,
    TEXT,
    FieldKind,
    ItemKinds,
    common_kinds,
)
from espnet3_compiler.checks.item_kinds.makers import changed_kinds, item_kinds
from espnet3_compiler.checks.targets.datasets import DatasetEntry, entry_span, is_available
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Mapping, Scalar

_LENGTHS = "_lengths"


class ForwardCall(Struct, frozen=True):
    """What a model is called by, with the fields of a batch.

    Attributes:
        path: The value that names the model.
        signature: What its ``forward`` takes.
        takes_any: Whether it may take fields of any name.
    """

    path: Scalar
    signature: Signature
    takes_any: bool


def check_batches(
    recipe: Recipe, config: Mapping, split: str, call: ForwardCall
) -> Iterator[Diagnostic]:
    """Yield R431 for a text that ``forward`` needs, and for an array that it does not take.

    Args:
        recipe: The recipe.
        config: The training config.
        split: ``train`` or ``valid``.
        call: What is called.
    """
    entries = split_entries(recipe, config, split)
    kinds = split_kinds(recipe, config, split)
    for item in call.signature.parameters:
        field = item.name.removesuffix(_LENGTHS)
        if item.required and kinds.named(field).name == TEXT:
            yield _text_needed(item.name, split, kinds.named(field), call, entries)
            return
    other = next(((name, one) for name, one in kinds.fields.items() if one.name == OTHER), None)
    if other:
        yield _no_part(*other, split, call, entries)
        return
    if call.takes_any:
        return
    numbers = [name for name, kind in kinds.fields.items() if kind.name in (ARRAY, NUMBER)]
    untaken = [name for name in numbers if call.signature.find(name) is None]
    if untaken:
        yield _not_taken(untaken[0], split, call, entries)


def split_kinds(recipe: Recipe, config: Mapping, split: str) -> ItemKinds:
    """Return the kinds of the fields of a split's items, after transforms and preprocessor.

    Args:
        recipe: The recipe.
        config: A training or inference config.
        split: ``train``, ``valid`` or ``test``.
    """
    entries = split_entries(recipe, config, split)
    every = [
        changed_kinds(data.library, data.node.get("transform"), item_kinds(data))
        for data in entries
        if is_available(data)
    ]
    known = common_kinds(every) if len(every) == len(entries) else None
    return changed_kinds(recipe.library, preprocessor_of(config, split), known or ItemKinds())


def _text_needed(
    name: str, split: str, kind: FieldKind, call: ForwardCall, entries: list[DatasetEntry]
) -> Diagnostic:
    """Return the finding about a text that ``forward`` needs as numbers.

    Args:
        name: The argument of ``forward``.
        split: The split.
        kind: What the field is.
        call: What is called.
        entries: The data sets.
    """
    field, model = name.removesuffix(_LENGTHS), f"{call.path.value}.forward"
    used = Label(use_location(call.path), "trained here")
    place = kind.body.span_in(kind.node) if kind.body and kind.node else None
    return Diagnostic(
        "R431",
        f'{model} needs "{name}", and "{field}" is a text in each item of {split}: texts stay out '
        "of a batch",
        Label(place or entry_span(entries[0]), "a text"),
        (used,),
        (f"make an array of numbers of {field}, in the data set or by a preprocessor",),
    )


def _no_part(
    name: str, kind: FieldKind, split: str, call: ForwardCall, entries: list[DatasetEntry]
) -> Diagnostic:
    """Return the finding about a field of which no batch can be made.

    Args:
        name: The field.
        kind: What it is.
        split: The split.
        call: What is called.
        entries: The data sets.
    """
    place = kind.body.span_in(kind.node) if kind.body and kind.node else None
    return Diagnostic(
        "R431",
        f'"{name}" in each item of {split} cannot be part of a batch, which holds numbers',
        Label(place or entry_span(entries[0]), "no text, number or array of numbers"),
        (Label(use_location(call.path), "trained here"),),
        (f"make an array of numbers of {name}, for example indices, or leave it out",),
    )


def _not_taken(name: str, split: str, call: ForwardCall, entries: list[DatasetEntry]) -> Diagnostic:
    """Return the finding about a field of each batch that ``forward`` does not take.

    Args:
        name: The field.
        split: The split.
        call: What is called.
        entries: Its data sets.
    """
    return Diagnostic(
        "R431",
        f'each batch of {split} has "{name}", which {call.path.value}.forward does not take',
        Label(entry_span(entries[0]), f"items with {name}"),
        (Label(use_location(call.path), "trained here"),),
        (f"leave {name} out of these items, or let forward take {name} (or **fields)",),
    )
