"""What functions of Python give: lists, numbers, mappings."""

from collections.abc import Callable, Mapping, Sequence

from espnet3_compiler.checks.shapes.made.arrays import NUMBER, code_of
from espnet3_compiler.checks.shapes.values import (
    CallArguments,
    Constant,
    Group,
    Item,
    Layer,
    Tensor,
    Value,
)

_MOST_ITEMS = 64
_COUNTING = ("float", "int", "len", "bool")


def call_builtin(name: str, arguments: CallArguments) -> Value:
    """Return what a function of Python gives that makes or goes through a list."""
    given = [one.value for one in arguments.positional]
    if name == "ord" and given:
        return code_of(arguments.positional[0])
    if name == "int" and len(given) == 1 and isinstance(given[0], Tensor):
        return given[0]
    if name in _COUNTING and not all(isinstance(one, Constant | Group) for one in given):
        return NUMBER
    if name == "dict" and arguments.complete and len(given) < len("ab"):
        before = Item(closed=True).updated(given[0] if given else Item(closed=True))
        return before.updated(Item(arguments.named, closed=True))
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


def constant_mapping(rows: Value) -> Value:
    """Return the mapping that pairs of constants make; None where one of them is not known."""
    found = {}
    for row in rows.items if isinstance(rows, Group) else ():
        match row:
            case Group(items=(Constant(value=str() | int() as key), Constant(value=value))):
                found[key] = value
            case Constant(value=(str() | int() as key, value)):
                found[key] = value
            case _:
                return None
    return Constant(found) if found else None


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
    if isinstance(value, Constant) and isinstance(value.value, list | tuple | str):
        items: Sequence[Value] = [Constant(one, value.places) for one in value.value]
    elif isinstance(value, Group):
        items = value.items
    else:
        return None
    return items if len(items) <= _MOST_ITEMS else None
