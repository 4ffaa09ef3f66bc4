"""The fields of an item, read from the code that makes it without running it.

What is returned may have more fields than an item, never fewer: a field that is not among them is
certainly not there. Where the code says it in another way, nothing is known.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from espnet3_compiler.checks.data.bodies import (
    Function,
    function_body,
    method_body,
    returned_values,
    statements_of,
)
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar
from espnet3_schemas import TARGET

Fields = frozenset[str]

_SAME_FIELDS = ("espnet3_runtime.data.preprocess.TextToTokens",)
"""Preprocessors that replace fields and add none."""

_READING = ("copy", "get", "items", "keys", "pop", "values")
_HARMLESS_CALLS = ("dict", "len", "print", "sorted", "list", "isinstance", "set", "tuple")


@dataclass(frozen=True, slots=True)
class _Scope:
    """A function, and the fields of its parameter that is the sample."""

    node: Function
    sample: str = ""
    given: Fields = frozenset()


def item_fields(data: DatasetEntry) -> Fields | None:
    """Return the fields of an item of a ``Dataset``, after the transform of its entry."""
    body = method_body(data.library, f"{data.module}.Dataset", "__getitem__")
    fields = _returned_fields(_Scope(body.node)) if body else None
    return (
        None if fields is None else changed_fields(data.library, data.node.get("transform"), fields)
    )


def changed_fields(library: Library, node: Node | None, given: Fields) -> Fields | None:
    """Return the fields of an item after a transform or preprocessor.

    Args:
        library: Reads the code of the recipe.
        node: The transform or preprocessor; null changes nothing.
        given: The fields before.
    """
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return given
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    if not isinstance(target, Scalar) or not isinstance(target.value, str):
        return None
    if target.value in _SAME_FIELDS:
        return given
    body = method_body(library, target.value, "__call__") or function_body(library, target.value)
    if body is None:
        return None
    return _returned_fields(_Scope(body.node, _sample_parameter(body.node), given))


def _sample_parameter(node: Function) -> str:
    """Return the parameter that gets the sample: the second of two that are required."""
    names = [item.arg for item in (*node.args.posonlyargs, *node.args.args) if item.arg != "self"]
    required = len(names) - len(node.args.defaults)
    return names[1] if required == len(("utt_id", "sample")) else (names or [""])[0]


def fields_read_by(library: Library, node: Mapping) -> list[Scalar]:
    """Return the arguments of a preprocessor that name a field which it needs.

    Args:
        library: Reads the code of the recipe.
        node: The preprocessor.
    """
    target = node.get(TARGET)
    path = str(target.value) if isinstance(target, Scalar) else ""
    if path in _SAME_FIELDS:
        names = {"field"}
    else:
        body = method_body(library, path, "__call__")
        made = method_body(library, path, "__init__")
        kept = _kept_arguments(made.node) if made else {}
        names = (
            {kept[one] for one in _attributes_as_fields(body.node) if one in kept}
            if body
            else set()
        )
    found = [entry.value for entry in node if entry.name in names]
    texts = [one for one in found if isinstance(one, Scalar) and isinstance(one.value, str)]
    return [one for one in texts if is_written(one) and not is_unresolved(one)]


def _attributes_as_fields(node: Function) -> set[str]:
    """Return the attributes X of which a call reads ``sample[self.X]`` without asking first."""
    sample, items = _sample_parameter(node), list(statements_of(node))
    guards = (ast.Try, ast.If, ast.IfExp, ast.Compare, ast.BoolOp)
    if any(isinstance(item, guards) for item in items):
        return set()
    found: set[str] = set()
    for item in items:
        match item:
            case ast.Subscript(
                value=ast.Name(id=name),
                slice=ast.Attribute(value=ast.Name(id="self"), attr=attribute),
                ctx=ast.Load(),
            ) if name == sample:
                found.add(attribute)
    return found


def _kept_arguments(node: Function) -> dict[str, str]:
    """Return the attributes that a constructor sets to one of its arguments, with its name."""
    found: dict[str, str] = {}
    for item in statements_of(node):
        match item:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)],
                value=ast.Name(id=argument),
            ):
                found[attribute] = argument
    return found


def _returned_fields(scope: _Scope) -> Fields | None:
    """Return the fields of every mapping that a function returns."""
    values = returned_values(scope.node)
    found = [_fields_of(value, scope, 0) for value in values]
    known = [fields for fields in found if fields is not None]
    if not values or len(known) != len(found):
        return None
    return frozenset().union(*known)


def _fields_of(value: ast.expr, scope: _Scope, depth: int) -> Fields | None:
    """Return the fields of a mapping that an expression makes."""
    if depth > 5:  # noqa: PLR2004  names of names
        return None
    match value:
        case ast.Dict():
            return _join(
                _fields_of(item, scope, depth + 1) if key is None else _constant(key)
                for key, item in zip(value.keys, value.values, strict=True)
            )
        case ast.Name():
            return _fields_of_name(value.id, scope, depth)
        case ast.BinOp(op=ast.BitOr()):
            return _join(_fields_of(one, scope, depth + 1) for one in (value.left, value.right))
        case ast.IfExp():
            return _join(_fields_of(one, scope, depth + 1) for one in (value.body, value.orelse))
        case ast.Call(func=ast.Name(id="dict"), args=args, keywords=keywords) if len(args) <= 1:
            parts = [_fields_of(one, scope, depth + 1) for one in args]
            named = [frozenset((one.arg,)) if one.arg else None for one in keywords]
            return _join([*parts, *named])
        case ast.Call(func=ast.Attribute(value=inner, attr="copy"), args=[]):
            return _fields_of(inner, scope, depth + 1)
        case ast.DictComp(
            generators=[
                ast.comprehension(iter=ast.Call(func=ast.Attribute(value=inner, attr="items")))
            ]
        ):
            return _fields_of(inner, scope, depth + 1) if _keeps_keys(value) else None
    return None


def _keeps_keys(node: ast.DictComp) -> bool:
    """Return whether ``{key: … for key, value in x.items()}`` has no keys of its own."""
    target = node.generators[0].target
    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
    return (
        isinstance(node.key, ast.Name) and isinstance(first, ast.Name) and node.key.id == first.id
    )


def _join(parts: Iterable[Fields | None]) -> Fields | None:
    found: set[str] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found)


def _constant(key: ast.expr) -> Fields | None:
    text = key.value if isinstance(key, ast.Constant) else None
    return frozenset((text,)) if isinstance(text, str) else None


def _fields_of_name(name: str, scope: _Scope, depth: int) -> Fields | None:
    """Return the fields that a variable may have: of all that is assigned to it and put into it."""
    parts: list[Fields | None] = [scope.given] if name == scope.sample else []
    plain = set[int]()
    for item in statements_of(scope.node):
        match item:
            case ast.Assign(targets=[ast.Name(id=bound) as target], value=value) if bound == name:
                plain.add(id(target))
                parts.append(_fields_of(value, scope, depth + 1))
            case ast.AnnAssign(target=ast.Name(id=bound) as target, value=value) if bound == name:
                plain.add(id(target))
                parts += [_fields_of(value, scope, depth + 1)] if value else []
            case ast.AugAssign(target=ast.Name(id=bound) as target, value=value) if bound == name:
                plain.add(id(target))
                parts.append(_fields_of(value, scope, depth + 1))
            case ast.Subscript(value=ast.Name(id=bound), ctx=ast.Store()) if bound == name:
                parts.append(_constant(item.slice))
            case ast.Call():
                parts += _fields_by_call(item, name, scope, depth)
            case ast.Name(id=bound, ctx=ast.Store()) if bound == name and id(item) not in plain:
                parts.append(None)
    return _join(parts) if parts else None


def _fields_by_call(call: ast.Call, name: str, scope: _Scope, depth: int) -> list[Fields | None]:
    """Return what a call may put into a variable: None where it may be anything."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=bound), attr="update") if bound == name:
            named = [frozenset((one.arg,)) if one.arg else None for one in call.keywords]
            return [*(_fields_of(one, scope, depth + 1) for one in call.args), *named]
        case ast.Attribute(value=ast.Name(id=bound), attr="setdefault") if bound == name:
            return [_constant(call.args[0])] if call.args else [None]
        case ast.Attribute(value=ast.Name(id=bound), attr=attr) if bound == name:
            return [] if attr in _READING else [None]
    given = [*call.args, *(one.value for one in call.keywords)]
    passed = any(isinstance(one, ast.Name) and one.id == name for one in given)
    known = isinstance(call.func, ast.Name) and call.func.id in _HARMLESS_CALLS
    return [None] if passed and not known else []
