"""The fields of an item, read from the code that makes it without running it.

What is returned may have more fields than an item, never fewer: a field that is not among them is
certainly not there. Where the code says it in another way, nothing is known.
"""

import ast
from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

from espnet3_compiler.checks.data.bodies import (
    default_values,
    function_body,
    method_body,
    returned_values,
)
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, literal_text, own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import is_written
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, is_null
from espnet3_schemas import TARGET

Fields = frozenset[str]

_SAME_FIELDS = {"espnet3_runtime.data.preprocess.TextToTokens": "text"}
"""Preprocessors that replace a field by itself, and the ``field`` that they take unasked."""

_INDEXING = {
    "espnet3_runtime.data.preprocess.LabelToIndex": "label",
    "espnet3_runtime.data.preprocess.TextToSymbols": "phones",
}
"""Those that replace a field by another one, ``to``, and the ``field`` that they take unasked."""

_FRAMES = "espnet3_runtime.data.preprocess.FrameLabels"
"""The one that adds a field, ``field``."""

_READING = ("copy", "get", "items", "keys", "pop", "values")
_PLAIN = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)
_GUARDS = (ast.IfExp, ast.Compare, ast.BoolOp, ast.Lambda, ast.comprehension)
_HARMLESS_CALLS = ("dict", "len", "print", "sorted", "list", "isinstance", "set", "tuple")


class _Scope(NamedTuple):
    """A function, and the fields of its parameter that is the sample."""

    node: FunctionNode
    sample: str = ""
    given: Fields = frozenset()


def item_fields(data: DatasetEntry) -> Fields | None:
    """Return the fields of an item of a ``Dataset``, before any transform."""
    body = method_body(data.library, f"{data.module}.Dataset", "__getitem__")
    return _returned_fields(_Scope(body.node)) if body else None


def literal_fields(node: FunctionNode, value: ast.expr) -> Fields | None:
    """Return the keys of a mapping that an expression in a function makes; None where unknown.

    Args:
        node: The function.
        value: The expression.
    """
    return _fields_of(value, _Scope(node), 0)


def changed_fields(library: Library, node: Node | None, given: Fields) -> Fields | None:
    """Return the fields of an item after a transform or preprocessor.

    Args:
        library: Reads the code of the recipe.
        node: The transform or preprocessor; null changes nothing.
        given: The fields before.
    """
    if is_null(node):
        return given
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    path = target.value if isinstance(target, Scalar) else None
    if not isinstance(node, Mapping) or not isinstance(path, str):
        return None
    if path in _SAME_FIELDS:
        return given
    if path in _INDEXING:
        return _indexed_fields(node, _INDEXING[path], given)
    if path == _FRAMES:
        return _labelled_fields(node, given)
    body = method_body(library, path, "__call__") or function_body(library, path)
    if body is None:
        return None
    bound = [entry.name for entry in node] if node.entry("_partial_") else []
    return _returned_fields(_Scope(body.node, sample_parameter(body.node, bound), given))


def keeps_field(library: Library, node: Node | None, field: str) -> bool:
    """Return whether a preprocessor certainly leaves a field as it is, as its code never names it.

    Args:
        library: Reads the code of the recipe.
        node: The preprocessor; null changes nothing.
        field: The field.
    """
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    path = target.value if isinstance(target, Scalar) else None
    if is_null(node) or path in (*_SAME_FIELDS, *_INDEXING, _FRAMES):
        return True
    if not isinstance(path, str):
        return False
    body = method_body(library, path, "__call__") or function_body(library, path)
    return body is not None and f'"{field}"' not in body.file.text.text


def _indexed_fields(node: Mapping, usual: str, given: Fields) -> Fields | None:
    """Return the fields of an item of which one was replaced by indices.

    Args:
        node: The preprocessor.
        usual: The field that it replaces where it names none.
        given: The fields before.
    """
    names = [node.get(key) for key in ("field", "to")]
    values = [one.value if isinstance(one, Scalar) else None for one in names]
    if any(one is not None and not isinstance(one, Scalar) for one in names):
        return None
    field = str(values[0] or usual)
    return given - {field} | {str(values[1] or field)}


def _labelled_fields(node: Mapping, given: Fields) -> Fields | None:
    """Return the fields of an item that got the labels of its frames."""
    name = node.get("field")
    if name is not None and not isinstance(name, Scalar):
        return None
    return given | {str(name.value) if name else "labels"}


def sample_parameter(node: FunctionNode, bound: Container[str] = ()) -> str:
    """Return the parameter that gets the sample: the second of two that are required.

    Args:
        node: The function or method.
        bound: The parameters that ``_partial_`` gives.
    """
    every = [item.arg for item in (*node.args.posonlyargs, *node.args.args)]
    optional = every[len(every) - len(node.args.defaults) :]
    names = [name for name in every if name != "self" and name not in bound]
    required = [name for name in names if name not in optional]
    return names[1] if len(required) == len(("utt_id", "sample")) else (names or [""])[0]


class LackingField(NamedTuple):
    """A field that a preprocessor needs and does not get.

    Attributes:
        name: The field.
        argument: The argument that names it.
        node: Its value; None where it is left at its default.
    """

    name: str
    argument: str
    node: Scalar | None


def lacking_fields(library: Library, node: Mapping, given: Fields) -> list[LackingField]:
    """Return the fields that arguments of a preprocessor name and that its items do not have.

    Args:
        library: Reads the code of the recipe.
        node: The preprocessor.
        given: The fields of the items that it changes.
    """
    found: list[LackingField] = []
    for argument, default in _field_arguments(library, node).items():
        value = node.get(argument)
        if value is None and default is not None:
            found.append(LackingField(default, argument, None))
        text = as_text(value)
        if text and is_written(text) and not is_unresolved(text):
            found.append(LackingField(str(text.value), argument, text))
    return [one for one in found if one.name not in given]


