"""Read the signature of a dotted path without importing it; ``**kwargs`` are followed to calls."""

import ast
from collections.abc import Iterator

from espnet3_compiler.signature import (
    classes,
    definitions,
    generated,
    overloads,
    resolve_name,
    split_source,
)
from espnet3_compiler.signature.classes import MethodSource, ResolvedMethod
from espnet3_compiler.signature.definitions import (
    BuiltinFound,
    CallFound,
    ClassFound,
    FunctionFound,
    LookupResult,
    ModuleFound,
    MroClass,
    ValueFound,
)
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.lazy import runtime_attributes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import ForwardingCall, FunctionSummary, KwargsFlow
from espnet3_compiler.signature.result import (
    DefinitionLocation,
    Missing,
    NotAnalyzable,
    NotCallable,
    Parameter,
    Signature,
    SignatureResult,
)

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
    """Return the arguments of a dotted path, or the reason why they are not known."""
    key = ("read", path)
    if key not in library.memo:
        library.memo[key] = signature_of(library, resolve_name.find_definition(library, path), path)
    result: SignatureResult = library.memo[key]
    return result


def read_method(library: Library, path: str, name: str) -> SignatureResult:
    """Return the arguments of a method that is called on an object of a class.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        name: The name of the method.
    """
    key = ("read method", path, name)
    if key not in library.memo:
        library.memo[key] = _read_method(library, path, name)
    result: SignatureResult = library.memo[key]
    return result


def _read_method(library: Library, path: str, name: str) -> SignatureResult:
    found = resolve_name.find_definition(library, path)
    if not isinstance(found, ClassFound):
        return NotAnalyzable(f"{path} is no class that can be read")
    order = resolve_name.resolution_order(library, found)
    giver = classes.find_method(library, order, name)
    if giver is None:
        names = classes.attributes_of(library, found)
        origin = definitions.class_location(found)
        return Missing(path, name, path.count(".") + 1, names, origin)
    return read_given_method(library, order, giver, f"{path}.{name}")


def read_given_method(
    library: Library, order: tuple[MroClass, ...], giver: MethodSource, name: str
) -> SignatureResult:
    """Return the arguments of a method that is called on an object, without ``self``.

    Args:
        library: Reads modules.
        order: The resolution order of the object's class.
        giver: What ``classes.find_method`` found along it.
        name: The name of the signature in reports.
    """
    return _method_signature(library, order, giver, name, 0)


def signature_of(
    library: Library, found: LookupResult, name: str, depth: int = 0
) -> SignatureResult:
    """Return the arguments of a definition.

    Args:
        library: Reads modules.
        found: The definition that is called.
        name: The name of the signature in reports.
        depth: How many calls were followed so far; too many are a circle.
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
            return NotCallable("a module", definitions.definition_location(found.location))
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
    """Return the arguments of a class: those of ``__new__`` or ``__init__``."""
    order = resolve_name.resolution_order(library, found)
    if classes.is_keyword_record(order):
        return generated.keyword_constructor(order, found, name)
    decorators = found.summary.decorators
    opaque = classes.opaque_decorator(library, found.location, decorators, definitions.DATACLASS)
    if opaque:
        return NotAnalyzable(f"{found.name} is decorated with {opaque}")
    reason = classes.metaclass_reason(library, order)
    if reason:
        return NotAnalyzable(reason)
    new = classes.find_method(library, order, "__new__")
    init = classes.find_method(library, order, "__init__")
    new_index, init_index = _method_index(order, new), _method_index(order, init)
    if isinstance(new, ResolvedMethod | ClassFound) and new_index < init_index:
        return _method_signature(library, order, new, name, depth)
    if init is None and definitions.is_compiled(order):
        return NotAnalyzable(f"{found.name} is compiled")
    if init is None:
        return _empty_signature(name, definitions.class_location(found))
    signature = _method_signature(library, order, init, name, depth)
    if isinstance(new, ResolvedMethod) and new_index == init_index:
        other = _method_signature(library, order, new, name, depth)
        if not isinstance(other, Signature) or other.parameters or not other.more_keywords:
            return NotAnalyzable(f"{found.name} has __new__ and __init__")
    return signature


def _empty_signature(name: str, origin: DefinitionLocation) -> Signature:
    return Signature(name, (), more_positional=False, more_keywords=False, origin=origin)


def _method_index(order: tuple[MroClass, ...], source: MethodSource) -> int:
    """Return the index of a method's class; of two, the first one gets the arguments first."""
    if isinstance(source, ResolvedMethod):
        return source.position
    return order.index(source) if source in order else len(order)


