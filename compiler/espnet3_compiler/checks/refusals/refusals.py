"""Where the constructor of a class of the recipe, or of a layer, certainly raises an exception.

Statements are followed in order, into the branches that known arguments choose, into the base of a
class and into the classes of the recipe that are constructed on the way, or into the layers that a
layer of PyTorch is made of.  What is not known decides nothing.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.bodies import (
    LAYERS,
    FunctionBody,
    PlacedBody,
    bindings_of,
    constructor_of,
    default_values,
)
from espnet3_compiler.checks.data.certain_code import certain_nodes
from espnet3_compiler.checks.refusals.constant_values import UnknownValueError, constant_value
from espnet3_compiler.signature.flow import all_nodes, all_statements, dotted_name
from espnet3_compiler.signature.library import Library

_DEEPEST = 4
"""So many constructors that call one another are followed."""

_PLACES = (ast.Name, ast.Attribute, ast.Subscript)
"""What a statement can set."""


class ConstructorArguments(Struct, frozen=True):
    """The arguments of a constructor.

    Attributes:
        names: All that are given, or may be by somebody else.
        values: Those whose values are known.
        origins: The arguments of the target that decide each of them.
    """

    names: frozenset[str]
    values: Mapping[str, Any]
    origins: Mapping[str, frozenset[str]]


class Refusal(Struct, frozen=True):
    """An exception that a constructor raises.

    Attributes:
        place: The file and line.
        message: What it says; empty where that is not known.
        condition: When it is raised; None where nobody can construct the class.
        arguments: The arguments of the target that decide the condition.
    """

    place: str
    message: str
    condition: ast.expr | None = None
    arguments: frozenset[str] = frozenset()


class _Frame:
    """A constructor that is followed.

    Attributes:
        library: Reads the classes that it constructs.
        path: The class of the object.
        position: The index of its own class in the resolution order of that.
        body: Its statements.
        known: What names are known to be; attributes of the object are called ``self.NAME``.
        origins: The arguments of the target that decide a name.
        depth: How many constructors called one another to get here.
        anywhere: Whether its base may be a class of another package.
    """

    def __init__(
        self,
        library: Library,
        path: str,
        given: ConstructorArguments,
        found: PlacedBody,
        depth: int,
        *,
        anywhere: bool = False,
    ) -> None:
        self.library = library
        self.path = path
        self.position = found.position
        self.body = found.body
        self.known: dict[str, Any] = {}
        self.origins = dict(given.origins)
        self.depth = depth
        self.anywhere = anywhere

    def value(self, node: ast.expr | None) -> tuple[Any] | None:
        """Return the value of an expression in a tuple; None where it is not known."""
        try:
            return (constant_value(node, self.known),) if node is not None else None
        except UnknownValueError:
            return None

    def deciding(self, node: ast.AST) -> frozenset[str]:
        """Return the arguments of the target that decide an expression."""
        names = [_name_of(one) for one in all_nodes(node)]
        return frozenset(origin for name in names for origin in self.origins.get(name, ()))

    def assign(self, name: str, value: ast.expr | None) -> None:
        """Note what a name is from here on; nothing where that is not known."""
        found = self.value(value)
        if value is not None and found is not None:
            self.origins[name] = self.deciding(value)
            self.known[name] = found[0]

    def forget(self, item: ast.stmt) -> None:
        """Drop what a statement may change."""
        for name in changed_names(item):
            self.known.pop(name, None)
        if _hands_object_out(item):
            self.known = {k: v for k, v in self.known.items() if not k.startswith("self.")}


def first_refusal(
    library: Library,
    path: str,
    arguments: ConstructorArguments,
    depth: int = 0,
    after: int = -1,
    *,
    anywhere: bool = False,
) -> Refusal | None:
    """Return where the constructor of a class certainly raises an exception, if it does.

    Args:
        library: Reads the class.
        path: Its dotted path.
        arguments: What it is given.
        depth: How many constructors called one another to get here.
        after: Only the bases of the class behind this index count, as for ``super()``.
        anywhere: Whether it may be a class of another package.
    """
    if depth >= _DEEPEST:
        return None
    found = constructor_of(library, path, after, anywhere=anywhere)
    if found is None:
        return None
    body = found.body
    frame = _Frame(library, path, arguments, found, depth, anywhere=anywhere)
    for name, default in default_values(body):
        if name not in arguments.names:
            frame.assign(name, default)
    values = arguments.values
    frame.known |= {name: values[name] for name in parameters(body) if name in values}
    return _judge_statements(body.node.body, frame)


class ObjectState(Struct, frozen=True):
    """What is known of an object while its methods run.

    Attributes:
        known: The values of its attributes, which are called ``self.NAME``.
        origins: The arguments of the target that decide each of them.
    """

    known: dict[str, Any]
    origins: dict[str, frozenset[str]]


def method_refusal(
    library: Library, path: str, body: FunctionBody, steps: Sequence[ast.stmt], state: ObjectState
) -> tuple[Refusal | None, ObjectState]:
    """Return where a method of an object certainly raises an exception, and what it leaves.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        body: The method.
        steps: Those of its statements that count.
        state: What is known of the object.
    """
    nothing = ConstructorArguments(frozenset(), {}, state.origins)
    frame = _Frame(library, path, nothing, PlacedBody(body, 0), _DEEPEST)
    frame.known = dict(state.known)
    refusal = _judge_statements(steps, frame)
    return refusal, ObjectState(frame.known, frame.origins)


def parameters(body: FunctionBody) -> list[str]:
    """Return the names of the arguments of a function, ``self`` included."""
    args = body.node.args
    return [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)]


def _judge_statements(body: Sequence[ast.stmt], frame: _Frame) -> Refusal | None:
    for item in body:
        if isinstance(item, ast.Raise):
            raised = item.exc
            first = raised.args[0] if isinstance(raised, ast.Call) and raised.args else None
            return _raised_at(item, first, frame)
        found = _judge_statement(item, frame)
        if found is not None:
            return found
    return None


def _raised_at(item: ast.stmt, message: ast.expr | None, frame: _Frame) -> Refusal:
    said = frame.value(message)
    line = item.lineno + frame.body.shift
    return Refusal(f"{frame.body.file.source.name}:{line}", str(said[0]) if said else "")


def _judge_statement(item: ast.stmt, frame: _Frame) -> Refusal | None:
    match item:
        case ast.Assert(test=test, msg=message):
            value = frame.value(test)
            if value and not value[0]:
                refusal = _raised_at(item, message, frame)
                return _because(refusal, ast.UnaryOp(ast.Not(), test), frame)
        case ast.If() if not any(isinstance(one, ast.Return) for one in all_statements(item)):
            return _judge_condition(item, frame)
        case ast.If() | ast.Return():
            frame.known.clear()  # what follows may not run
        case ast.Assign() | ast.AnnAssign() | ast.Expr():
            found = _judge_calls(item, frame)
            _note_assignment(item, frame)
            return found
    frame.forget(item)
    return None


def _because(refusal: Refusal, condition: ast.expr, frame: _Frame) -> Refusal:
    return replace(refusal, condition=condition, arguments=frame.deciding(condition))


def _judge_condition(item: ast.If, frame: _Frame) -> Refusal | None:
    """Judge the branch that is taken; where that is not known, forget what both change."""
    value = frame.value(item.test)
    if value is None:
        frame.forget(item)
        return None
    condition = item.test if value[0] else ast.UnaryOp(ast.Not(), item.test)
    found = _judge_statements(item.body if value[0] else item.orelse, frame)
    return _because(found, condition, frame) if found and found.condition is None else found


def _note_assignment(item: ast.Assign | ast.AnnAssign | ast.Expr, frame: _Frame) -> None:
    targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
    name = _name_of(targets[0]) if len(targets) == 1 else ""
    found = frame.value(item.value)
    frame.forget(item)
    if name and found and item.value is not None:
        frame.known[name], frame.origins[name] = found[0], frame.deciding(item.value)


def _judge_calls(item: ast.stmt, frame: _Frame) -> Refusal | None:
    """Follow the constructors of the recipe's classes that a statement certainly calls."""
    found = (_judge_call(call, frame) for call in _certain_calls(item))
    return next((one for one in found if one is not None), None)