def _field_arguments(library: Library, node: Mapping) -> dict[str, str | None]:
    """Return the arguments of a preprocessor that name a field which it reads, with their defaults.

    One of which the default is no text, or that may be given in another way, comes with None.
    """
    open_ended = node.entry("_args_") or node.entry("_partial_")
    target = node.get(TARGET)
    path = str(target.value) if isinstance(target, Scalar) else ""
    if usual := {**_SAME_FIELDS, **_INDEXING}.get(path):
        return {"field": None if open_ended else usual}
    body, made = (method_body(library, path, name) for name in ("__call__", "__init__"))
    if not body or not made:
        return {}
    kept = _kept_arguments(made.node)
    read = _attributes_as_fields(body.node, sample_parameter(body.node))
    texts = {name: literal_text(value) for name, value in default_values(made)}
    names = [kept[one] for one in read if one in kept]
    return {one: None if open_ended else texts.get(one) for one in names}


def _attributes_as_fields(node: FunctionNode, sample: str) -> set[str]:
    """Return the attributes X of which a call reads ``sample[self.X]`` before anything else.

    What comes behind a condition, or after a change of the sample, may be right whatever it reads.
    """
    found: set[str] = set()
    for statement in node.body:
        items = list(all_nodes(statement))
        if not isinstance(statement, _PLAIN) or any(isinstance(item, _GUARDS) for item in items):
            break
        understood: list[ast.AST] = []
        for item in items:
            match item:
                case ast.Subscript(value=value, slice=key, ctx=ast.Load()) if _is_name(
                    value, sample
                ):
                    understood.append(value)
                    if isinstance(key, ast.Attribute) and _is_name(key.value, "self"):
                        found.add(key.attr)
                case ast.Subscript():
                    pass
                case ast.Assign(
                    targets=[target], value=ast.Call(func=ast.Name(id="dict"), args=[_])
                ):
                    understood.append(target)
                case _:
                    understood += _nodes_read_by(item)
        uses = {id(item) for item in items if _is_name(item, sample)}
        if not uses <= set(map(id, understood)):
            break
    return found


def _kept_arguments(node: FunctionNode) -> dict[str, str]:
    """Return the attributes that a constructor sets, once, to an argument that it leaves as it is.

    Each comes with the name of the argument.
    """
    every = [item for item in all_nodes(node) if isinstance(item, ast.Name | ast.Attribute)]
    bound = Counter(
        item.id if isinstance(item, ast.Name) else item.attr
        for item in every
        if isinstance(item.ctx, ast.Store)
    )
    found: dict[str, str] = {}
    for item in node.body:
        match item:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)],
                value=ast.Name(id=argument),
            ) if bound[attribute] + bound[argument] == 1 + (attribute == argument):
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
    text = literal_text(key)
    return None if text is None else frozenset((text,))


def _fields_of_name(name: str, scope: _Scope, depth: int) -> Fields | None:
    """Return the fields that a variable may have: of all that is assigned to it and put into it.

    Nothing is known where a use is not understood: another variable, a function inside the
    function or one that it calls can then put fields into it.
    """
    parts: list[Fields | None] = [scope.given] if name == scope.sample else []
    arguments = [item.arg for item in all_nodes(scope.node.args) if isinstance(item, ast.arg)]
    if not parts and name in arguments:
        return None
    understood: list[ast.AST] = []
    for item in own_nodes(scope.node):
        understood += _nodes_read_by(item)
        match item:
            case (
                ast.Assign(targets=[target], value=ast.expr() as value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.AugAssign(target=target, value=value)
            ) if _is_name(target, name):
                understood.append(target)
                parts.append(_fields_of(value, scope, depth + 1))
            case ast.Subscript(value=value, ctx=ast.Store()) if _is_name(value, name):
                parts.append(_constant(item.slice))
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if _is_name(value, name):
                understood.append(value)
                parts += _fields_by_method(item, attr, scope, depth)
    uses = {id(item) for item in all_nodes(scope.node) if _is_name(item, name)}
    return _join(parts) if parts and uses <= set(map(id, understood)) else None


def _nodes_read_by(node: ast.AST) -> list[ast.expr]:
    """Return the nodes that one around them reads, and keeps in no other variable."""
    match node:
        case ast.Subscript(value=value) | ast.For(iter=value) | ast.comprehension(iter=value):
            return [value]
        case ast.Return(value=ast.Tuple(elts=elts)):
            return elts
        case ast.Return(value=ast.expr() as value) | ast.keyword(arg=None, value=value):
            return [value]
        case ast.Call(func=ast.Name(id=function), args=args) if function in _HARMLESS_CALLS:
            return args
        case ast.Dict(keys=keys, values=values):
            return [one for key, one in zip(keys, values, strict=True) if key is None]
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return [left, right]
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
    return []


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _fields_by_method(
    call: ast.Call, method: str, scope: _Scope, depth: int
) -> list[Fields | None]:
    """Return what a method of a mapping puts into it: None where it may be anything.

    Args:
        call: The call.
        method: The name of the method.
        scope: The function that calls it.
        depth: How many names were followed.
    """
    if method == "update":
        named = [frozenset((one.arg,)) if one.arg else None for one in call.keywords]
        return [*(_fields_of(one, scope, depth + 1) for one in call.args), *named]
    if method == "setdefault":
        return [_constant(call.args[0])] if call.args else [None]
    return [] if method in _READING else [None]