def _method_signature(
    library: Library, order: tuple[MroClass, ...], source: MethodSource, name: str, depth: int
) -> SignatureResult:
    """Return the arguments of a method found along a resolution order, without ``self``."""
    match source:
        case ResolvedMethod(method, index):
            if definitions.refuses_arguments(order, method):
                line = method.pieces[-1].first
                return _empty_signature(
                    name, definitions.definition_location(method.location, line)
                )
            static = "staticmethod" in _decorator_names(library, method)
            skip = 0 if static and not method.name.endswith(".__new__") else 1
            return _read_signature(library, method, name, order, index, depth, skip)
        case ClassFound():
            return generated.generated_constructor(library, order, source, name)
        case BuiltinFound():
            return NotAnalyzable(f"it inherits from {source.name}, which is built in")
        case NotAnalyzable():
            return source
    return NotAnalyzable("there is no such method")


def _function_signature(
    library: Library, found: FunctionFound, name: str, depth: int
) -> SignatureResult:
    """Return the arguments of a function, or of a method that is called through its class."""
    skip = 0
    order: tuple[MroClass, ...] = ()
    if found.owner is not None or found.bound:
        decorators = _decorator_names(library, found)
        if "property" in decorators:
            return NotAnalyzable(f"{found.name} is a property")
        is_bound = found.bound and "staticmethod" not in decorators
        skip = int(is_bound or "classmethod" in decorators)
        order = resolve_name.resolution_order(library, found.owner) if found.owner else ()
    return _read_signature(library, found, name, order, 0, depth, skip)


def _decorator_names(library: Library, found: FunctionFound) -> set[str]:
    function = library.function(found.location, found.pieces[-1])
    return {item.name for item in function.decorators} if function else set()


def _partial_signature(
    library: Library, found: CallFound, name: str, depth: int
) -> SignatureResult:
    """Return the arguments that ``name = functools.partial(f, …)`` still takes."""
    callee = found.binding.value
    file = library.file(found.location)
    call: ast.expr | None = None
    if file and definitions.full_name(library, found.location, callee) == "functools.partial":
        call = split_source.assigned_value(file.text, found.binding.first, found.binding.last)
    wrapped = dotted_name(call.args[0]) if isinstance(call, ast.Call) and call.args else None
    if not isinstance(call, ast.Call) or wrapped is None or _has_unpacking(call):
        return NotAnalyzable(f"{name} is the result of a call")
    target = resolve_name.find_in(library, found.location, wrapped)
    inner = signature_of(library, target, name, depth + 1)
    if not isinstance(inner, Signature):
        return inner
    return generated.bind_arguments(inner, len(call.args) - 1, {item.arg for item in call.keywords})


def _value_result(found: ValueFound) -> SignatureResult:
    if found.binding.kind == "expression":
        return NotAnalyzable("it is the value of an expression")
    origin = definitions.definition_location(found.location, found.binding.first)
    return NotCallable(_ARTICLES.get(found.binding.value, "a value"), origin)


def _has_unpacking(call: ast.Call) -> bool:
    starred = any(isinstance(item, ast.Starred) for item in call.args)
    return starred or any(item.arg is None for item in call.keywords)


def _read_signature(
    library: Library,
    found: FunctionFound,
    name: str,
    order: tuple[MroClass, ...],
    index: int,
    depth: int,
    skip: int,
) -> SignatureResult:
    """Return the signature of a ``def``, or of all its overloads, without ``skip`` parameters.

    A method's own class is at ``index`` in ``order``, the order of the class it is called on.
    """
    functions = [library.function(found.location, piece) for piece in found.pieces]
    last = functions[-1]
    if last is None:
        return NotAnalyzable(f"{found.location.shown} cannot be parsed")
    listed = [
        _own_signature(found, item, name, skip)
        for item in functions
        if item is not None and overloads.is_overload(library, found.location, item)
    ]
    if listed and overloads.is_overload(library, found.location, last):
        return overloads.merge_overloads(listed)
    implemented = _defined_signature(library, found, last, name, order, index, depth, skip)
    names_none = all(item.kind in ("args", "kwargs") for item in last.params[skip:])
    if not (listed and names_none):
        return implemented
    return overloads.with_implementation(overloads.merge_overloads(listed), implemented)


