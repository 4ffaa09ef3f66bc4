"""Read which keys of its configs a method of an ESPnet3 System uses, in functions it calls too."""

import ast
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from espnet3_compiler.convert.launched.base_classes import ClassText
from espnet3_compiler.convert.launched.modules import ModuleFinder, ParsedModule
from espnet3_compiler.convert.launched.stage_work import SUFFIX, find_method

MAX_CALLS = 6
Holder = Callable[[ast.AST], str | None]
"""Says which config an expression is, if it is one."""


class ConfigUse(Struct, frozen=True):
    """One use of a config: a key that is read, or a call that it is handed to.

    Attributes:
        config: The config, by the name of its attribute or parameter.
        key: The key; None for a call, and where the config is used in another way.
        call: The call.
        place: The number or the keyword of the argument.
    """

    config: str
    key: str | None
    call: ast.Call | None = None
    place: int | str = 0


def keys_read(
    classes: Sequence[ClassText], name: str, finder: ModuleFinder
) -> dict[str, set[str] | None]:
    """Return the keys that a method reads of each attribute with a config; None is all of them.

    Args:
        classes: The class and its bases that can be read.
        name: The method; private methods and functions that it calls count too.
        finder: Reads the modules of functions.
    """
    result: dict[str, set[str] | None] = {}
    waiting, seen = [name], {name}
    while waiting:
        found = find_method(classes, waiting.pop())
        if found is None:
            continue
        method, (_, module) = found
        for use in _uses_in(method, _attribute_name):
            before = result.setdefault(use.config, set())
            keys = _keys_of(use, module, classes, finder, 0)
            result[use.config] = None if keys is None or before is None else before | keys
        for node in ast.walk(method):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
                waiting += [node.attr] if node.attr not in seen else []
                seen.add(node.attr)
    return result


def _keys_of(
    use: ConfigUse,
    module: ParsedModule,
    classes: Sequence[ClassText],
    finder: ModuleFinder,
    depth: int,
) -> set[str] | None:
    """Return the keys of one use; None where a config is used as a whole.

    Args:
        use: The use.
        module: Where it is.
        classes: The class and its bases that can be read.
        finder: Reads the modules of functions.
        depth: How many calls lead to it.
    """
    if use.key is not None or use.call is None or depth > MAX_CALLS:
        return {use.key} if use.key is not None else None
    owner, _, last = ast.unparse(use.call.func).rpartition(".")
    if owner == "self":
        method = find_method(classes, last)
        function = (method[0], method[1][1]) if method else None
    else:
        function = finder.find_function(module, ast.unparse(use.call.func))
    parameter = _parameter_at(function[0], use.place, owner == "self") if function else None
    if function is None or parameter is None:
        return None
    keys: set[str] = set()
    for inner in _uses_in(function[0], _named(parameter)):
        more = _keys_of(inner, function[1], classes, finder, depth + 1)
        if more is None:
            return None
        keys |= more
    return keys


def _parameter_at(function: ast.FunctionDef, place: int | str, is_method: bool) -> str | None:
    names = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    if isinstance(place, str):
        return place if place in [*names, *(one.arg for one in function.args.kwonlyargs)] else None
    index = place + is_method
    return names[index] if index < len(names) else None


def _uses_in(function: ast.FunctionDef, holder: Holder) -> Iterator[ConfigUse]:
    """Yield the uses of configs in a function; a name that stands for one counts as it."""
    aliases = {
        target.id: config
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and (config := holder(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def held(node: ast.AST) -> str | None:
        if isinstance(node, ast.Name) and node.id in aliases:
            return aliases[node.id] if isinstance(node.ctx, ast.Load) else None
        return holder(node)

    known: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and holder(node.value):
            known.add(id(node.value))
        for expression, use in _uses_of(node, held):
            known.add(id(expression))
            yield use
    for node in ast.walk(function):
        if id(node) not in known and (config := held(node)):
            yield ConfigUse(config, None)


def _uses_of(node: ast.AST, held: Holder) -> Iterator[tuple[ast.AST, ConfigUse]]:
    """Yield what one expression does with a config, and the expression that is the config."""
    found = _key_use(node)
    if found is not None and (config := held(found[0])):
        yield found[0], ConfigUse(config, found[1])
    elif isinstance(node, ast.Call):
        for place, value in enumerate(node.args):
            if config := held(value):
                yield value, ConfigUse(config, None, node, place)
        for word in node.keywords:
            if word.arg and (config := held(word.value)):
                yield word.value, ConfigUse(config, None, node, word.arg)


def _key_use(node: ast.AST) -> tuple[ast.expr, str] | None:
    """Return the expression of which another one reads a key, and the key."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=config, attr="get"), args=[ast.Constant(value=str(key)), *_]
        ):
            return config, key
        case ast.Call(
            func=ast.Name(id="getattr" | "hasattr") | ast.Attribute(attr="_get_required_config"),
            args=[config, ast.Constant(value=str(key)), *_],
        ):
            return config, key
        case ast.Attribute(value=config, attr=key) if key != "get":
            return config, key
        case ast.Subscript(value=config, slice=ast.Constant(value=str(key))):
            return config, key
    return None


def _attribute_name(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Attribute) or not node.attr.endswith(SUFFIX):
        return None
    return node.attr if ast.unparse(node.value) == "self" else None


def _named(parameter: str) -> Holder:
    def holder(node: ast.AST) -> str | None:
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            return None
        return parameter if node.id == parameter else None

    return holder
