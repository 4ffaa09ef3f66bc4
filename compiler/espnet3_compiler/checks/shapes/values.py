"""What is known of a value in the code of a model: a constant, a layer, an object, a tensor."""

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

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


class Constant(NamedTuple):
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


class CallArguments(NamedTuple):
    """The arguments of a call.

    Attributes:
        positional: Those without a name.
        named: Those with one.
        complete: Whether there are no others.
    """

    positional: tuple[CallArgument, ...] = ()
    named: Mapping[str, CallArgument] = MappingProxyType({})
    complete: bool = True

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


class Group(NamedTuple):
    """Several values in order: a tuple, a list, a ``ModuleList``."""

    items: tuple["Value", ...]


class Size(NamedTuple):
    """The size of a dimension.

    Attributes:
        value: How large it is.
        layer: The layer that gives it.
        argument: The argument of the layer that decides it.
        factor: How many times the argument it is.
    """

    value: int
    layer: Layer | None = None
    argument: CallArgument | None = None
    factor: int = 1


Shape = tuple[Size | None, ...]
"""The sizes of all dimensions; None for one that is not known."""


class Tensor(NamedTuple):
    """A tensor, with the shapes that it may have: one of them is the right one."""

    shapes: tuple[Shape, ...]


Value = Constant | Layer | Part | Group | Tensor | None
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
            first = tensor((*first.shapes, *other.shapes))
        elif isinstance(first, Group) and isinstance(other, Group):
            same = len(first.items) == len(other.items)
            pairs = zip(first.items, other.items, strict=True) if same else ()
            first = Group(tuple(map(either, pairs))) if same else None
        elif not same_value(first, other):
            return None
    return first


def same_value(first: Value, other: Value) -> bool:
    """Return whether two values are certainly the same."""
    if isinstance(first, Constant) and isinstance(other, Constant):
        return bool(first.value == other.value) and type(first.value) is type(other.value)
    return first is other


def holds_layers(value: Value) -> bool:
    """Return whether a value is, or has, a layer or a tensor."""
    if isinstance(value, Part):
        return any(map(holds_layers, value.attributes.values()))
    if isinstance(value, Group):
        return any(map(holds_layers, value.items))
    return isinstance(value, Layer | Tensor)


def mark_changed(values: Iterable[Value]) -> None:
    """Note that something unknown may change some objects."""
    for value in values:
        if isinstance(value, Layer | Part):
            value.changed = True
        if isinstance(value, Layer):
            mark_changed(value.layers)
        if isinstance(value, Group):
            mark_changed(value.items)