def _own_signature(
    found: FunctionFound, function: FunctionSummary, name: str, skip: int
) -> Signature:
    """Return what a ``def`` itself names."""
    origin = definitions.definition_location(found.location, function.line)
    kinds = {item.kind for item in function.params}
    own = _own_parameters(function, origin, skip)
    return Signature(name, own, "args" in kinds, "kwargs" in kinds, origin, function.drops)


def _defined_signature(
    library: Library,
    found: FunctionFound,
    function: FunctionSummary,
    name: str,
    order: tuple[MroClass, ...],
    index: int,
    depth: int,
    skip: int,
) -> SignatureResult:
    """Return the signature of one ``def`` with its decorators, its ``**kwargs`` followed."""
    opaque = classes.opaque_decorator(
        library, found.location, function.decorators, "staticmethod", "classmethod"
    )
    if opaque:
        return NotAnalyzable(f"{found.name} is decorated with {opaque}")
    signature = _own_signature(found, function, name, skip)
    if function.flow is not None and depth <= definitions.MAX_DEPTH:
        targets = [
            _receiver_signature(library, found, forward, order, index, depth + 1)
            for forward in function.flow.forwards
        ]
        taken = {item.name for item in signature.parameters}
        taken |= {item.name for item in function.params[:skip]}
        signature = _add_forwarded(signature, function.flow, targets, taken)
    return generated.add_decorated(library, found.location, function, signature)


def _add_forwarded(
    signature: Signature, flow: KwargsFlow, targets: list[SignatureResult], taken: set[str]
) -> Signature:
    """Add the parameters of the calls that ``**kwargs`` go to; ``taken`` are the own names."""
    added: dict[str, Parameter] = {}
    more_keywords = more_positional = False
    for forward, target in zip(flow.forwards, targets, strict=True):
        if not isinstance(target, Signature):
            more_keywords = more_positional = True
            continue
        more_keywords |= target.more_keywords
        more_positional |= target.more_positional and forward.star
        certain = forward.certain and len(targets) == 1 and not flow.keys
        for item in _remaining_parameters(target, forward, certain=certain):
            added.setdefault(item.name, item)
    for key in flow.keys:
        added.setdefault(key, Parameter(key, "keyword", "other", None, signature.origin))
    every = [*signature.parameters, *(added[name] for name in added if name not in taken)]
    if not any(item.star for item in flow.forwards):
        more_positional = True
    return Signature(
        signature.name,
        tuple(sorted(every, key=lambda item: item.kind == "keyword")),
        signature.more_positional and more_positional,
        more_keywords,
        signature.origin,
        all(isinstance(item, Signature) and item.drops for item in targets),
    )


def _own_parameters(
    function: FunctionSummary, origin: DefinitionLocation, skip: int
) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for item in function.params:
        if item.kind in ("positional", "both") and skip:
            skip -= 1
        elif item.kind not in ("args", "kwargs"):
            found.append(Parameter(item.name, item.kind, item.default, item.annotation, origin))  # type: ignore[arg-type]
    return tuple(found)


def _remaining_parameters(
    target: Signature, forward: ForwardingCall, *, certain: bool
) -> Iterator[Parameter]:
    """Yield the parameters of a receiver that its call leaves to ``*args`` and ``**kwargs``."""
    positional = target.positional[forward.positional :]
    named = [item for item in target.parameters if item.kind == "keyword"]
    for item in [*positional, *named]:
        kind = item.kind if forward.star else "keyword"
        if item.name in forward.keywords or (item.kind == "positional" and not forward.star):
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
        return signature_of(
            library, resolve_name.find_in(library, found.location, head), head, depth
        )
    if not order:
        return NotAnalyzable("it is not a method")
    own = order[0]
    assert isinstance(own, ClassFound)
    if not name:
        return _class_signature(library, own, own.name, depth)
    source = classes.find_method(library, order, name, index if head == "super" else -1)
    if source is None and head == "super" and name == "__init__":
        return _empty_signature("object", definitions.class_location(own))
    return _method_signature(library, order, source, name, depth)
