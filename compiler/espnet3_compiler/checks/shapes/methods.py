"""What methods of tensors and of items give, and arrays that are stored and read again."""

import ast
from collections.abc import Sequence

from msgspec.structs import replace

from espnet3_compiler.checks.shapes.frames import FollowedFunction
from espnet3_compiler.checks.shapes.meanings.axes import rank_of
from espnet3_compiler.checks.shapes.meanings.functions import apply_meant
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    CallArguments,
    Constant,
    Group,
    Item,
    Layer,
    Repeated,
    Tensor,
    Value,
    either,
    mark_changed,
)


def register_buffer(arguments: CallArguments, frame: FollowedFunction) -> None:
    """Set the attribute that a buffer becomes."""
    name = arguments.positional[0].value if len(arguments.positional) > 1 else None
    if isinstance(name, Constant) and isinstance(name.value, str):
        value = arguments.positional[1].value
        frame.names[f"self.{name.value}"] = value if isinstance(value, Tensor) else None


def item_method(owner: Item, name: str, arguments: CallArguments, frame: FollowedFunction) -> Value:
    """Return what a method of a mapping gives, after what it changes.

    Args:
        owner: The mapping.
        name: The method.
        arguments: What it is called with.
        frame: The function in which it is called.
    """
    first = arguments.positional[0] if arguments.positional else None
    key = first.value.value if first and isinstance(first.value, Constant) else None
    known = key if isinstance(key, str) else None
    if name == "copy":
        return Item(owner.fields, closed=owner.closed)
    if name == "update":
        given = first.value if first else Item(closed=True)
        more = Item(arguments.named, closed=True) if arguments.complete else None
        frame.replace(owner, owner.updated(given).updated(more))
    elif name == "pop":
        frame.replace(owner, owner.without(known))
    elif name not in ("get", "items", "keys", "values"):
        frame.replace(owner, None)
    return owner.value_of(known) if name in ("get", "pop") else None


def tensor_method(
    owner: Tensor, name: str, arguments: CallArguments, frame: FollowedFunction
) -> Value:
    """Return what a method of a tensor gives, after what it changes.

    Args:
        owner: The tensor.
        name: The method.
        arguments: What it is called with.
        frame: The function in which it is called.
    """
    if name in ("dim", "ndimension"):
        return rank_number(owner)
    return apply_named(
        name, [owner, *(one.value for one in arguments.positional)], arguments, frame
    )


def apply_named(
    name: str, given: Sequence[Value], arguments: CallArguments, frame: FollowedFunction
) -> Value:
    """Return what a function of ``torch`` or a method of a tensor gives, after what it changes.

    Args:
        name: The function or method, without its module.
        given: Its arguments without a name; the first one is the tensor.
        arguments: All that stands in the call.
        frame: The function in which it is called.
    """
    named = {key: one.value for key, one in arguments.named.items()}
    found = apply_meant(name, given, named) if arguments.complete else None
    itself = name.endswith("_") or "inplace" in named
    changed = given[0] if itself and given else named.get("out")
    if changed is not None:
        frame.replace(changed, found)
    return found


def field_name(key: Value) -> str | None:
    """Return the name of a field by which a mapping is looked up; None where it is not known."""
    name = key.value if isinstance(key, Constant) else None
    return name if isinstance(name, str) else None


def rank_number(owner: Tensor) -> Constant | None:
    """Return how many dimensions a tensor has, as a number."""
    rank = rank_of(owner)
    return Constant(rank) if rank is not None else None


def store_item(owner: Value, key: Value, given: CallArgument, frame: FollowedFunction) -> None:
    """Follow ``owner[key] = value``.

    Args:
        owner: What is changed.
        key: The name of a field, or the place in a list.
        given: The value.
        frame: The function in which it stands.
    """
    mark_changed([owner] if isinstance(owner, Layer) else [])
    number = key.value if isinstance(key, Constant) else None
    place = number if type(number) is int and number >= 0 else None
    if isinstance(owner, Item):
        frame.replace(owner, owner.with_field(field_name(key), given))
    elif isinstance(owner, Group) and place is not None and place < len(owner.items):
        items = [*owner.items]
        items[place] = given.value
        frame.replace(owner, Group(tuple(items)))
    elif isinstance(owner, Group | Constant | Repeated):
        frame.replace(owner, None)
    elif isinstance(owner, Tensor):
        meaning = replace(owner.meaning, numbers="", normal=None)
        frame.replace(owner, Tensor(owner.shapes, meaning=meaning))


def stored_array(
    name: str, call: ast.Call, arguments: CallArguments, frame: FollowedFunction
) -> Value:
    """Note an array that is saved, or return one of those that are saved under the same name.

    Args:
        name: ``save`` or ``load``.
        call: The call.
        arguments: What it is given.
        frame: The function in which it stands.
    """
    if not call.args or not frame.run.data:
        return None
    key, saved = _file_name(call.args[0]), frame.run.saved
    if name == "save" and len(arguments.positional) > 1 and key:
        saved.append((key, arguments.positional[1].value))
    found = [value for one, value in saved if one == key]
    return either(found) if name == "load" and found else None


def _file_name(path: ast.expr) -> str:
    """Return the last part of a path that ends in ``.npy``, as it is written."""
    last = path.right if isinstance(path, ast.BinOp) and isinstance(path.op, ast.Div) else path
    text = ast.unparse(last)
    return text if text.strip("\"'").endswith(".npy") else ""
