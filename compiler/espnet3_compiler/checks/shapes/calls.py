"""What calls give: of layers, of functions of PyTorch, of classes and functions of the recipe."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence

from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    default_values,
    function_body,
    method_body,
)
from espnet3_compiler.checks.methods.constant_values import UnknownValueError, constant_value
from espnet3_compiler.checks.shapes.classes import ModelClass, model_class
from espnet3_compiler.checks.shapes.frames import FollowedFunction, Run, memo_key
from espnet3_compiler.checks.shapes.names import absolute_name, is_builtin, is_local
from espnet3_compiler.checks.shapes.plain_values import plain_values
from espnet3_compiler.checks.shapes.torch_functions import apply_function
from espnet3_compiler.checks.shapes.torch_layers import apply_layer, read_layer
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Group,
    Layer,
    Part,
    Tensor,
    Value,
    either,
    holds_layers,
    mark_changed,
)
from espnet3_compiler.signature.flow import dotted_name, own_nodes

_MOST_ITEMS = 64
_CHAINED = ("eval", "train", "to", "cuda", "cpu", "float", "half", "double", "requires_grad_")
_HARMLESS = (
    *("parameters", "named_parameters", "children", "named_children", "modules", "state_dict"),
    *("flatten_parameters", "reset_parameters", "zero_grad", "named_modules", "buffers"),
    "register_buffer",
)
_OF_TENSORS = ("torch", "torch.nn.functional", "torch.nn.utils.rnn")
_WRAPPING = ("weight_norm", "spectral_norm")
_FIRST_NAMES = ("input", "query", "src", "tgt")


def call_value(value: Value, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what an object gives that is called.

    Args:
        value: The object.
        arguments: What it is called with.
        frame: The function in which it is called.
    """
    if isinstance(value, Part):
        return call_method(frame.run, value, "forward", arguments, certain=frame.certain)
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
        return apply_layer(value, given, frame.report)
    after = given[0] if given else None
    for one in value.layers:
        after = call_value(one, CallArguments((CallArgument(after),)), frame)
    return after


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
    if arguments.complete and module in ("torch.nn", *_OF_TENSORS):
        frame.report_plain(plain_values(library, path, arguments.positional, arguments.named))
    if module == "torch.nn":
        if arguments.complete:
            frame.report_refused(path, arguments)
        made = _layer(last, arguments)
        if isinstance(made, Layer):
            made.name, made.call = name, call
        return made
    if module in _OF_TENSORS:
        return _function(last, arguments)
    if module.startswith("torch.nn.utils") and last in _WRAPPING and arguments.positional:
        return arguments.positional[0].value
    if path and is_local(library, path):
        return _own(path, arguments, frame)
    if not path and is_builtin(library, body, name):
        return _builtin(name, arguments)
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
            return _tensor_method(owner, name, arguments, frame)
        case Group(items=items):
            given = arguments.positional[0].value if len(arguments.positional) == 1 else None
            more = given.items if isinstance(given, Group) else ()
            grown = {"append": (*items, given), "extend": (*items, *more)}.get(name)
            known = grown is not None and (name == "append" or isinstance(given, Group))
            frame.replace(owner, Group(grown or ()) if known else None)
            return None
        case Layer() if name == "forward":
            return call_value(owner, arguments, frame)
        case Layer() | Part() if name in _CHAINED:
            return owner
        case Layer() if name not in _HARMLESS:
            owner.changed = True
        case Part() if name not in _HARMLESS:
            if owner is frame.names.get("self") and not frame.method:
                frame.forget_own()
            return call_method(frame.run, owner, name, arguments, certain=frame.certain)
        case Constant(value=list()):
            frame.replace(owner, None)
    mark_changed(arguments.values)
    return None


def _tensor_method(
    owner: Tensor, name: str, arguments: CallArguments, frame: FollowedFunction
) -> Value:
    named = {key: one.value for key, one in arguments.named.items()}
    given = [owner, *(one.value for one in arguments.positional)]
    found = apply_function(name, given, named) if arguments.complete else None
    if found is None and name.endswith("_"):
        frame.replace(owner, None)  # it is changed itself
    return found


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


