"""What a function certainly reads of mappings and lists that a config gives it.

Statements are followed in order, into the branches that known values choose, through loops that
certainly have a round and into functions of the recipe.  What is not known ends the search, or
decides nothing; a mapping that other code gets may be changed there, and nothing is known from then
on.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import FunctionBody, full_name_in, function_body
from espnet3_compiler.checks.refusals.constant_values import UnknownValueError, constant_value
from espnet3_compiler.signature.flow import all_nodes, all_statements, dotted_name, own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax import tree
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_schemas import TARGET

_DEEPEST = 4
_COPIES = ("dict", "list")
_HARMLESS = (*_COPIES, "len", "isinstance", "sorted", "print", "str", "set", "tuple", "repr")
_READING = ("get", "items", "keys", "values", "copy")
_OPENING = ("open", "no_grad", "inference_mode", "catch_warnings", "TemporaryDirectory")
"""Context managers that let an exception pass."""
_LATER = (ast.Yield, ast.YieldFrom, ast.Await)
_APART = (
    *(ast.BoolOp, ast.Lambda, ast.IfExp, ast.NamedExpr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_TYPES = {
    **dict.fromkeys(("dict", "Mapping", "MutableMapping"), tree.Mapping),
    **dict.fromkeys(("list", "tuple", "Sequence"), tree.Sequence),
    **dict.fromkeys(("str", "int", "float", "bool"), tree.Scalar),
}

Known = dict[str, tree.Node]
"""The values of variables."""


class MissingKey(Struct, frozen=True):
    """A key that code reads of a mapping that does not have it."""

    key: str
    node: tree.Mapping
    body: FunctionBody
    place: ast.expr


class _UnknownError(Exception):
    """Nothing more is known of the code."""


def missing_key(
    library: Library,
    body: FunctionBody,
    given: Mapping[str, tree.Node],
    numbers: Mapping[str, int],
) -> MissingKey | None:
    """Return the first key that a function certainly reads of a mapping without it.

    Args:
        library: Reads the recipe's functions.
        body: The function.
        given: Its arguments that a config writes out.
        numbers: Those that are whole numbers, by the config or by default.
    """
    stored = _stored_names(body.node)
    counts = {name: number for name, number in numbers.items() if name not in stored}
    return _FollowedCall(library, body, dict(given), _DEEPEST, counts).run()


class _FollowedCall:
    """A call of a function."""

    def __init__(
        self,
        library: Library,
        body: FunctionBody,
        known: Known,
        depth: int,
        numbers: Mapping[str, int],
    ) -> None:
        self.library, self.body, self.known, self.depth = library, body, known, depth
        self.numbers = numbers
        self.kept = False  # whether an attribute holds something of what is known

    def run(self) -> MissingKey | None:
        """Return the first key that is missed."""
        if any(isinstance(one, _LATER) for one in own_nodes(self.body.node)):
            return None
        try:
            return next(self._block(self.body.node.body), None)
        except _UnknownError:
            return None

    def _block(self, statements: Sequence[ast.stmt]) -> Iterator[MissingKey]:
        """Yield what statements miss; an exception where they may end."""
        for one in statements:
            match one:
                case ast.Assign(targets=[target], value=value):
                    yield from self._reads(value)
                    self._assign(target, value)
                case ast.For(orelse=[]):
                    yield from self._loop(one)
                case ast.If():
                    yield from self._branch(one)
                case ast.With():
                    yield from self._context(one)
                case ast.Expr(value=value) | ast.Return(value=ast.expr() as value):
                    yield from self._reads(value)
                case _:
                    self._stop(one)
            if isinstance(one, _ENDS):
                raise _UnknownError

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        """Note what a variable is; what an attribute holds its methods may change."""
        found = self._value(value)
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        for part in parts:
            match part:
                case ast.Name(id=name):
                    self._bind(name, found if part is target else None)
                case ast.Attribute(value=ast.Name()):
                    self.kept = self.kept or bool(_names(value) & self.known.keys())
                case _:
                    raise _UnknownError

    def _context(self, one: ast.With) -> Iterator[MissingKey]:
        calls = [item.context_expr for item in one.items]
        names = [dotted_name(call.func) or "" for call in calls if isinstance(call, ast.Call)]
        if len(names) < len(calls) or not all(name.split(".")[-1] in _OPENING for name in names):
            self._stop(one)
            return
        for call in calls:
            yield from self._reads(call)
        for name in _stored_names(one):
            self._bind(name, None)
        yield from self._block(one.body)

    def _branch(self, one: ast.If) -> Iterator[MissingKey]:
        yield from self._reads(one.test)
        chosen = self._truth(one.test)
        if chosen is None:
            self._stop(one)
        else:
            yield from self._block(one.body if chosen else one.orelse)

    def _loop(self, one: ast.For) -> Iterator[MissingKey]:
        """Yield what the rounds of a loop miss; of one that counts what the first does."""
        yield from self._reads(one.iter)
        items = [()] if self._counts(one.iter) else self._items(one.iter)
        if items is None:
            self._stop(one)
            return
        stored = _stored_names(one)
        for item in items:
            for name in stored:
                self._bind(name, None)
            if item:
                self._bind_target(one.target, item)
            yield from self._block(one.body)
        for name in stored:
            self._bind(name, None)

    def _counts(self, iterated: ast.expr) -> bool:
        """Return whether a loop is over a range of numbers that certainly is not empty."""
        match iterated:
            case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]):
                try:
                    return bool(range(*(constant_value(one, self.numbers) for one in args)))
                except (UnknownValueError, TypeError, ValueError):
                    return False
        return False

    def _stop(self, statement: ast.stmt) -> tuple[()]:
        """Pass over a statement that is not followed, unless it may end or change what is known."""
        inner = list(all_statements(statement))
        names = {name for item in inner for name in _names(item)}
        if any(isinstance(one, _ENDS) for one in inner) or names & self.known.keys():
            raise _UnknownError
        return ()

    def _bind(self, name: str, value: tree.Node | None) -> None:
        self.known.pop(name, None)
        if value is not None:
            self.known[name] = value

    def _bind_target(self, target: ast.expr, item: tuple[tree.Node, ...]) -> None:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        if len(names) != len(item) or not all(isinstance(one, ast.Name) for one in names):
            raise _UnknownError
        for name, value in zip(names, item, strict=True):
            assert isinstance(name, ast.Name)
            self._bind(name.id, value)

    def _reads(self, expression: ast.expr) -> Iterator[MissingKey]:
        """Yield the keys that an expression certainly misses, the innermost first."""
        if isinstance(expression, _APART):
            yield from self._reads_apart(expression)
            return
        for child in ast.iter_child_nodes(expression):
            inner = child.value if isinstance(child, ast.keyword) else child
            if isinstance(inner, ast.expr):
                yield from self._reads(inner)
        match expression:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                node = self._value(owner)
                if (
                    isinstance(node, tree.Mapping)
                    and has_certain_keys(node)
                    and not node.entry(name)
                ):
                    yield MissingKey(name, node, self.body, expression)
            case ast.Call():
                yield from self._call(expression)

    def _reads_apart(self, expression: ast.expr) -> Iterator[MissingKey]:
        """Yield what an expression misses of which not all is certain to run, or once."""
        match expression:
            case ast.ListComp(elt=made, generators=[one]) | ast.SetComp(elt=made, generators=[one]):
                yield from self._comprehension(one, made)
            case ast.DictComp(key=key, value=value, generators=[one]):
                yield from self._comprehension(one, key, value)
            case ast.BoolOp(values=[first, *others]):
                yield from self._reads(first)
                self._pass_over(others)
            case ast.Lambda() | ast.IfExp() | ast.NamedExpr() | ast.GeneratorExp() | ast.ListComp():
                self._pass_over([expression])
            case ast.SetComp() | ast.DictComp():
                self._pass_over([expression])

    def _pass_over(self, expressions: Sequence[ast.expr]) -> None:
        """Pass over expressions that may not run, unless they may change what is known."""
        nodes = [node for one in expressions for node in all_nodes(one)]
        calls = [one for one in nodes if isinstance(one, ast.Call) and not _is_harmless(one)]
        names = {name for call in calls for name in _names(call)}
        stored = [one for one in nodes if isinstance(one, ast.NamedExpr)]
        names |= {name for one in stored for name in _names(one.target)}
        if names & self.known.keys():
            raise _UnknownError

    def _comprehension(self, one: ast.comprehension, *made: ast.expr) -> Iterator[MissingKey]:
        yield from self._reads(one.iter)
        items = self._items(one.iter)
        if items is None or one.ifs:
            self._pass_over([*made, *one.ifs])
            return
        kept = dict(self.known)
        for item in items:
            self._bind_target(one.target, item)
            for expression in made:
                yield from self._reads(expression)
        self.known = kept

    def _call(self, call: ast.Call) -> Iterator[MissingKey]:
        """Follow a call into a function of the recipe; forget what other code may change."""
        if _is_harmless(call):
            return
        if isinstance(call.func, ast.Attribute) and self._value(call.func.value) is not None:
            raise _UnknownError
        if self.kept and "self" in _names(call):
            raise _UnknownError
        given = [*call.args, *(one.value for one in call.keywords)]
        passed = [self._value(one) for one in given if not isinstance(one, ast.Starred)]
        if not any(isinstance(one, tree.Mapping | tree.Sequence) for one in passed):
            return
        name = dotted_name(call.func) or ""
        body = function_body(self.library, full_name_in(self.library, self.body, name))
        known = _arguments(body, call, self) if body and self.depth else None
        if body is None or known is None:
            raise _UnknownError
        inner = _FollowedCall(self.library, body, known, self.depth - 1, {}).run()
        if inner:
            yield inner

    def value_of(self, expression: ast.expr) -> tree.Node | None:
        """Return what an expression is; None where that is not known."""
        return self._value(expression)

    def _value(self, expression: ast.expr) -> tree.Node | None:
        found: tree.Node | None = None
        match expression:
            case ast.Name(id=name):
                found = self.known.get(name)
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))):
                node = self._value(owner)
                found = node.get(key) if isinstance(node, tree.Mapping) else None
            case ast.Call(func=ast.Name(id=name), args=[one], keywords=[]) if name in _COPIES:
                found = self._value(one)
            case ast.Call(func=ast.Attribute(value=owner, attr="copy"), args=[], keywords=[]):
                found = self._value(owner)
        is_object = isinstance(found, tree.Mapping) and found.entry(TARGET) is not None
        return None if is_object else found

    def _items(self, expression: ast.expr) -> list[tuple[tree.Node, ...]] | None:
        """Return what a loop goes through; None where that is not known."""
        match expression:
            case ast.Call(
                func=ast.Attribute(value=owner, attr="items" | "values" as attr), args=[]
            ):
                node = self._value(owner)
                if isinstance(node, tree.Mapping) and has_certain_keys(node):
                    return [(one.key, one.value)[attr == "values" :] for one in node]
                return None
        node = self._value(expression)
        return [(one,) for one in node.items] if isinstance(node, tree.Sequence) else None

    def _truth(self, test: ast.expr) -> bool | None:
        """Return whether a condition holds; None where that is not known."""
        match test:
            case ast.Compare(left=one, ops=[op], comparators=[ast.Constant(value=None)]):
                known = isinstance(self._value(one), tree.Mapping | tree.Sequence)
                return isinstance(op, ast.IsNot) if known else None
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                truth = self._truth(inner)
                return None if truth is None else not truth
            case ast.Call(func=ast.Name(id="isinstance"), args=[one, kind]):
                node = self._value(one)
                wanted = _TYPES.get((dotted_name(kind) or "").split(".")[-1])
                scalar = isinstance(node, tree.Scalar) and wanted is tree.Scalar
                known = node is not None and not scalar
                return isinstance(node, wanted) if known and wanted else None
            case ast.Compare(left=ast.Constant(value=str(key)), ops=[op], comparators=[one]):
                node = self._value(one)
                if isinstance(node, tree.Mapping) and isinstance(op, ast.In | ast.NotIn):
                    has_key = node.entry(key) is not None
                    return has_key == isinstance(op, ast.In) if has_certain_keys(node) else None
        return None


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in all_nodes(node) if isinstance(one, ast.Name)}


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def _stored_names(statement: ast.stmt) -> list[str]:
    return [one.id for one in all_nodes(statement) if _is_stored(one)]


def _is_harmless(call: ast.Call) -> bool:
    """Return whether a call certainly changes nothing of what it gets."""
    name = dotted_name(call.func) or ""
    reading = isinstance(call.func, ast.Attribute) and call.func.attr in _READING
    return name in _HARMLESS or name.endswith(".dumps") or reading


def _arguments(body: FunctionBody, call: ast.Call, frame: _FollowedCall) -> Known | None:
    """Return the known arguments of a call; None where some are passed on as a whole."""
    args = body.node.args
    names = [one.arg for one in (*args.posonlyargs, *args.args)]
    whole = any(isinstance(one, ast.Starred) for one in call.args)
    if whole or len(call.args) > len(names) or any(one.arg is None for one in call.keywords):
        return None
    pairs = [*zip(names, call.args, strict=False), *((one.arg, one.value) for one in call.keywords)]
    found = {name: frame.value_of(value) for name, value in pairs if name}
    return {name: value for name, value in found.items() if value is not None}
