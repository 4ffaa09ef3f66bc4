"""Read the signature of a dotted path, without importing anything.

``**kwargs`` are followed into what receives them.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.signature import (
    classes,
    definitions,
    generated,
    known,
    lookup,
    outline,
    patches,
)
from espnet3_compiler.signature.classes import Giver, Provider
from espnet3_compiler.signature.definitions import (
    BuiltinFound,
    CallFound,
    ClassFound,
    FunctionFound,
    ModuleFound,
    Result,
    ValueFound,
)
from espnet3_compiler.signature.flow import dotted
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.lookup import Node
from espnet3_compiler.signature.model import (
    Missing,
    NotCallable,
    Origin,
    Parameter,
    Reading,
    Signature,
    Unknown,
)
from espnet3_compiler.signature.summary import Forward, Function

_BINDING = ("staticmethod", "classmethod")
_KINDS = {"place": "place", "both": "both", "name": "name"}
_ARTICLES = {
    "int": "a number",
    "float": "a number",
    "str": "a text",
    "bool": "a truth value",
    "None": "None",
    "list": "a list",
    "dict": "a dictionary",
}


def read(library: Library, path: str) -> Reading:
    """Return what calling a dotted path takes, or why that is not known."""
    key = ("read", path)
    if key not in library.memo:
        library.memo[key] = of(library, lookup.find(library, path), path)
    reading: Reading = library.memo[key]
    return reading


def read_method(library: Library, path: str, name: str) -> Reading:
    """Return what a method takes that is called on an object of a class.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The method.
    """
    found = lookup.find(library, path)
    if not isinstance(found, ClassFound):
        return Unknown(f"{path} is no class that can be read")
    order = lookup.resolution_order(library, found)
    giver = classes.provider(library, order, name)
    if giver is None:
        names = lookup.attributes_of(library, found)
        origin = definitions.class_origin(found)
        return Missing(path, name, path.count(".") + 1, names, origin)
    return _method(library, order, giver, f"{path}.{name}", 0)


def of(library: Library, found: Result, name: str, depth: int = 0) -> Reading:
    """Return what calling something takes.

    Args:
        library: Reads modules.
        found: What is called.
        name: What a report calls it.
        depth: How many calls led here; too many are a circle.
    """
    if depth > definitions.DEPTH:
        return Unknown("calls go round in a circle")
    match found:
        case Missing() if found.prefix and patches.may_be_set(library, found.prefix, found.part):
            return Unknown(f"{found.prefix} gets names from other modules")
        case Missing() | Unknown():
            return found
        case ModuleFound():
            return NotCallable("a module", definitions.origin(found.place))
        case ClassFound():
            return _construct(library, found, name, depth)
        case FunctionFound():
            return _function(library, found, name, depth)
        case CallFound():
            return _partial(library, found, name, depth)
        case ValueFound():
            return _value(found)
        case BuiltinFound():
            return Unknown(f"{found.name} is built in")


def _construct(library: Library, found: ClassFound, name: str, depth: int = 0) -> Reading:
    """Return what constructing a class takes."""
    summary = found.summary
    opaque = classes.opaque(library, found.place, summary.decorators, known.DATACLASS)
    if opaque:
        return Unknown(f"{found.name} is decorated with {opaque}")
    order = lookup.resolution_order(library, found)
    if any(classes.is_enumeration(library, item) for item in order if isinstance(item, ClassFound)):
        return generated.enumeration(found, name)
    reason = classes.metaclass_reason(library, order)
    if reason:
        return Unknown(reason)
    return _constructor(library, found, order, name, depth)


def _parent_init(library: Library, order: tuple[Node, ...], after: int, depth: int) -> Reading:
    """Return what ``super().__init__`` takes in the class at an index of a resolution order."""
    giver = classes.provider(library, order, "__init__", after)
    if giver is None:
        found = order[after]
        assert isinstance(found, ClassFound)
        origin = definitions.class_origin(found)
        return Signature("object", (), more_places=False, more_names=False, origin=origin)
    return _method(library, order, giver, "super().__init__", depth)


def _constructor(
    library: Library, found: ClassFound, order: tuple[Node, ...], name: str, depth: int
) -> Reading:
    made = classes.provider(library, order, "__new__")
    init = classes.provider(library, order, "__init__")
    if isinstance(made, Provider | ClassFound) and _depth(order, made) < _depth(order, init):
        return _method(library, order, made, name, depth)
    if init is None:
        origin = definitions.class_origin(found)
        return Signature(name, (), more_places=False, more_names=False, origin=origin)
    reading = _method(library, order, init, name, depth)
    if isinstance(made, Provider) and _depth(order, made) == _depth(order, init):
        new = _method(library, order, made, name, depth)
        return reading if _takes_all(new) else Unknown(f"{found.name} has __new__ and __init__")
    return reading


def _depth(order: tuple[Node, ...], giver: Giver) -> int:
    """Return how far up a method comes from; the nearest one judges the arguments first."""
    if isinstance(giver, Provider):
        return giver.index
    return order.index(giver) if giver in order else len(order)


def _takes_all(reading: Reading) -> bool:
    return isinstance(reading, Signature) and reading.more_names and not reading.parameters


def _method(
    library: Library,
    order: tuple[Node, ...],
    giver: Giver,
    name: str,
    depth: int,
) -> Reading:
    """Return what a method takes that was found along a resolution order, bound."""
    match giver:
        case Provider():
            if _refuses(order, giver):
                origin = _origin_of(library, giver.method)
                return Signature(name, (), more_places=False, more_names=False, origin=origin)
            return _bound(library, giver.method, name, order, giver.index, depth)
        case ClassFound():
            return generated.constructor(library, order, giver, name)
        case BuiltinFound():
            return Unknown(f"it inherits from {giver.name}, which is built in")
        case Unknown():
            return giver
    return Unknown("there is no such method")


def _refuses(order: tuple[Node, ...], giver: Provider) -> bool:
    owner = giver.method.owner
    switch = known.REFUSING.get((giver.method.place.name, owner.name if owner else ""))
    if switch is None:
        return False
    found = (item.summary for item in order if isinstance(item, ClassFound))
    value = next((item.literals.get(switch) for item in found if switch in item.members), None)
    return value is False


def _function(library: Library, found: FunctionFound, name: str, depth: int) -> Reading:
    if found.owner is None:
        return _plain(library, found, name, depth)
    function = library.function(found.place, found.pieces[-1])
    if function is None:
        return Unknown(f"{found.place.shown} cannot be parsed")
    decorators = {item.name for item in function.decorators}
    if "property" in decorators:
        return Unknown(f"{found.name} is a property")
    if "classmethod" in decorators:
        order = lookup.resolution_order(library, found.owner)
        return _bound(library, found, name, order, 0, depth)
    return _plain(library, found, name, depth)


def _partial(library: Library, found: CallFound, name: str, depth: int) -> Reading:
    """Return what is left to give to ``name = functools.partial(f, …)``."""
    call = _partial_call(library, found)
    starred = call is None or any(isinstance(item, ast.Starred) for item in call.args)
    callee = dotted(call.args[0]) if call and call.args else None
    if call is None or callee is None or starred or any(item.arg is None for item in call.keywords):
        return Unknown(f"{name} is the result of a call")
    inner = of(library, lookup.find_in(library, found.place, callee), name, depth + 1)
    if not isinstance(inner, Signature):
        return inner
    return generated.without(inner, len(call.args) - 1, {item.arg for item in call.keywords})


def _partial_call(library: Library, found: CallFound) -> ast.Call | None:
    callee = found.binding.value
    file = library.file(found.place)
    if not callee or definitions.full_name(library, found.place, callee) != "functools.partial":
        return None
    assert file is not None
    call = outline.value_of(file.text, found.binding.first, found.binding.last)
    return call if isinstance(call, ast.Call) else None


def _value(found: ValueFound) -> Reading:
    origin = definitions.origin(found.place, found.binding.first)
    if found.binding.kind == "expression":
        return Unknown("it is the value of an expression")
    return NotCallable(_ARTICLES.get(found.binding.value, "a value"), origin)


def _origin_of(library: Library, found: FunctionFound) -> Origin:
    """Return where a function is defined."""
    function = library.function(found.place, found.pieces[-1])
    return definitions.origin(found.place, function.line if function else found.pieces[-1].first)


def _plain(library: Library, found: FunctionFound, name: str, depth: int = 0) -> Reading:
    """Return what a function takes, or a method that is called through its class."""
    order = lookup.resolution_order(library, found.owner) if found.owner else ()
    return _read(library, found, name, order, 0, depth, skip=0)


def _bound(
    library: Library,
    found: FunctionFound,
    name: str,
    order: tuple[Node, ...],
    index: int,
    depth: int = 0,
) -> Reading:
    """Return what a method takes without its first parameter.

    Args:
        library: Where to look.
        found: The method.
        name: What a report calls it.
        order: The resolution order of the class that it is called on.
        index: The place of the method's own class in ``order``.
        depth: How many calls were followed to come here.
    """
    return _read(library, found, name, order, index, depth, skip=1)


def _read(
    library: Library,
    found: FunctionFound,
    name: str,
    order: tuple[Node, ...],
    index: int,
    depth: int,
    skip: int,
) -> Reading:
    function = library.function(found.place, found.pieces[-1])
    if function is None:
        return Unknown(f"{found.place.shown} cannot be parsed")
    opaque = classes.opaque(library, found.place, function.decorators, *_BINDING)
    if opaque:
        return Unknown(f"{found.name} is decorated with {opaque}")
    origin = definitions.origin(found.place, function.line)
    own = _own(function, origin, skip)
    signature = Signature(name, own, _has(function, "args"), _has(function, "kwargs"), origin)
    if function.flow is None or depth > definitions.DEPTH:
        return signature
    taken = {item.name for item in own} | {item.name for item in function.params[:skip]}
    return _widen(library, found, signature, function, taken, order, index, depth)


def _has(function: Function, kind: str) -> bool:
    return any(item.kind == kind for item in function.params)


def _own(function: Function, origin: Origin, skip: int) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for item in function.params:
        if item.kind in ("place", "both") and skip:
            skip -= 1
        elif item.kind in _KINDS:
            kind = _KINDS[item.kind]
            found.append(Parameter(item.name, kind, item.default, item.annotation, origin))  # type: ignore[arg-type]
    return tuple(found)


def _widen(
    library: Library,
    found: FunctionFound,
    signature: Signature,
    function: Function,
    taken: set[str],
    order: tuple[Node, ...],
    index: int,
    depth: int,
) -> Signature:
    """Add what the receivers of ``**kwargs`` take."""
    assert function.flow is not None
    more: list[Parameter] = []
    open_names = open_places = False
    for forward in function.flow.forwards:
        target = _receiver(library, found, forward, order, index, depth + 1)
        certain = forward.certain and len(function.flow.forwards) == 1 and not function.flow.keys
        if not isinstance(target, Signature):
            open_names = open_places = True
            continue
        open_names |= target.more_names
        open_places |= target.more_places and forward.star
        more.extend(_left(target, forward, certain=certain))
    keys = (Parameter(k, "name", "other", None, signature.origin) for k in function.flow.keys)
    rest = _new([*more, *keys], taken)
    star = any(item.star for item in function.flow.forwards)
    places = signature.more_places and (open_places if star else True)
    every = _ordered([*signature.parameters, *rest])
    return Signature(signature.name, every, places, open_names, signature.origin)


def _ordered(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    named = [item for item in parameters if item.kind == "name"]
    return tuple([item for item in parameters if item.kind != "name"] + named)


def _new(parameters: list[Parameter], taken: set[str]) -> Iterator[Parameter]:
    seen = set(taken)
    for item in parameters:
        if item.name not in seen:
            seen.add(item.name)
            yield item


def _left(target: Signature, forward: Forward, *, certain: bool) -> Iterator[Parameter]:
    """Yield the parameters of a receiver that its call leaves to ``*args`` and ``**kwargs``."""
    places = target.places[forward.places :]
    named = [item for item in target.parameters if item.kind == "name"]
    for item in [*places, *named]:
        kind = item.kind if forward.star else "name"
        if item.name in forward.names or (item.kind == "place" and not forward.star):
            continue
        default = item.default if certain else item.default or "other"
        yield Parameter(item.name, kind, default, item.annotation, item.origin)


def _receiver(
    library: Library,
    found: FunctionFound,
    forward: Forward,
    order: tuple[Node, ...],
    index: int,
    depth: int,
) -> Reading:
    head, colon, name = forward.callee.partition(":")
    if not colon:
        return of(library, lookup.find_in(library, found.place, head), head, depth)
    if not order:
        return Unknown("it is not a method")
    if not name:
        own = order[0]
        assert isinstance(own, ClassFound)
        return _construct(library, own, own.name, depth)
    after = index if head == "super" else -1
    if head == "super" and name == "__init__":
        return _parent_init(library, order, after, depth)
    giver = classes.provider(library, order, name, after)
    if not isinstance(giver, Provider):
        return Unknown(f"{name} is not found")
    return _bound(library, giver.method, name, order, giver.index, depth)