@lru_cache(maxsize=1 << 12)  # layers of the same class are constructed again and again
def _certain_calls(item: ast.stmt) -> tuple[ast.Call, ...]:
    """Return the calls that a statement certainly makes, but for those of single items of lists."""
    calls = [one for one in certain_nodes([item]) if isinstance(one, ast.Call)]
    if not calls:
        return ()
    loops = [one for one in all_nodes(item) if isinstance(one, ast.comprehension)]
    targets = [one for loop in loops for one in all_nodes(loop.target)]
    bound = {one.id for one in targets if isinstance(one, ast.Name)}
    return tuple(
        one for one in calls if not bound or bound.isdisjoint(map(_name_of, all_nodes(one)))
    )


def _judge_call(call: ast.Call, frame: _Frame) -> Refusal | None:
    path, after = _constructed(call, frame)
    anywhere = frame.anywhere and after >= 0
    found = constructor_of(frame.library, path, after, anywhere=anywhere) if path else None
    if found is None or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    every = parameters(found.body)[1:]
    pairs = dict(zip(every, call.args, strict=False))
    pairs |= {one.arg: one.value for one in call.keywords if one.arg}
    values = {name: known[0] for name, one in pairs.items() if (known := frame.value(one))}
    origins = {name: frame.deciding(one) for name, one in pairs.items()}
    more = every if any(one.arg is None for one in call.keywords) else ()
    arguments = ConstructorArguments(frozenset((*pairs, *more)), values, origins)
    deeper = frame.depth + 1
    return first_refusal(frame.library, path, arguments, deeper, after, anywhere=anywhere)


