"""What calls give: of layers, of functions of PyTorch, of classes and functions of the recipe."""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    default_values,
    function_body,
    method_body,
)
from espnet3_compiler.checks.refusals.constant_values import UnknownValueError, constant_value
from espnet3_compiler.checks.shapes.classes import ModelClass, model_class
from espnet3_compiler.checks.shapes.frames import FollowedFunction, Run, memo_key
from espnet3_compiler.checks.shapes.made.arrays import (
    GENERATOR,
    KNOWN_METHODS,
    array_function,
    constant_method,
    drawn_array,
)
from espnet3_compiler.checks.shapes.made.lists import call_builtin
from espnet3_compiler.checks.shapes.made.spectra import bands_of, spectra_of
from espnet3_compiler.checks.shapes.meanings.layers import axis_finding, layer_meant
from espnet3_compiler.checks.shapes.meanings.losses import LOSS_LAYERS, LOSSES
from espnet3_compiler.checks.shapes.methods import (
    apply_named,
    item_method,
    register_buffer,
    stored_array,
    tensor_method,
)
from espnet3_compiler.checks.shapes.names import absolute_name, is_builtin, is_local
from espnet3_compiler.checks.shapes.plain_values import plain_values
from espnet3_compiler.checks.shapes.refused_layers import refused_layer
from espnet3_compiler.checks.shapes.torch_layers import (
    apply_layer,
    over_numbered,
    over_scored,
    read_layer,
)
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Group,
    Item,
    Layer,
    Part,
    Repeated,
    Spectra,
    Tensor,
    Value,
    either,
    holds_layers,
    mark_changed,
)
from espnet3_compiler.signature.flow import dotted_name, own_nodes

_CHAINED = ("eval", "train", "to", "cuda", "cpu", "float", "half", "double", "requires_grad_")
_HARMLESS = (
    *("parameters", "named_parameters", "children", "named_children", "modules", "state_dict"),
    *("flatten_parameters", "reset_parameters", "zero_grad", "named_modules", "buffers"),
    "register_buffer",
)
_OF_TENSORS = ("torch", "torch.nn.functional", "torch.nn.utils.rnn", "torch.fft")
_OF_TORCH = ("torch.nn", *_OF_TENSORS)
_IGNORED = "ignore_index"
_SCORED = ("cross_entropy", "nll_loss")
_WRAPPING = ("weight_norm", "spectral_norm")
_FIRST_NAMES = ("input", "query", "src", "tgt")


def call_function(run: Run, path: str, arguments: CallArguments, *, certain: bool) -> Value:
    """Return what a function of the recipe returns.

    Args:
        run: What is shared.
        path: Its dotted path.
        arguments: What it is given.
        certain: Whether it is certainly called.
    """
    body = function_body(run.library, path)
    return _called(run, body, None, arguments, certain=certain) if body else None


