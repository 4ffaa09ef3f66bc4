"""Make signatures of functions and methods, following ``**kwargs`` into what receives them."""

from collections.abc import Iterator

from espnet3_compiler.signature import classes, definitions, known, lookup
from espnet3_compiler.signature.classes import Node, Provider
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Origin, Parameter, Reading, Signature, Unknown
from espnet3_compiler.signature.summary import Forward, Function

_BINDING = ("staticmethod", "classmethod")
_KINDS = {"place": "place", "both": "both", "name": "name"}


def origin_of(library: Library, found: FunctionFound) -> Origin:
    """Return where a function is defined."""
    function = library.function(found.place, found.pieces[-1])
    return definitions.origin(found.place, function.line if function else found.pieces[-1].first)


def plain(library: Library, found: FunctionFound, name: str, depth: int = 0) -> Reading:
    """Return what a function takes, or a method that is called through its class."""
    order = classes.resolution_order(library, found.owner) if found.owner else ()
    return _read(library, found, name, order, 0, depth, skip=0)


def bound(
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
    opaque = known.opaque(library, found.place, function.decorators, *_BINDING)
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
    from espnet3_compiler.signature import reader

    head, colon, name = forward.callee.partition(":")
    if not colon:
        return reader.of(library, lookup.find_in(library, found.place, head), head, depth)
    if not order:
        return Unknown("it is not a method")
    if not name:
        own = order[0]
        assert isinstance(own, ClassFound)
        return reader.construct(library, own, own.name, depth)
    after = index if head == "super" else -1
    if head == "super" and name == "__init__":
        return reader.parent_init(library, order, after, depth)
    giver = classes.provider(library, order, name, after)
    if not isinstance(giver, Provider):
        return Unknown(f"{name} is not found")
    return bound(library, giver.method, name, order, giver.index, depth)