def _constructed(call: ast.Call, frame: _Frame) -> tuple[str, int]:
    """Return the class whose constructor a call runs, and behind which of its bases it is."""
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr="__init__"):
            return frame.path, frame.position
    name = dotted_name(call.func) or ""
    return (f"{frame.body.module}.{name}" if name and _is_own(name, frame) else ""), -1


def _is_own(name: str, frame: _Frame) -> bool:
    """Return whether a dotted name begins with something of the recipe; in a layer, of layers."""
    rows = bindings_of(frame.library, frame.body, name) or ()
    sources = [row.source for row in rows if row.kind != "piece"]
    if frame.body.module.startswith(LAYERS):
        return bool(rows) and name[0].isupper() and all(one[:1] == "." for one in sources)
    found = [frame.library.find_module(one.partition(".")[0]) for one in sources if one]
    return bool(rows) and all(one is not None and one.local for one in found)


def _name_of(node: ast.AST | None) -> str:
    """Return a name, or ``self.NAME``; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return f"self.{name}"
    return ""


@lru_cache(maxsize=1 << 12)
def changed_names(item: ast.stmt) -> frozenset[str]:
    """Return what a statement assigns, changes a part of, or calls a method of."""
    return frozenset(_name_of(one) for one in _changed_in(item))


def _changed_in(item: ast.stmt) -> Iterator[ast.expr]:
    for one in all_nodes(item):
        if isinstance(one, _PLACES):
            if not isinstance(one.ctx, ast.Load):
                yield one.value if isinstance(one, ast.Subscript) else one
        elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            yield one.func.value


@lru_cache(maxsize=1 << 12)
def _hands_object_out(item: ast.stmt) -> bool:
    """Return whether a statement calls a method of the object, or gives the object to others."""
    for one in all_nodes(item):
        if isinstance(one, ast.Call):
            func, args = one.func, [*one.args, *(word.value for word in one.keywords)]
            if isinstance(func, ast.Name) and func.id == "super":
                return True
            owner = func.value if isinstance(func, ast.Attribute) else None
            if any(isinstance(part, ast.Name) and part.id == "self" for part in (owner, *args)):
                return True
    return False
