"""What the fields of an item certainly are: texts, numbers or arrays.

A field that is listed is in each item; one of which the kind is not known has the kind ``""``.
Nothing is listed where the code says it in a way that is not understood.
"""

import ast
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import Known
from espnet3_compiler.checks.data.bodies import FunctionBody
from espnet3_compiler.signature.library import Library

TEXT, NUMBER, ARRAY, UNKNOWN = "text", "number", "array", ""
OTHER = "other"
"""What is none of these, and no list of numbers: None, a mapping, a path, a list of texts."""


class FieldKind(Struct, frozen=True):
    """What a field is.

    Attributes:
        name: ``text``, ``number``, ``array``, ``other``, or nothing where that is not known.
        node: The expression that gives it, where there is one.
        body: The function that has the expression.
    """

    name: str
    node: ast.expr | None = None
    body: FunctionBody | None = None


class ItemKinds(Struct, frozen=True):
    """The fields of an item.

    Attributes:
        fields: Those that each item has.
        closed: Whether there are no others.
    """

    fields: Mapping[str, FieldKind] = {}
    closed: bool = False

    def named(self, name: str) -> FieldKind:
        """Return what a field is."""
        return self.fields.get(name, FieldKind(UNKNOWN))

    def with_field(self, name: str, kind: FieldKind) -> "ItemKinds":
        """Return the item with one field set."""
        return replace(self, fields={**self.fields, name: kind})

    def without(self, name: str) -> "ItemKinds":
        """Return the item without a field."""
        return replace(self, fields={k: v for k, v in self.fields.items() if k != name})

    def doubtful(self) -> "ItemKinds":
        """Return the item of which any field may be set anew, and others added."""
        return ItemKinds(dict.fromkeys(self.fields, FieldKind(UNKNOWN)))

    def updated(self, other: "ItemKinds") -> "ItemKinds":
        """Return the item with all fields of another one set."""
        known = self if other.closed else self.doubtful()
        return ItemKinds({**known.fields, **other.fields}, self.closed and other.closed)


class Maker(Struct, frozen=True):
    """A function that makes an item, or changes one.

    Attributes:
        library: Reads modules.
        path: The dotted path of the class of which it is a method.
        body: The function.
        position: The index of its class in the resolution order of that.
        known: What attributes are known to be, by the names ``self.NAME``.
        sample: Its parameter that is the item.
        given: The fields of that.
        bound: What variables are so far, while they are asked for.
        depth: How many objects hold this one.
    """

    library: Library
    path: str
    body: FunctionBody
    position: int
    known: Known
    sample: str = ""
    given: ItemKinds = ItemKinds()
    bound: Mapping[str, ItemKinds | None] = {}
    depth: int = 0


def common_kinds(items: Iterable[ItemKinds | None]) -> ItemKinds | None:
    """Return the fields that all of some items have; None where one of them is not known."""
    every = list(items)
    known = [one for one in every if one is not None]
    if not known or len(known) < len(every):
        return None
    first, *others = known
    for one in others:
        names = first.fields.keys() & one.fields.keys()
        same = {name: _common_kind(first.named(name), one.named(name)) for name in names}
        closed = first.closed and one.closed and first.fields.keys() == one.fields.keys()
        first = ItemKinds(same, closed)
    return first


def _common_kind(one: FieldKind, other: FieldKind) -> FieldKind:
    return one if one.name == other.name != UNKNOWN else FieldKind(UNKNOWN)
