"""The kinds of the fields of a variable, through all that a function does with it, in order.

What stands behind a condition or in a loop may be done or not: what it changes is then not known.
"""

import ast
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import Known, known_truth
from espnet3_compiler.checks.data.sample_fields import is_name, nodes_read_by
from espnet3_compiler.checks.item_kinds.kinds import (
    UNKNOWN,
    FieldKind,
    ItemKinds,
    Maker,
    common_kinds,
)
from espnet3_compiler.signature.flow import all_nodes, child_nodes, literal_text

Evaluate = Callable[[ast.expr, Maker], ItemKinds | None]
KindOf = Callable[[ast.expr, Maker], FieldKind]

_PLAIN = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Delete, ast.Return)
_READING = ("get", "items", "keys", "values", "copy")


class Rules(Struct, frozen=True):
    """How expressions are understood.

    Attributes:
        item: What mapping an expression is.
        field: What a value is.
    """

    item: Evaluate
    field: KindOf


class _Step(Struct, frozen=True):
    """A statement that may change a variable, and whether it is certainly run, once."""

    node: ast.AST
    certain: bool


def variable_kinds(name: str, maker: Maker, rules: Rules) -> ItemKinds | None:
    """Return the fields of a variable at the end of a function; None where that is not known.

    Args:
        name: The variable.
        maker: The function.
        rules: How expressions in it are understood.
    """
    node = maker.body.node
    uses = {id(one) for one in all_nodes(node) if is_name(one, name)}
    understood: set[int] = set()
    kinds = maker.given if name == maker.sample else None
    arguments = [one.arg for one in all_nodes(node.args) if isinstance(one, ast.arg)]
    if name in arguments and name != maker.sample:
        return None
    for step in _steps(node.body, maker.known, certain=True):
        here = replace(maker, bound={**maker.bound, name: kinds})
        seen, changed = _after(step, name, kinds, here, rules)
        understood.update(map(id, seen))
        kinds = changed
    return kinds if uses <= understood else None


def _steps(body: list[ast.stmt], known: Known, *, certain: bool) -> Iterator[_Step]:
    """Yield the nodes of statements in their order."""
    for statement in body:
        chosen = _chosen_body(statement, known)
        if chosen is not None:
            yield from _nodes_below(statement.test, certain=certain)  # type: ignore[attr-defined]
            yield from _steps(chosen, known, certain=certain)
            continue
        yield from _nodes_below(statement, certain=certain and isinstance(statement, _PLAIN))


def _chosen_body(statement: ast.stmt, known: Known) -> list[ast.stmt] | None:
    """Return what runs of an ``if`` of which the test is known."""
    if isinstance(statement, ast.If):
        truth = known_truth(statement.test, known)
        return None if truth is None else statement.body if truth else statement.orelse
    return None


def _nodes_below(node: ast.AST, *, certain: bool) -> Iterator[_Step]:
    """Yield a node and those below it, each before its own."""
    yield _Step(node, certain)
    for one in child_nodes(node):
        yield from _nodes_below(one, certain=certain)


def _after(
    step: _Step, name: str, kinds: ItemKinds | None, maker: Maker, rules: Rules
) -> tuple[Sequence[ast.AST], ItemKinds | None]:
    """Return the uses that a node has of a variable, and what the variable is after it.

    Args:
        step: The node.
        name: The variable.
        kinds: What it is before.
        maker: The function, with that.
        rules: How expressions in it are understood.
    """
    item = step.node
    match item:
        case (
            ast.Assign(targets=[target], value=ast.expr() as value)
            | ast.AnnAssign(target=target, value=ast.expr() as value)
        ) if is_name(target, name):
            found = rules.item(value, maker)
            passed = value.args if found is not None and isinstance(value, ast.Call) else []
            if not step.certain and kinds is not None:
                found = common_kinds([kinds, found])
            return [target, *passed, *nodes_read_by(value)], found
        case ast.Assign(targets=[ast.Subscript(value=owner, slice=key)], value=value) if is_name(
            owner, name
        ):
            kind = rules.field(value, maker)
            return [owner], _with_key(kinds, literal_text(key), kind, certain=step.certain)
        case ast.Return(value=ast.Call(args=args)):
            return args, kinds  # whatever the call makes of it, the function ends here
        case ast.Delete(targets=[ast.Subscript(value=owner, slice=key)]) if is_name(owner, name):
            return [owner], _without_key(kinds, literal_text(key))
        case ast.Call(func=ast.Attribute(value=owner, attr=method), args=args) if is_name(
            owner, name
        ):
            if method in _READING:
                return [owner], kinds
            if method == "pop" and args:
                return [owner], _without_key(kinds, literal_text(args[0]))
            return [owner], kinds.doubtful() if kinds and method == "update" else None
        case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()) if is_name(owner, name):
            return [], kinds  # by what is above it, else it is not understood
    return nodes_read_by(item), kinds


def _with_key(
    kinds: ItemKinds | None, key: str | None, kind: FieldKind, *, certain: bool
) -> ItemKinds | None:
    """Return an item after ``item[key] = value``.

    Args:
        kinds: The item before.
        key: The key; None where it is computed.
        kind: What the value is.
        certain: Whether that is certainly done.
    """
    if kinds is None or key is None:
        return kinds.doubtful() if kinds else None
    if certain:
        return kinds.with_field(key, kind)
    same = kinds.named(key).name == kind.name != UNKNOWN
    kept = kinds if same or key not in kinds.fields else kinds.with_field(key, FieldKind(UNKNOWN))
    return replace(kept, closed=kinds.closed and key in kinds.fields)


def _without_key(kinds: ItemKinds | None, key: str | None) -> ItemKinds | None:
    if kinds is None or key is None:
        return None
    return replace(kinds.without(key), closed=False)
