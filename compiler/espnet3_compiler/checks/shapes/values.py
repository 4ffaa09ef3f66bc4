"""What is known of a value in the code of a model: a constant, a layer, an object, a tensor.

Numbers that are not known and arrays of numpy are tensors, too: the former without dimensions.
"""

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.bodies import FunctionBody
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Node, Scalar

_MOST_SHAPES = 24


class Place:
    """Where a value is written.

    Attributes:
        node: The expression, or the value of the recipe.
        body: The function of the expression; None for a value of the recipe.
        scope: What one run of that function, or one target of the recipe, has alone.
    """

    def __init__(self, node: ast.expr | Node, body: FunctionBody | None, scope: object) -> None:
        self.node = node
        self.body = body
        self.scope = scope

    @property
    def key(self) -> tuple[object, object]:
        """What tells it from others."""
        if isinstance(self.node, ast.expr):
            return self.scope, id(self.node)
        return self.scope, span_key(self.node.span)

    @property
    def text(self) -> str:
        """What is written there."""
        if isinstance(self.node, ast.expr):
            return ast.unparse(self.node)
        return str(self.node.value) if isinstance(self.node, Scalar) else "…"

    @property
    def span(self) -> Span:
        """Where that is."""
        if isinstance(self.node, ast.expr) and self.body is not None:
            return self.body.span_in(self.node)
        assert not isinstance(self.node, ast.expr)
        return use_location(self.node)


class Constant(Struct, frozen=True):
    """A number, a text, a list of them.

    Attributes:
        value: As Python has it.
        places: What it came through: arguments of calls, at last of a target of the recipe.
    """

    value: Any
    places: tuple[Place, ...] = ()


