"""Where a function that must give an item gives None instead, by what the item is.

Passes: ``if rate is None: return None``; ``except OSError: return None``; ``if index >= len(self):
return None``; what a setting of the object decides: none of these need ever happen.
Fails: ``if len(sample["speech"]) > 16_000: return None``; ``return row if row["n"] > 1 else None``;
``if sample["label"] in KNOWN: return sample`` at the end.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

from espnet3_compiler.signature.flow import (
    FunctionNode,
    all_nodes,
    all_statements,
    own_nodes,
    own_returns,
)

_LATER = (ast.Yield, ast.YieldFrom)
_ASKING = frozenset(
    (
        *("bool", "get", "isinstance", "hasattr", "callable"),
        *("exists", "isfile", "is_file", "isdir", "is_dir"),
    )
)
"""Functions that ask for what is there wherever a recipe works."""


@lru_cache(maxsize=1 << 12)  # several data sets have the same class
def lost_item(node: FunctionNode) -> ast.stmt | None:
    """Return the statement that gives None by what the item is, beside some that give an item.

    Args:
        node: A function that is called for each item.
    """
    given = [one for one in own_returns(node) if not _is_none(one.value)]
    if not given or isinstance(node, ast.AsyncFunctionDef):
        return None
    if any(isinstance(item, _LATER) for item in own_nodes(node)):
        return None
    end = ast.Return(value=None)
    found = next(_lost([*node.body, end], _names_of(node), decided=False), None)
    return node.body[-1] if found is end else found


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _lost(
    body: Sequence[ast.stmt], names: tuple[set[str], set[str]], *, decided: bool
) -> Iterator[ast.Return]:
    """Yield the statements that give None where only the item decides that they run.

    Args:
        body: Statements, in order.
        names: The arguments of the function, and what it reads of them.
        decided: Whether the item decides that they run; otherwise they always do.
    """
    for item in body:
        if isinstance(item, ast.Return):
            if (decided and _is_none(item.value)) or _gives_none(item.value, names):
                yield item
            return
        if isinstance(item, ast.If) and _decides(item.test, names):
            for part in (item.body, item.orelse):
                yield from _lost(part, names, decided=True)
            if isinstance(item.body[-1], ast.Return) and not item.orelse:
                decided = True
                continue
        elif isinstance(item, ast.With):
            yield from _lost(item.body, names, decided=decided)
        if any(isinstance(one, ast.Return) for one in all_statements(item)):
            return  # what comes behind it need never run


def _gives_none(value: ast.expr | None, names: tuple[set[str], set[str]]) -> bool:
    """Return whether an expression is None by what the item is, and otherwise something."""
    match value:
        case ast.IfExp(test=test, body=first, orelse=second):
            return _is_none(first) != _is_none(second) and _decides(test, names)
    return False


def _names_of(node: FunctionNode) -> tuple[set[str], set[str]]:
    """Return the arguments of a function, and the variables that it reads from them."""
    arguments = {one.arg for one in (*node.args.posonlyargs, *node.args.args)} - {"self"}
    names: tuple[set[str], set[str]] = arguments, set()
    assigned = (one for one in own_nodes(node) if isinstance(one, ast.Assign))
    for item in sorted(assigned, key=lambda one: one.lineno):
        if _reads(item.value, names):
            targets = (one for target in item.targets for one in all_nodes(target))
            names[1].update(one.id for one in targets if isinstance(one, ast.Name))
    return names


def _reads(value: ast.expr, names: tuple[set[str], set[str]]) -> bool:
    """Return whether an expression looks into an argument, or at what was read from one.

    An argument alone may be an index, which is in its limits wherever a recipe works.
    """
    arguments, read = names
    inside = [one for one in all_nodes(value) if isinstance(one, ast.Subscript | ast.Call)]
    return any(
        isinstance(one, ast.Name) and one.id in known
        for known, parts in ((read, [value]), (arguments, inside))
        for part in parts
        for one in all_nodes(part)
    )


def _decides(test: ast.expr, names: tuple[set[str], set[str]]) -> bool:
    """Return whether a condition is one of what an item is, not of whether it is there at all."""
    match test:
        case ast.BoolOp(values=values):
            return all(_decides(one, names) for one in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _decides(operand, names)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name not in _ASKING and _reads(test, names)
        case ast.Compare(left=left, comparators=others):
            plain = [one for one in (left, *others) if isinstance(one, ast.Name)]
            absent = any(map(_is_none, (left, *others))) or any(o.id in names[0] for o in plain)
            return not absent and _reads(test, names)
    return False
