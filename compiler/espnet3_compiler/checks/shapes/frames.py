"""A function that is followed, and what is known of the names in it."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from espnet3_compiler.checks.data.bodies import FunctionBody
from espnet3_compiler.checks.refusals.constant_values import (
    KNOWN_FUNCTIONS,
    UnknownValueError,
    constant_value,
)
from espnet3_compiler.checks.refusals.refusals import changed_names
from espnet3_compiler.checks.shapes.list_ends import BeyondEnd
from espnet3_compiler.checks.shapes.meanings.blanks import Blank, blank_of
from espnet3_compiler.checks.shapes.meanings.losses import loss_arguments, loss_finding
from espnet3_compiler.checks.shapes.names import module_value
from espnet3_compiler.checks.shapes.plain_values import PlainValue
from espnet3_compiler.checks.shapes.refused_layers import RefusedLayer
from espnet3_compiler.checks.shapes.torch_layers import SIZES, Mismatch, OverNumbered
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Group,
    Item,
    Layer,
    Part,
    Place,
    Repeated,
    Value,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.signature.library import Library

_CONSTANTS = frozenset(
    (
        *(ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp),
        *(ast.IfExp, ast.Subscript, ast.JoinedStr, ast.Tuple),
    )
)
Found = Mismatch | PlainValue | RefusedLayer | BeyondEnd | OverNumbered | Blank | Diagnostic
"""What certainly goes wrong; a ``Diagnostic`` for a tensor that is read as something else."""

_Kind = TypeVar("_Kind", bound=Found)
_DEEPEST = 12
_MOST_CALLS = 2000


class Run:
    """What is shared by all functions that are followed.

    Attributes:
        library: Reads the code of the recipe.
        follow: Follows the statements of a function; returns whether they certainly do not end.
        evaluate: Returns what an expression is.
        found: What certainly goes wrong.
        memo: Results, by function and arguments.
        entered: The methods that are certainly called, each with its object.
        active: The functions that called one another to get here.
        calls: How many were followed.
        data: Whether it is the code of data sets and preprocessors that is followed.
        saved: What numpy saves, each with the name of its file as it is written.
    """

    def __init__(
        self,
        library: Library,
        follow: Callable[[Sequence[ast.stmt], "FollowedFunction"], bool],
        evaluate: Callable[[ast.expr, "FollowedFunction"], Value],
    ) -> None:
        self.library = library
        self.data = False
        self.saved: list[tuple[str, Value]] = []
        self.follow, self.evaluate = follow, evaluate
        self.found: list[Found] = []
        self.memo: dict[Any, Any] = {}
        self.entered: set[tuple[Part, str]] = set()
        self.active: list[ast.AST] = []
        self.calls = 0

    def found_of(self, kind: type[_Kind]) -> list[_Kind]:
        """Return what goes wrong in one way."""
        return [one for one in self.found if isinstance(one, kind)]

    def follow_function(self, frame: "FollowedFunction") -> bool | None:
        """Follow a function; None for one that calls itself, or where that gets too much."""
        node = frame.body.node
        self.calls += 1
        if node in self.active or len(self.active) >= _DEEPEST or self.calls > _MOST_CALLS:
            return None
        self.active.append(node)
        ended = self.follow(node.body, frame)
        self.active.pop()
        return ended


class FollowedFunction:
    """A function that is followed.

    Attributes:
        run: What is shared.
        body: The function.
        names: What is known of each name; attributes of the object are called ``self.NAME``.
        certain: Whether the statements that are followed certainly run.
        returned: What it may return.
        scope: What this run of the function has alone.
    """

    def __init__(
        self, run: Run, body: FunctionBody, names: dict[str, Value], *, certain: bool
    ) -> None:
        self.run = run
        self.body = body
        self.names = names
        self.certain = certain
        self.returned: list[Value] = []
        self.scope = object()

    def part(self, names: dict[str, Value], *, certain: bool) -> "FollowedFunction":
        """Return the same function for a part of its statements.

        Args:
            names: What is known of each name there.
            certain: Whether they certainly run.
        """
        part = FollowedFunction(self.run, self.body, names, certain=certain)
        part.returned, part.scope = self.returned, self.scope
        return part

    @property
    def method(self) -> bool:
        """Whether it is a method of an object that is constructed."""
        own = self.names.get("self")
        return isinstance(own, Part) and bool(own.attributes)

    def report(self, found: Found | None) -> None:
        """Note what goes wrong, if it certainly runs."""
        if self.certain and found is not None:
            self.run.found.append(found)

    def report_all(self, found: Iterable[Found]) -> None:
        """Note all that goes wrong, if it certainly runs."""
        if self.certain:
            self.run.found += found

    def report_loss(self, name: str, call: CallArguments, made: Mapping[str, CallArgument]) -> None:
        """Note what is certainly wrong with the arguments of a loss.

        Args:
            name: The loss.
            call: What it is called with.
            made: What it is made with, where it is an object.
        """
        given = loss_arguments(name, call, made)
        self.report(loss_finding(name, given))
        self.report_all(blank_of(given))

    def look_up(self, name: str) -> Value:
        """Return what a dotted name is."""
        if name in self.names:
            return self.names[name]
        owner, _, last = name.rpartition(".")
        if not owner:
            return self._module_constant(name)
        held = self.look_up(owner)
        if isinstance(held, Part) and not held.changed:
            return held.attributes.get(last)
        if isinstance(held, Layer) and not held.changed and last in SIZES:
            argument = held.arguments.get(last)
            return argument.value if argument else None
        return None

    def constant(self, node: ast.expr) -> Constant | None:
        """Return the constant that an expression is; None where it is none, or not known."""
        if isinstance(node, ast.Constant):
            return Constant(node.value)
        if type(node) not in _CONSTANTS and not _is_plain_call(node):
            return None
        try:
            value = constant_value(node, _Known(self))
        except UnknownValueError:
            return None
        return Constant(value, self._places(node))

    def argument(self, value: Value, node: ast.expr) -> CallArgument:
        """Return a value with the expression that gives it."""
        return CallArgument(value, Place(node, self.body, self.scope))

    def replace(self, old: Value, new: Value) -> None:
        """Give another value to all names of an object; what an attribute has is then unknown."""
        own = self.names.get("self")
        attributes = own.attributes if isinstance(own, Part) else {}
        for held, after in ((self.names, new), (attributes, None)):
            held |= {name: after for name, value in held.items() if value is old}

    def forget_own(self) -> None:
        """Forget what an object that is constructed has, but for its layers: a method runs."""
        for name, value in self.names.items():
            if name.startswith("self.") and isinstance(value, Constant | Group | Item | Repeated):
                self.names[name] = None

    def forget(self, item: ast.stmt) -> None:
        """Forget what a statement may change."""
        every = all_nodes(item)
        stored = {
            dotted_name(one) for one in every if isinstance(one, ast.expr) and _is_stored(one)
        }
        stored |= {one.asname or one.name for one in every if isinstance(one, ast.alias)}
        stored.add(getattr(item, "name", None))  # of a function or class
        for name in {*stored, *changed_names(item)} - {None, "", "self"}:
            if name is not None and (name in stored or _may_grow(self.names.get(name))):
                self.names[name] = None

    def _places(self, node: ast.expr) -> tuple[Place, ...]:
        """Return what the constants came through that decide another one."""
        names = [dotted_name(one) for one in all_nodes(node) if isinstance(one, ast.expr)]
        values = [self.look_up(name) for name in names if name]
        found = [one for value in values if isinstance(value, Constant) for one in value.places]
        return tuple({one.key: one for one in found}.values())

    def _module_constant(self, name: str) -> Value:
        key = ("constant", self.body.module, name)
        if key not in self.run.memo:
            self.run.memo[key] = None  # of a name that is made of itself
            self.run.memo[key] = self._find_module_constant(name)
        value: Constant | None = self.run.memo[key]
        return value

    def _find_module_constant(self, name: str) -> Constant | None:
        found = module_value(self.run.library, self.body, name)
        if found is None:
            return None
        body, node = found
        try:
            return Constant(constant_value(node, {}))
        except UnknownValueError:
            frame = FollowedFunction(self.run, body, {}, certain=False)
            value = self.run.evaluate(node, frame)
        return value if isinstance(value, Constant) else None


class _Known(Mapping[str, Any]):
    """The constants among the names of a function."""

    def __init__(self, frame: FollowedFunction) -> None:
        self.frame = frame

    def __getitem__(self, name: str) -> Any:
        value = self.frame.look_up(name)
        if isinstance(value, Constant):
            return value.value
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        value = self.frame.look_up(name)
        return value.value if isinstance(value, Constant) else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.frame.names)

    def __len__(self) -> int:
        return len(self.frame.names)


def inner_bodies(item: ast.stmt) -> list[Sequence[ast.stmt]]:
    """Return the statements in a statement, of which it is not known how often they run."""
    match item:
        case ast.While(body=body, orelse=other) | ast.For(body=body, orelse=other):
            return [body, other]
        case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=last):
            return [body, *(one.body for one in handlers), other, last]
        case ast.Match(cases=cases):
            return [one.body for one in cases]
    return []


def _may_grow(value: Value) -> bool:
    plain = isinstance(value, Constant) and isinstance(value.value, list | dict)
    return plain or isinstance(value, Group | Repeated | Item)


def _is_stored(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load)


def memo_key(value: Value) -> object:
    """Return what tells a value from others."""
    match value:
        case Constant(value=held, places=places):
            return repr(held), tuple(one.key for one in places)
        case Repeated(item=item):
            return "repeated", memo_key(item)
        case Group(items=items):
            return tuple(map(memo_key, items))
    return value


def _is_plain_call(node: ast.expr) -> bool:
    name = node.func if isinstance(node, ast.Call) else None
    return isinstance(name, ast.Name) and name.id in KNOWN_FUNCTIONS