class CallArgument:
    """What a call is given.

    Attributes:
        value: What it is; None where that is not known.
        place: Where it is written.
    """

    def __init__(self, value: "Value", place: Place | None = None) -> None:
        self.value = value
        self.place = place

    @property
    def number(self) -> int | None:
        """The number that it is: of several the last."""
        given = self.value.value if isinstance(self.value, Constant) else None
        if isinstance(given, list | tuple) and given:
            given = given[-1]
        return given if isinstance(given, int) and not isinstance(given, bool) else None

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it is written, and what it came through."""
        before = self.value.places if isinstance(self.value, Constant) else ()
        return (self.place, *before) if self.place else before

    @property
    def passed(self) -> "Value":
        """The value as the function gets it."""
        if isinstance(self.value, Constant):
            return Constant(self.value.value, self.places)
        return self.value


class CallArguments(Struct, frozen=True):
    """The arguments of a call.

    Attributes:
        positional: Those without a name.
        named: Those with one.
        complete: Whether there are no others.
        in_order: Whether each of those without a name is at its place: no list of an unknown
            length stands before it.
    """

    positional: tuple[CallArgument, ...] = ()
    named: Mapping[str, CallArgument] = MappingProxyType({})
    complete: bool = True
    in_order: bool = True

    @property
    def values(self) -> list["Value"]:
        """The values of all of them."""
        return [one.value for one in (*self.positional, *self.named.values())]


class Layer:
    """A layer of ``torch.nn``, or several in a row.

    Attributes:
        kind: Its class, for example ``Linear``.
        name: The name by which it is constructed, for example ``nn.Linear``.
        call: Its constructor in a function; None where the recipe's ``_target_`` makes it.
        arguments: What that is given, by name.
        layers: The layers that it is made of.
        changed: Whether something else may have changed its size.
    """

    def __init__(
        self,
        kind: str,
        arguments: Mapping[str, CallArgument],
        layers: tuple["Value", ...] = (),
    ) -> None:
        self.kind = kind
        self.name = kind
        self.call: ast.Call | None = None
        self.arguments = arguments
        self.layers = layers
        self.changed = False

    @property
    def shown(self) -> str:
        """The call that constructs it."""
        if self.call is not None:
            return ast.unparse(self.call)
        words = [(name, one.place) for name, one in self.arguments.items()]
        given = ", ".join(f"{name}={place.text}" for name, place in words if place)
        return f"{self.name}({given})"


class Part:
    """An object of a class of the recipe.

    Attributes:
        path: The dotted path of the class.
        attributes: Those that are known once it is constructed.
        changed: Whether something else may have changed it.
    """

    def __init__(self, path: str, attributes: dict[str, "Value"]) -> None:
        self.path = path
        self.attributes = attributes
        self.changed = False


class Group(Struct, frozen=True):
    """Several values in order: a tuple, a list, a ``ModuleList``."""

    items: tuple["Value", ...]


class Repeated(Struct, frozen=True):
    """A list of unknown length, all of whose items are alike."""

    item: "Value"


class Item:
    """A mapping of texts to values: an item of a data set.

    Attributes:
        fields: Those that it certainly has.
        closed: Whether there are no others.
    """

    def __init__(
        self, fields: Mapping[str, CallArgument] = MappingProxyType({}), *, closed: bool = False
    ) -> None:
        self.fields = dict(fields)
        self.closed = closed

    def with_field(self, name: str | None, value: CallArgument) -> "Item":
        """Return the item with a field set; where its name is not known, it may be any."""
        return Item({**self.fields, name: value}, closed=self.closed) if name else Item()

    def without(self, name: str | None) -> "Item":
        """Return the item without a field; where its name is not known, it may be any."""
        kept = {key: one for key, one in self.fields.items() if name and key != name}
        return Item(kept, closed=self.closed and bool(name))

    def updated(self, other: "Value") -> "Item":
        """Return the item with all fields of another mapping set."""
        if not isinstance(other, Item):
            return Item()
        before = self.fields if other.closed else {}
        return Item({**before, **other.fields}, closed=self.closed and other.closed)

    def value_of(self, name: str | None) -> "Value":
        """Return the value of a field."""
        return self.fields[name].value if name in self.fields else None


class Size(Struct, frozen=True):
    """The size of a dimension.

    Attributes:
        value: How large it is.
        layer: The layer that gives it.
        argument: The argument of the layer that decides it.
        factor: How many times the argument it is.
        field: The field of a batch that has it, if it comes from there.
    """

    value: int
    layer: Layer | None = None
    argument: CallArgument | None = None
    factor: int = 1
    field: str = ""


Shape = tuple[Size | None, ...]
"""The sizes of all dimensions; None for one that is not known."""


class Spectra(Struct, frozen=True):
    """A layer that makes spectra of audio: a dimension of bands and one of frames."""

    bands: Size | None


CODES = 0x10FFFF
"""The highest number that ``ord`` gives."""


class Numbering(Struct, frozen=True):
    """How far numbers go that stand for labels or letters.

    Attributes:
        highest: The last of them.
        place: The expression that gives them.
        letters: Whether they number all letters or digits, of which not all need occur.
    """

    highest: int
    place: Place
    letters: bool = False


class Meaning(Struct, frozen=True):
    """What is certain of a tensor.

    Attributes:
        batch: The axis of the items of a batch.
        normal: The axis over which a softmax was taken.
        numbers: What gives its numbers, for example ``softmax``; empty where that is not known.
        field: The field of a batch that it is, or was computed of where that counts lengths.
    """

    batch: int | None = None
    normal: int | None = None
    numbers: str = ""
    field: str = ""

    def common(self, other: "Meaning") -> "Meaning":
        """Return what is certain of a tensor that is one of two."""
        return Meaning(
            self.batch if self.batch == other.batch else None,
            self.normal if self.normal == other.normal else None,
            self.numbers if self.numbers == other.numbers else "",
            self.field if self.field == other.field else "",
        )


class Tensor(Struct, frozen=True):
    """A tensor, with the shapes that it may have: one of them is the right one.

    Attributes:
        shapes: The shapes.
        numbering: How far its numbers go, where they are indices.
        channels: Whether its first dimension is that of the channels of audio.
        meaning: What its axes and numbers mean.
    """

    shapes: tuple[Shape, ...]
    numbering: Numbering | None = None
    channels: bool = False
    meaning: Meaning = Meaning()


Value = Constant | Layer | Part | Group | Repeated | Item | Spectra | Tensor | None
"""What a value is; None where that is not known."""


def tensor(shapes: Iterable[Shape]) -> Tensor | None:
    """Return a tensor of some possible shapes; None for none, or too many."""
    kept = tuple(dict.fromkeys(shapes))
    return Tensor(kept) if 0 < len(kept) <= _MOST_SHAPES else None


def either(values: Iterable[Value]) -> Value:
    """Return what a value is that is one of some."""
    first, *others = list(values) or [None]
    for other in others:
        if isinstance(first, Tensor) and isinstance(other, Tensor):
            first = _either_tensor(first, other)
        elif isinstance(first, Group) and isinstance(other, Group):
            same = len(first.items) == len(other.items)
            pairs = zip(first.items, other.items, strict=True) if same else ()
            first = Group(tuple(map(either, pairs))) if same else None
        elif isinstance(first, Item) and isinstance(other, Item):
            first = _either_item(first, other)
        elif not same_value(first, other):
            return None
    return first


def _either_tensor(first: Tensor, other: Tensor) -> Tensor | None:
    found = tensor((*first.shapes, *other.shapes))
    same = first.numbering == other.numbering
    meaning = first.meaning.common(other.meaning)
    return found and replace(found, numbering=first.numbering if same else None, meaning=meaning)


def _either_item(first: Item, other: Item) -> Item:
    names = [name for name in first.fields if name in other.fields]
    pairs = {name: (first.fields[name], other.fields[name]) for name in names}
    fields = {
        name: CallArgument(either([one.value, two.value]), one.place)
        for name, (one, two) in pairs.items()
    }
    return Item(fields, closed=first.closed and other.closed and len(first.fields) == len(fields))


def same_value(first: Value, other: Value) -> bool:
    """Return whether two values are certainly the same."""
    if isinstance(first, Constant) and isinstance(other, Constant):
        return bool(first.value == other.value) and type(first.value) is type(other.value)
    return first is other


def holds_layers(value: Value) -> bool:
    """Return whether a value is, or has, a layer or a tensor."""
    match value:
        case Layer() | Tensor():
            return True
        case Part(attributes=attributes):
            return any(map(holds_layers, attributes.values()))
        case Group(items=items):
            return any(map(holds_layers, items))
        case Item(fields=fields):
            return any(holds_layers(one.value) for one in fields.values())
    return False


def mark_changed(values: Iterable[Value]) -> None:
    """Note that something unknown may change some objects."""
    for value in values:
        match value:
            case Layer(layers=layers):
                value.changed = True
                mark_changed(layers)
            case Part():
                value.changed = True
            case Group(items=items):
                mark_changed(items)
            case Item(fields=fields):
                mark_changed([one.value for one in fields.values()])
                fields.clear()
                value.closed = False
