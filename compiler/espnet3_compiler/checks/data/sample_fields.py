"""The fields of an item, read from the code that makes it without running it.

What is returned may have more fields than an item, never fewer: a field that is not among them is
certainly not there. Where the code says it in another way, nothing is known.
"""

import ast
from collections.abc import Container, Iterable

from msgspec import Struct, structs

from espnet3_compiler.checks.data.attributes import Known, chosen_branch, known_settings
from espnet3_compiler.checks.data.bodies import (
    function_body,
    method_body,
    placed_method,
    returned_values,
)
from espnet3_compiler.checks.data.parts import looped_parts, part_of
from espnet3_compiler.checks.targets.datasets import DatasetEntry
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, literal_text, own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, is_null
from espnet3_schemas import TARGET

Fields = frozenset[str]

SAME_FIELDS = {"espnet3_runtime.data.preprocess.TextToTokens": "text"}
"""Preprocessors that replace a field by itself, and the ``field`` that they take unasked."""

INDEXING = {
    "espnet3_runtime.data.preprocess.LabelToIndex": "label",
    "espnet3_runtime.data.preprocess.TextToSymbols": "phones",
}
"""Those that replace a field by another one, ``to``, and the ``field`` that they take unasked."""

FRAMES = "espnet3_runtime.data.preprocess.FrameLabels"
"""The one that adds a field, ``field``."""

_DEPTH = 5  # of names of names, and of objects in objects
_READING = ("copy", "get", "items", "keys", "pop", "values")
_HARMLESS_CALLS = ("dict", "len", "print", "sorted", "list", "isinstance", "set", "tuple")


class _Owner(Struct, frozen=True):
    """The object of which a function is a method.

    Attributes:
        library: Reads modules.
        path: The dotted path of its class.
        position: The index of the method's class in the resolution order of that.
        known: What attributes are known to be, by the names ``self.NAME``.
        depth: How many objects hold this one.
    """

    library: Library
    path: str
    position: int
    known: Known
    depth: int = 0


class _Scope(Struct, frozen=True):
    """A function, and what is known in it.

    Attributes:
        node: The function.
        sample: Its parameter that is the sample.
        given: The fields of that.
        owner: The object of which it is a method, where that is known.
        asked: The variables whose fields this is asked for.
    """

    node: FunctionNode
    sample: str = ""
    given: Fields = frozenset()
    owner: _Owner | None = None
    asked: frozenset[str] = frozenset()


def item_fields(data: DatasetEntry) -> Fields | None:
    """Return the fields of an item of a ``Dataset``, before any transform."""
    known = known_settings(data)
    key = ("fields", data.module, tuple(known.items()))
    if key not in data.library.memo:
        owner = _Owner(data.library, f"{data.module}.Dataset", -1, known)
        data.library.memo[key] = _fields_by_own_method(owner, "__getitem__")
    fields: Fields | None = data.library.memo[key]
    return fields


def _fields_by_own_method(
    owner: _Owner, method: str, sample: str | None = "", given: Fields = frozenset()
) -> Fields | None:
    """Return the fields of what a method returns, of the class behind that of the caller.

    Args:
        owner: The object, as its caller sees it.
        method: The method.
        sample: Its parameter that is the sample; None to find that.
        given: The fields of that.
    """
    placed = placed_method(owner.library, owner.path, method, owner.position)
    if placed is None:
        return None
    node = placed.body.node
    name = sample_parameter(node) if sample is None else sample
    here = structs.replace(owner, position=placed.position)
    return _returned_fields(_Scope(node, name, given, here))


def literal_fields(node: FunctionNode, value: ast.expr) -> Fields | None:
    """Return the keys of a mapping that an expression in a function makes; None where unknown.

    Args:
        node: The function.
        value: The expression.
    """
    return _fields_of(value, _Scope(node), 0)