def call_value(value: Value, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what an object gives that is called.

    Args:
        value: The object.
        arguments: What it is called with.
        frame: The function in which it is called.
    """
    if isinstance(value, Part):
        found = _class_at(frame.run, value.path)
        called = found.called if found else "forward"
        return call_method(frame.run, value, called, arguments, certain=frame.certain)
    if isinstance(value, Spectra):
        audio = arguments.positional[0].value if arguments.positional else None
        return spectra_of(value.bands, audio) if arguments.complete else None
    if not isinstance(value, Layer) or value.changed:
        mark_changed(arguments.values)
        return None
    given: list[Value] = [one.value for one in arguments.positional]
    first = next((name for name in _FIRST_NAMES if name in arguments.named), None)
    if not given and first:
        given = [arguments.named[first].value]
    if not arguments.complete:
        given = [None]
    if value.kind != "Sequential":
        frame.report_all(over_numbered(value, given))
        return _applied(value, given, arguments, frame)
    after = given[0] if given else None
    for one in value.layers:
        after = call_value(one, CallArguments((CallArgument(after),)), frame)
    return after


def _applied(
    layer: Layer, given: list[Value], arguments: CallArguments, frame: FollowedFunction
) -> Value:
    """Return what a single layer gives, or a loss."""
    if layer.kind in LOSS_LAYERS:
        frame.report_loss(layer.kind, arguments, layer.arguments)
        return None
    frame.report(axis_finding(layer, given))
    return layer_meant(apply_layer(layer, given, frame.report), layer, given)


def call_by_name(
    name: str, call: ast.Call, arguments: CallArguments, frame: FollowedFunction
) -> Value:
    """Return what something gives that a module of the recipe defines or imports.

    Args:
        name: Its dotted name.
        call: The call.
        arguments: What it is called with.
        frame: The function in which it is called.
    """
    library, body = frame.run.library, frame.body
    path = absolute_name(library, body, name)
    module, _, last = path.rpartition(".")
    if arguments.complete and module in _OF_TORCH:
        frame.report_all(plain_values(library, path, arguments.positional, arguments.named))
    if module == "torch.nn":
        if arguments.complete:
            frame.report(refused_layer(library, path, arguments) if frame.certain else None)
        layer = _layer(last, arguments)
        if isinstance(layer, Layer):
            layer.name, layer.call = name, call
        return layer
    if module in _OF_TENSORS:
        if last in _SCORED and _IGNORED not in arguments.named:
            frame.report_all(over_scored([one.value for one in arguments.positional]))
        if last in LOSSES:
            frame.report_loss(last, arguments, {})
        given = [one.value for one in arguments.positional]
        return apply_named(last, given, arguments, frame) or array_function(path, arguments)
    if path in ("numpy.save", "numpy.load"):
        return stored_array(last, call, arguments, frame)
    if module.startswith("torch.nn.utils") and last in _WRAPPING and arguments.positional:
        return arguments.positional[0].value
    return _other_call(name, path, arguments, frame)


def _other_call(name: str, path: str, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what something gives that is not of PyTorch."""
    library, body = frame.run.library, frame.body
    made = array_function(path, arguments) or bands_of(path, arguments) if path else None
    if made is not None:
        return made
    if path and is_local(library, path):
        return _own(path, arguments, frame)
    if not path and is_builtin(library, body, name):
        return call_builtin(name, arguments)
    mark_changed(arguments.values)
    return None


def call_on(owner: Value, name: str, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what a method of a value gives.

    Args:
        owner: The value.
        name: The method.
        arguments: What it is called with.
        frame: The function in which it is called.
    """
    match owner:
        case Tensor():
            return tensor_method(owner, name, arguments, frame)
        case Group(items=items):
            given = arguments.positional[0].value if len(arguments.positional) == 1 else None
            more = given.items if isinstance(given, Group) else ()
            grown = {"append": (*items, given), "extend": (*items, *more)}.get(name)
            known = grown is not None and (name == "append" or isinstance(given, Group))
            frame.replace(owner, Group(grown or ()) if known else None)
            return None
        case Layer() | Part() | Spectra() if name in _CHAINED:
            return owner
        case Layer() if name == "forward":
            return call_value(owner, arguments, frame)
        case Layer() if name not in _HARMLESS:
            owner.changed = True
        case Part() if name == "register_buffer" or name not in _HARMLESS:
            return _part_method(owner, name, arguments, frame)
        case Constant() if name in KNOWN_METHODS:
            return constant_method(owner.value, name, arguments)
        case Constant(value=list() | dict()) | Repeated():
            frame.replace(owner, None)
        case Item():
            return item_method(owner, name, arguments, frame)
    mark_changed(arguments.values)
    return None


def _part_method(
    owner: Part, name: str, arguments: CallArguments, frame: FollowedFunction
) -> Value:
    """Return what a method of an object of the recipe gives, or of a random generator."""
    if owner.path == GENERATOR:
        return drawn_array(arguments)
    own = owner is frame.names.get("self")
    if name == "register_buffer":
        if own:
            register_buffer(arguments, frame)
        return None
    if own and not frame.method:
        frame.forget_own()
    return call_method(frame.run, owner, name, arguments, certain=frame.certain)


def _layer(name: str, arguments: CallArguments) -> Value:
    """Return a layer of ``torch.nn``, or several."""
    if name == "ModuleList":
        given = arguments.positional[0].value if arguments.positional else Group(())
        return given if isinstance(given, Group) else None
    made = None
    if arguments.complete:
        made = read_layer(name, arguments.positional, arguments.named)
    if made is None:
        mark_changed(arguments.values)
    return made


def _own(path: str, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what a class or function of the recipe gives."""
    for one in arguments.values:
        if isinstance(one, Group | Repeated | Item):
            frame.replace(one, None)  # a list may grow in there
    known = any(map(holds_layers, arguments.values))
    if frame.method and not known and not frame.run.data:
        return None  # so it is for sizes that are computed while it runs
    body = function_body(frame.run.library, path)
    if body is not None:
        return _called(frame.run, body, None, arguments, certain=frame.certain)
    made = construct(frame.run, path, arguments, certain=frame.certain)
    if made is None:
        mark_changed(arguments.values)
    return made


def construct(run: Run, path: str, arguments: CallArguments, *, certain: bool) -> Part | None:
    """Return the object that a class of the recipe makes of arguments; None where not known.

    Args:
        run: What is shared.
        path: The dotted path of the class.
        arguments: What it is given.
        certain: Whether that certainly happens.
    """
    found = _class_at(run, path)
    if found is None or found.constructor is None:
        return Part(path, {}) if found else None
    names = _bound(found.constructor, Part(path, {}), arguments)
    if names is None:
        return None
    key = (path, certain, *_key_of(names))
    if key not in run.memo:
        frame = FollowedFunction(run, found.constructor, names, certain=certain)
        run.memo[key] = _constructed(frame, path, found)
    part: Part | None = run.memo[key]
    return part


def _class_at(run: Run, path: str) -> ModelClass | None:
    return model_class(run.library, path, plain=run.data)


def call_method(
    run: Run, part: Part, name: str, arguments: CallArguments, *, certain: bool
) -> Value:
    """Return what a method of an object returns.

    Args:
        run: What is shared.
        part: The object.
        name: The method.
        arguments: What it is given.
        certain: Whether it is certainly called.
    """
    if certain:
        run.entered.add((part, name))
    useful = run.data or any(map(holds_layers, (part, *arguments.values)))
    body = method_body(run.library, part.path, name) if useful and not part.changed else None
    if body is None:
        mark_changed(arguments.values)
        return None
    static = any(dotted_name(one) == "staticmethod" for one in body.node.decorator_list)
    return _called(run, body, None if static else part, arguments, certain=certain)


def _constructed(frame: FollowedFunction, path: str, found: ModelClass) -> Part | None:
    followed = frame.run.follow_function(frame) is not None
    stub = frame.names.get("self")
    if not followed or frame.returned or not isinstance(stub, Part) or stub.changed:
        return None
    prefix = "self."
    set_here = {
        name.removeprefix(prefix): value
        for name, value in frame.names.items()
        if name.startswith(prefix)
    }
    known = {name: value for name, value in set_here.items() if name not in found.unsure}
    return Part(path, known)


def _called(
    run: Run, body: FunctionBody, part: Part | None, arguments: CallArguments, *, certain: bool
) -> Value:
    """Return what a function returns."""
    names = _bound(body, part, arguments)
    if names is None or _gives_later(run, body):
        mark_changed(arguments.values)
        return None
    key = (body.file.name, body.node, certain, part, *_key_of(names))
    if key not in run.memo:
        frame = FollowedFunction(run, body, names, certain=certain)
        ended = run.follow_function(frame)
        rest = () if ended else (Constant(None),)
        run.memo[key] = None if ended is None else either([*frame.returned, *rest])
    result: Value = run.memo[key]
    return result


def _gives_later(run: Run, body: FunctionBody) -> bool:
    """Return whether a call of a function runs nothing of it yet."""
    if isinstance(body.node, ast.AsyncFunctionDef):
        return True
    key, memo = ("later", body.node), run.library.memo
    if key not in memo:
        first, last = body.node.lineno, body.node.end_lineno or body.node.lineno
        text = body.file.text.lines(first + body.shift, last + body.shift)
        kinds = (ast.Yield, ast.YieldFrom)
        yields = "yield" in text and any(isinstance(one, kinds) for one in own_nodes(body.node))
        memo[key] = yields
    return bool(memo[key])


def _key_of(names: dict[str, Value]) -> Iterator[object]:
    yield from ((name, memo_key(value)) for name, value in names.items() if name != "self")


def _bound(
    body: FunctionBody, part: Part | None, arguments: CallArguments
) -> dict[str, Value] | None:
    """Return the parameters of a function with their values; None where they do not fit."""
    args = body.node.args
    ordered = [one.arg for one in (*args.posonlyargs, *args.args)]
    if part is not None and ordered[:1] != ["self"]:
        return None
    extra = [one.arg for one in (args.vararg, args.kwarg) if one]
    names: dict[str, Value] = dict.fromkeys([*ordered, *extra], None)
    names |= dict.fromkeys(one.arg for one in args.kwonlyargs)
    if part is not None:
        names["self"] = part
    if not arguments.in_order:
        return names
    given = dict(zip(ordered[part is not None :], arguments.positional, strict=False))
    given |= {name: one for name, one in arguments.named.items() if name in names}
    for name, node in default_values(body) if arguments.complete else ():
        if name not in given:
            names[name] = _default(node)
    for name, one in given.items():
        names[name] = one.passed
    return names


def _default(node: ast.expr) -> Value:
    try:
        return Constant(constant_value(node, {}))
    except UnknownValueError:
        return None
