"""Read the signature of a dotted path, without importing anything."""

from espnet3_compiler.signature import (
    classes,
    definitions,
    generated,
    known,
    lookup,
    outline,
    patches,
)
from espnet3_compiler.signature.classes import Provider
from espnet3_compiler.signature.definitions import (
    BuiltinFound,
    CallFound,
    ClassFound,
    FunctionFound,
    ModuleFound,
    Result,
    ValueFound,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Missing, NotCallable, Reading, Signature, Unknown


def read(library: Library, path: str) -> Reading:
    """Return what calling a dotted path takes, or why that is not known."""
    key = ("read", path)
    if key not in library.memo:
        library.memo[key] = of(library, lookup.find(library, path), path)
    reading: Reading = library.memo[key]
    return reading


def read_method(library: Library, path: str, name: str) -> Reading:
    """Return what a method takes that is called on an object of a class."""
    found = lookup.find(library, path)
    if not isinstance(found, ClassFound):
        return Unknown(f"{path} is no class that can be read")
    order = classes.resolution_order(library, found)
    giver = classes.provider(library, order, name)
    if giver is None:
        names = classes.names(library, found)
        origin = definitions.origin(found.place, found.summary.line)
        return Missing(path, name, path.count(".") + 1, names, origin)
    return _method(library, order, giver, f"{path}.{name}", 0)


def of(library: Library, found: Result, name: str, depth: int = 0) -> Reading:
    """Return what calling something takes; ``name`` is what a report calls it."""
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
            return construct(library, found, name, depth)
        case FunctionFound():
            return _function(library, found, name, depth)
        case CallFound():
            return _partial(library, found, name, depth)
        case ValueFound():
            return _value(found)
        case BuiltinFound():
            return Unknown(f"{found.name} is built in")


def construct(library: Library, found: ClassFound, name: str, depth: int = 0) -> Reading:
    """Return what constructing a class takes."""
    summary = found.summary
    opaque = known.opaque(library, found.place, summary.decorators, known.DATACLASS)
    if opaque:
        return Unknown(f"{found.name} is decorated with {opaque}")
    order = classes.resolution_order(library, found)
    if any(known.is_enumeration(library, item) for item in order if isinstance(item, ClassFound)):
        return generated.enumeration(found, name)
    reason = classes.metaclass_reason(library, order)
    if reason:
        return Unknown(reason)
    return _constructor(library, found, order, name, depth)


def parent_init(
    library: Library, order: tuple[classes.Node, ...], after: int, depth: int
) -> Reading:
    """Return what ``super().__init__`` takes in the class at an index of a resolution order."""
    giver = classes.provider(library, order, "__init__", after)
    if giver is None:
        found = order[after]
        assert isinstance(found, ClassFound)
        origin = definitions.origin(found.place, found.summary.line)
        return Signature("object", (), more_places=False, more_names=False, origin=origin)
    return _method(library, order, giver, "super().__init__", depth)


def _constructor(
    library: Library, found: ClassFound, order: tuple[classes.Node, ...], name: str, depth: int
) -> Reading:
    made = classes.provider(library, order, "__new__")
    init = classes.provider(library, order, "__init__")
    if isinstance(made, Provider | ClassFound) and _depth(order, made) < _depth(order, init):
        return _method(library, order, made, name, depth)
    if init is None:
        origin = definitions.origin(found.place, found.summary.line)
        return Signature(name, (), more_places=False, more_names=False, origin=origin)
    reading = _method(library, order, init, name, depth)
    if isinstance(made, Provider) and _depth(order, made) == _depth(order, init):
        new = _method(library, order, made, name, depth)
        return reading if _takes_all(new) else Unknown(f"{found.name} has __new__ and __init__")
    return reading


def _depth(order: tuple[classes.Node, ...], giver: classes.Giver) -> int:
    """Return how far up a method comes from; the nearest one judges the arguments first."""
    if isinstance(giver, Provider):
        return giver.index
    return order.index(giver) if giver in order else len(order)


def _takes_all(reading: Reading) -> bool:
    return isinstance(reading, Signature) and reading.more_names and not reading.parameters


def _method(
    library: Library,
    order: tuple[classes.Node, ...],
    giver: classes.Giver,
    name: str,
    depth: int,
) -> Reading:
    """Return what a method takes that was found along a resolution order, bound."""
    from espnet3_compiler.signature import functions

    match giver:
        case Provider():
            if _refuses(order, giver):
                origin = functions.origin_of(library, giver.method)
                return Signature(name, (), more_places=False, more_names=False, origin=origin)
            return functions.bound(library, giver.method, name, order, giver.index, depth)
        case ClassFound():
            return generated.constructor(library, order, giver, name)
        case BuiltinFound():
            return Unknown(f"it inherits from {giver.name}, which is built in")
        case Unknown():
            return giver
    return Unknown("there is no such method")


def _refuses(order: tuple[classes.Node, ...], giver: Provider) -> bool:
    owner = giver.method.owner
    switch = known.REFUSING.get((giver.method.place.name, owner.name if owner else ""))
    if switch is None:
        return False
    found = (item.summary for item in order if isinstance(item, ClassFound))
    value = next((item.literals.get(switch) for item in found if switch in item.members), None)
    return value is False


def _function(library: Library, found: FunctionFound, name: str, depth: int) -> Reading:
    from espnet3_compiler.signature import functions

    if found.owner is None:
        return functions.plain(library, found, name, depth)
    function = library.function(found.place, found.pieces[-1])
    if function is None:
        return Unknown(f"{found.place.shown} cannot be parsed")
    decorators = {item.name for item in function.decorators}
    if "property" in decorators:
        return Unknown(f"{found.name} is a property")
    if "classmethod" in decorators:
        order = classes.resolution_order(library, found.owner)
        return functions.bound(library, found, name, order, 0, depth)
    return functions.plain(library, found, name, depth)


def _partial(library: Library, found: CallFound, name: str, depth: int) -> Reading:
    callee = found.binding.value
    place = found.place
    if not callee or definitions.full_name(library, place, callee) != "functools.partial":
        return Unknown(f"{name} is the result of a call")
    file = library.file(place)
    assert file is not None
    call = outline.value_of(file.text, found.binding.first, found.binding.last)
    return generated.partial(library, place, call, name, depth)


def _value(found: ValueFound) -> Reading:
    origin = definitions.origin(found.place, found.binding.first)
    if found.binding.kind == "expression":
        return Unknown("it is the value of an expression")
    return NotCallable(_ARTICLES.get(found.binding.value, "a value"), origin)


_ARTICLES = {
    "int": "a number",
    "float": "a number",
    "str": "a text",
    "bool": "a truth value",
    "None": "None",
    "list": "a list",
    "dict": "a dictionary",
}