def changed_fields(
    library: Library, node: Node | None, given: Fields, depth: int = 0
) -> Fields | None:
    """Return the fields of an item after a transform or preprocessor.

    Args:
        library: Reads the code of the recipe.
        node: The transform or preprocessor; null changes nothing.
        given: The fields before.
        depth: How many other preprocessors hold it.
    """
    if is_null(node):
        return given
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    path = target.value if isinstance(target, Scalar) else None
    if not isinstance(node, Mapping) or not isinstance(path, str) or depth > _DEPTH:
        return None
    if path in SAME_FIELDS:
        return given
    if path in INDEXING:
        return _indexed_fields(node, INDEXING[path], given)
    if path == FRAMES:
        return _labelled_fields(node, given)
    if method_body(library, path, "__call__"):
        owner = _Owner(library, path, -1, {}, depth)
        return _fields_by_own_method(owner, "__call__", None, given)
    body = function_body(library, path)
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
    if is_null(node) or path in (*SAME_FIELDS, *INDEXING, FRAMES):
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
    if depth > _DEPTH:
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
            known = chosen_branch(value, scope.owner.known) if scope.owner else None
            either = (known,) if known else (value.body, value.orelse)
            return _join(_fields_of(one, scope, depth + 1) for one in either)
        case ast.DictComp(
            generators=[
                ast.comprehension(iter=ast.Call(func=ast.Attribute(value=inner, attr="items")))
            ]
        ):
            return _fields_of(inner, scope, depth + 1) if _keeps_keys(value) else None
        case ast.Call():
            return _fields_of_call(value, scope, depth)
    return None


def _fields_of_call(value: ast.Call, scope: _Scope, depth: int) -> Fields | None:
    match value:
        case ast.Call(func=ast.Name(id="dict"), args=args, keywords=keywords) if len(args) <= 1:
            parts = [_fields_of(one, scope, depth + 1) for one in args]
            named = [frozenset((one.arg,)) if one.arg else None for one in keywords]
            return _join([*parts, *named])
        case ast.Call(func=ast.Attribute(value=inner, attr="copy"), args=[]):
            return _fields_of(inner, scope, depth + 1)
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[]), attr=method)
        ) if method == scope.node.name and scope.owner:
            given = _fields_of(value.args[-1], scope, depth + 1) if scope.sample else frozenset()
            sample = None if scope.sample else ""
            if given is None:
                return None
            return _fields_by_own_method(scope.owner, method, sample, given)
        case ast.Call(args=[sample]):
            return _fields_by_steps(value, sample, scope, depth)
    return None


def _steps_called(call: ast.Call, scope: _Scope) -> tuple[Mapping, ...]:
    """Return the objects of which one is called: ``self.step(item)``, or that of a loop."""
    owner = scope.owner
    if owner is None:
        return ()
    if isinstance(call.func, ast.Name):
        return looped_parts(owner.library, owner.path, scope.node, call.func.id) or ()
    part = part_of(owner.library, owner.path, call.func)
    return (part,) if part else ()


def _fields_by_steps(call: ast.Call, given: ast.expr, scope: _Scope, depth: int) -> Fields | None:
    """Return the fields of an item after the steps of a preprocessor; each may be left out.

    Args:
        call: The call of a step.
        given: What it is called with.
        scope: The function.
        depth: How many names were followed.
    """
    steps = _steps_called(call, scope)
    fields = _fields_of(given, scope, depth + 1) if steps else None
    for step in steps:
        if scope.owner is None or fields is None:
            return None
        changed = changed_fields(scope.owner.library, step, fields, scope.owner.depth + 1)
        fields = None if changed is None else fields | changed
    return fields


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
    if name in scope.asked:
        return frozenset()  # what it has by its other values
    scope = structs.replace(scope, asked=scope.asked | {name})
    parts: list[Fields | None] = [scope.given] if name == scope.sample else []
    arguments = [item.arg for item in all_nodes(scope.node.args) if isinstance(item, ast.arg)]
    if not parts and name in arguments:
        return None
    understood: list[ast.AST] = []
    for item in own_nodes(scope.node):
        understood += nodes_read_by(item)
        if isinstance(item, ast.Call) and _steps_called(item, scope):
            understood += item.args
        match item:
            case (
                ast.Assign(targets=[target], value=ast.expr() as value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.AugAssign(target=target, value=value)
            ) if is_name(target, name):
                understood.append(target)
                parts.append(_fields_of(value, scope, depth + 1))
            case ast.Subscript(value=value, ctx=ast.Store()) if is_name(value, name):
                parts.append(_constant(item.slice))
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if is_name(value, name):
                understood.append(value)
                parts += _fields_by_method(item, attr, scope, depth)
    uses = {id(item) for item in all_nodes(scope.node) if is_name(item, name)}
    return _join(parts) if parts and uses <= set(map(id, understood)) else None


def nodes_read_by(node: ast.AST) -> list[ast.expr]:
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


def is_name(node: ast.AST, name: str) -> bool:
    """Return whether a node is a variable of a given name."""
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