def _function(name: str, arguments: CallArguments) -> Value:
    named = {key: one.value for key, one in arguments.named.items()}
    given = [one.value for one in arguments.positional]
    return apply_function(name, given, named) if arguments.complete else None


def _own(path: str, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what a class or function of the recipe gives."""
    for one in arguments.values:
        if isinstance(one, Group):
            frame.replace(one, None)  # a list may grow in there
    known = any(map(holds_layers, arguments.values))
    if frame.method and not known:
        return None  # so it is for sizes that are computed while it runs
    body = function_body(frame.run.library, path)
    if body is not None:
        return _called(frame.run, body, None, arguments, certain=frame.certain)
    made = construct(frame.run, path, arguments, certain=frame.certain)
    if made is None:
        mark_changed(arguments.values)
    return made


def _builtin(name: str, arguments: CallArguments) -> Value:
    """Return what a function of Python gives that makes or goes through a list."""
    given = [one.value for one in arguments.positional]
    if name == "range":
        numbers = [one.value for one in given if isinstance(one, Constant)]
        whole = len(numbers) == len(given) and all(type(one) is int for one in numbers)
        return _range(numbers) if whole else None
    lists = [items for value in given if (items := list_items(value)) is not None]
    if len(lists) != len(given) or not given:
        return None
    if name == "len":
        return Constant(len(lists[0]))
    if name == "zip" and len({len(items) for items in lists}) == 1:
        return Group(tuple(Group(row) for row in zip(*lists, strict=True)))
    if len(lists) == 1 and name in _ONE_LIST:
        return Group(tuple(_ONE_LIST[name](lists[0])))
    return None


def _range(numbers: Sequence[int]) -> Value:
    try:
        found = range(*numbers)
    except (TypeError, ValueError):
        return None
    return Group(tuple(map(Constant, found))) if len(found) <= _MOST_ITEMS else None


_ONE_LIST: Mapping[str, Callable[[Sequence[Value]], Sequence[Value]]] = {
    "list": list,
    "tuple": list,
    "reversed": lambda items: items[::-1],
    "enumerate": lambda items: [Group((Constant(n), one)) for n, one in enumerate(items)],
}


def list_items(value: Value) -> Sequence[Value] | None:
    """Return the values that a loop goes over; None where they are not known, or too many."""
    if isinstance(value, Layer) and value.kind == "Sequential" and not value.changed:
        return value.layers
    if isinstance(value, Constant) and isinstance(value.value, list | tuple):
        items: Sequence[Value] = [Constant(one, value.places) for one in value.value]
    elif isinstance(value, Group):
        items = value.items
    else:
        return None
    return items if len(items) <= _MOST_ITEMS else None


def construct(run: Run, path: str, arguments: CallArguments, *, certain: bool) -> Part | None:
    """Return the object that a class of the recipe makes of arguments; None where not known.

    Args:
        run: What is shared.
        path: The dotted path of the class.
        arguments: What it is given.
        certain: Whether that certainly happens.
    """
    if ("class", path) not in run.memo:
        run.memo["class", path] = model_class(run.library, path)
    found: ModelClass | None = run.memo["class", path]
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
    useful = any(map(holds_layers, (part, *arguments.values)))
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
    key = ("later", body.node)
    if key not in run.memo:
        first, last = body.node.lineno, body.node.end_lineno or body.node.lineno
        text = body.file.text.lines(first + body.shift, last + body.shift)
        kinds = (ast.Yield, ast.YieldFrom)
        yields = "yield" in text and any(isinstance(one, kinds) for one in own_nodes(body.node))
        run.memo[key] = yields
    return bool(run.memo[key])


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
    if not arguments.complete:
        return names
    given = dict(zip(ordered[part is not None :], arguments.positional, strict=False))
    given |= {name: one for name, one in arguments.named.items() if name in names}
    defaults = {name: _default(node) for name, node in default_values(body) if name not in given}
    return names | defaults | {name: one.passed for name, one in given.items()}


def _default(node: ast.expr) -> Value:
    try:
        return Constant(constant_value(node, {}))
    except UnknownValueError:
        return None
