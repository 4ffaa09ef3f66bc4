"""Read the signature of a dotted path, without importing anything.

``**kwargs`` are followed into what receives them.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.signature import (
    classes,
    definitions,
    generated,
    resolve_name,
    runtime_attributes,
    split_source,
)
from espnet3_compiler.signature import definitions as known
from espnet3_compiler.signature.classes import MethodSource, ResolvedMethod
from espnet3_compiler.signature.definitions import (
    BuiltinFound,
    CallFound,
    ClassFound,
    FunctionFound,
    LookupResult,
    ModuleFound,
    ValueFound,
)
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import ForwardingCall, FunctionSummary
from espnet3_compiler.signature.resolve_name import MroClass
from espnet3_compiler.signature.result import (
    DefinitionLocation,
    Missing,
    NotAnalyzable,
    NotCallable,
    Parameter,
    Signature,
    SignatureResult,
)

_BINDING_DECORATORS = ("staticmethod", "classmethod")
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


def read(library: Library, path: str) -> SignatureResult:
    """Return what calling a dotted path takes, or why that is not known."""
    key = ("read", path)
    if key not in library.memo:
        library.memo[key] = signature_of(library, resolve_name.find_definition(library, path), path)
    reading: SignatureResult = library.memo[key]
    return reading


def read_method(library: Library, path: str, name: str) -> SignatureResult:
    """Return what a method takes that is called on an object of a class.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The method.
    """
    found = resolve_name.find_definition(library, path)
    if not isinstance(found, ClassFound):
        return NotAnalyzable(f"{path} is no class that can be read")
    order = resolve_name.resolution_order(library, found)
    giver = classes.find_method(library, order, name)
    if giver is None:
        names = resolve_name.attributes_of(library, found)
        origin = definitions.class_location(found)
        return Missing(path, name, path.count(".") + 1, names, origin)
    return _method_signature(library, order, giver, f"{path}.{name}", 0)


def signature_of(
    library: Library, found: LookupResult, name: str, depth: int = 0
) -> SignatureResult:
    """Return what calling something takes.

    Args:
        library: Reads modules.
        found: What is called.
        name: What a report calls it.
        depth: How many calls led here; too many are a circle.
    """
    if depth > definitions.MAX_DEPTH:
        return NotAnalyzable("calls go round in a circle")
    match found:
        case Missing() if found.prefix and runtime_attributes.may_be_set(
            library, found.prefix, found.part
        ):
            return NotAnalyzable(f"{found.prefix} gets names from other modules")
        case Missing() | NotAnalyzable():
            return found
        case ModuleFound():
            return NotCallable("a module", definitions.definition_location(found.place))
        case ClassFound():
            return _class_signature(library, found, name, depth)
        case FunctionFound():
            return _function_signature(library, found, name, depth)
        case CallFound():
            return _partial_signature(library, found, name, depth)
        case ValueFound():
            return _value_result(found)
        case BuiltinFound():
            return NotAnalyzable(f"{found.name} is built in")


def _class_signature(
    library: Library, found: ClassFound, name: str, depth: int = 0
) -> SignatureResult:
    """Return what constructing a class takes."""
    summary = found.summary
    opaque = classes.opaque_decorator(library, found.place, summary.decorators, known.DATACLASS)
    if opaque:
        return NotAnalyzable(f"{found.name} is decorated with {opaque}")
    order = resolve_name.resolution_order(library, found)
    if any(classes.is_enumeration(library, item) for item in order if isinstance(item, ClassFound)):
        return generated.enum_signature(found, name)
    reason = classes.metaclass_reason(library, order)
    if reason:
        return NotAnalyzable(reason)
    return _constructor_signature(library, found, order, name, depth)


def _parent_init(
    library: Library, order: tuple[MroClass, ...], after: int, depth: int
) -> SignatureResult:
    """Return what ``super().__init__`` takes in the class at an index of a resolution order."""
    giver = classes.find_method(library, order, "__init__", after)
    if giver is None:
        found = order[after]
        assert isinstance(found, ClassFound)
        origin = definitions.class_location(found)
        return Signature("object", (), more_places=False, more_names=False, origin=origin)
    return _method_signature(library, order, giver, "super().__init__", depth)


def _constructor_signature(
    library: Library, found: ClassFound, order: tuple[MroClass, ...], name: str, depth: int
) -> SignatureResult:
    made = classes.find_method(library, order, "__new__")
    init = classes.find_method(library, order, "__init__")
    if isinstance(made, ResolvedMethod | ClassFound) and _method_index(order, made) < _method_index(
        order, init
    ):
        return _method_signature(library, order, made, name, depth)
    if init is None:
        origin = definitions.class_location(found)
        return Signature(name, (), more_places=False, more_names=False, origin=origin)
    reading = _method_signature(library, order, init, name, depth)
    if isinstance(made, ResolvedMethod) and _method_index(order, made) == _method_index(
        order, init
    ):
        new = _method_signature(library, order, made, name, depth)
        return (
            reading if _takes_all(new) else NotAnalyzable(f"{found.name} has __new__ and __init__")
        )
    return reading


def _method_index(order: tuple[MroClass, ...], giver: MethodSource) -> int:
    """Return how far up a method comes from; the nearest one judges the arguments first."""
    if isinstance(giver, ResolvedMethod):
        return giver.index
    return order.index(giver) if giver in order else len(order)


def _takes_all(reading: SignatureResult) -> bool:
    return isinstance(reading, Signature) and reading.more_names and not reading.parameters


def _method_signature(
    library: Library,
    order: tuple[MroClass, ...],
    giver: MethodSource,
    name: str,
    depth: int,
) -> SignatureResult:
    """Return what a method takes that was found along a resolution order, bound."""
    match giver:
        case ResolvedMethod():
            if _refuses_arguments(order, giver):
                origin = _function_location(library, giver.method)
                return Signature(name, (), more_places=False, more_names=False, origin=origin)
            return _bound_signature(library, giver.method, name, order, giver.index, depth)
        case ClassFound():
            return generated.generated_constructor(library, order, giver, name)
        case BuiltinFound():
            return NotAnalyzable(f"it inherits from {giver.name}, which is built in")
        case NotAnalyzable():
            return giver
    return NotAnalyzable("there is no such method")


def _refuses_arguments(order: tuple[MroClass, ...], giver: ResolvedMethod) -> bool:
    owner = giver.method.owner
    switch = known.REFUSING_CLASSES.get((giver.method.place.name, owner.name if owner else ""))
    if switch is None:
        return False
    found = (item.summary for item in order if isinstance(item, ClassFound))
    value = next((item.literals.get(switch) for item in found if switch in item.members), None)
    return value is False


def _function_signature(
    library: Library, found: FunctionFound, name: str, depth: int
) -> SignatureResult:
    if found.owner is None:
        return _unbound_signature(library, found, name, depth)
    function = library.function(found.place, found.pieces[-1])
    if function is None:
        return NotAnalyzable(f"{found.place.shown} cannot be parsed")
    decorators = {item.name for item in function.decorators}
    if "property" in decorators:
        return NotAnalyzable(f"{found.name} is a property")
    if "classmethod" in decorators:
        order = resolve_name.resolution_order(library, found.owner)
        return _bound_signature(library, found, name, order, 0, depth)
    return _unbound_signature(library, found, name, depth)


def _partial_signature(
    library: Library, found: CallFound, name: str, depth: int
) -> SignatureResult:
    """Return what is left to give to ``name = functools.partial(f, …)``."""
    call = _partial_call(library, found)
    starred = call is None or any(isinstance(item, ast.Starred) for item in call.args)
    callee = dotted_name(call.args[0]) if call and call.args else None
    if call is None or callee is None or starred or any(item.arg is None for item in call.keywords):
        return NotAnalyzable(f"{name} is the result of a call")
    inner = signature_of(
        library, resolve_name.find_in(library, found.place, callee), name, depth + 1
    )
    if not isinstance(inner, Signature):
        return inner
    return generated.bind_arguments(inner, len(call.args) - 1, {item.arg for item in call.keywords})


def _partial_call(library: Library, found: CallFound) -> ast.Call | None:
    callee = found.binding.value
    file = library.file(found.place)
    if not callee or definitions.full_name(library, found.place, callee) != "functools.partial":
        return None
    assert file is not None
    call = split_source.assigned_value(file.text, found.binding.first, found.binding.last)
    return call if isinstance(call, ast.Call) else None


def _value_result(found: ValueFound) -> SignatureResult:
    origin = definitions.definition_location(found.place, found.binding.first)
    if found.binding.kind == "expression":
        return NotAnalyzable("it is the value of an expression")
    return NotCallable(_ARTICLES.get(found.binding.value, "a value"), origin)


def _function_location(library: Library, found: FunctionFound) -> DefinitionLocation:
    """Return where a function is defined."""
    function = library.function(found.place, found.pieces[-1])
    return definitions.definition_location(
        found.place, function.line if function else found.pieces[-1].first
    )


def _unbound_signature(
    library: Library, found: FunctionFound, name: str, depth: int = 0
) -> SignatureResult:
    """Return what a function takes, or a method that is called through its class."""
    order = resolve_name.resolution_order(library, found.owner) if found.owner else ()
    return _read_signature(library, found, name, order, 0, depth, skip=0)


def _bound_signature(
    library: Library,
    found: FunctionFound,
    name: str,
    order: tuple[MroClass, ...],
    index: int,
    depth: int = 0,
) -> SignatureResult:
    """Return what a method takes without its first parameter.

    Args:
        library: Where to look.
        found: The method.
        name: What a report calls it.
        order: The resolution order of the class that it is called on.
        index: The place of the method's own class in ``order``.
        depth: How many calls were followed to come here.
    """
    return _read_signature(library, found, name, order, index, depth, skip=1)


def _read_signature(
    library: Library,
    found: FunctionFound,
    name: str,
    order: tuple[MroClass, ...],
    index: int,
    depth: int,
    skip: int,
) -> SignatureResult:
    function = library.function(found.place, found.pieces[-1])
    if function is None:
        return NotAnalyzable(f"{found.place.shown} cannot be parsed")
    opaque = classes.opaque_decorator(
        library, found.place, function.decorators, *_BINDING_DECORATORS
    )
    if opaque:
        return NotAnalyzable(f"{found.name} is decorated with {opaque}")
    origin = definitions.definition_location(found.place, function.line)
    own = _own_parameters(function, origin, skip)
    signature = Signature(
        name, own, _has_kind(function, "args"), _has_kind(function, "kwargs"), origin
    )
    if function.flow is None or depth > definitions.MAX_DEPTH:
        return signature
    taken = {item.name for item in own} | {item.name for item in function.params[:skip]}
    return _follow_kwargs(library, found, signature, function, taken, order, index, depth)


def _has_kind(function: FunctionSummary, kind: str) -> bool:
    return any(item.kind == kind for item in function.params)


def _own_parameters(
    function: FunctionSummary, origin: DefinitionLocation, skip: int
) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for item in function.params:
        if item.kind in ("place", "both") and skip:
            skip -= 1
        elif item.kind in _KINDS:
            kind = _KINDS[item.kind]
            found.append(Parameter(item.name, kind, item.default, item.annotation, origin))  # type: ignore[arg-type]
    return tuple(found)


def _follow_kwargs(
    library: Library,
    found: FunctionFound,
    signature: Signature,
    function: FunctionSummary,
    taken: set[str],
    order: tuple[MroClass, ...],
    index: int,
    depth: int,
) -> Signature:
    """Add what the receivers of ``**kwargs`` take."""
    assert function.flow is not None
    more: list[Parameter] = []
    open_names = open_places = False
    for forward in function.flow.forwards:
        target = _receiver_signature(library, found, forward, order, index, depth + 1)
        certain = forward.certain and len(function.flow.forwards) == 1 and not function.flow.keys
        if not isinstance(target, Signature):
            open_names = open_places = True
            continue
        open_names |= target.more_names
        open_places |= target.more_places and forward.star
        more.extend(_remaining_parameters(target, forward, certain=certain))
    keys = (Parameter(k, "name", "other", None, signature.origin) for k in function.flow.keys)
    rest = _unseen_parameters([*more, *keys], taken)
    star = any(item.star for item in function.flow.forwards)
    places = signature.more_places and (open_places if star else True)
    every = _order_parameters([*signature.parameters, *rest])
    return Signature(signature.name, every, places, open_names, signature.origin)


def _order_parameters(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    named = [item for item in parameters if item.kind == "name"]
    return tuple([item for item in parameters if item.kind != "name"] + named)


def _unseen_parameters(parameters: list[Parameter], taken: set[str]) -> Iterator[Parameter]:
    seen = set(taken)
    for item in parameters:
        if item.name not in seen:
            seen.add(item.name)
            yield item


def _remaining_parameters(
    target: Signature, forward: ForwardingCall, *, certain: bool
) -> Iterator[Parameter]:
    """Yield the parameters of a receiver that its call leaves to ``*args`` and ``**kwargs``."""
    places = target.places[forward.places :]
    named = [item for item in target.parameters if item.kind == "name"]
    for item in [*places, *named]:
        kind = item.kind if forward.star else "name"
        if item.name in forward.names or (item.kind == "place" and not forward.star):
            continue
        default = item.default if certain else item.default or "other"
        yield Parameter(item.name, kind, default, item.annotation, item.origin)


def _receiver_signature(
    library: Library,
    found: FunctionFound,
    forward: ForwardingCall,
    order: tuple[MroClass, ...],
    index: int,
    depth: int,
) -> SignatureResult:
    head, colon, name = forward.callee.partition(":")
    if not colon:
        return signature_of(library, resolve_name.find_in(library, found.place, head), head, depth)
    if not order:
        return NotAnalyzable("it is not a method")
    if not name:
        own = order[0]
        assert isinstance(own, ClassFound)
        return _class_signature(library, own, own.name, depth)
    after = index if head == "super" else -1
    if head == "super" and name == "__init__":
        return _parent_init(library, order, after, depth)
    giver = classes.find_method(library, order, name, after)
    if not isinstance(giver, ResolvedMethod):
        return NotAnalyzable(f"{name} is not found")
    return _bound_signature(library, giver.method, name, order, giver.index, depth)
