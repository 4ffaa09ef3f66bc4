"""The differences between what two recipes come to."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.comparison.contents import PlacedValue, RecipeContents, RecipePart
from espnet3_compiler.syntax.tree import Plain

Change = Literal["added", "removed", "changed"]
DIRECTORIES = ("exp_dir", "data_dir")
"""Settings that values begin with: a recipe of another name differs in them and nothing else."""


class RecipeDifference(Struct, frozen=True):
    """One difference.

    Attributes:
        change: ``added`` is only in the second recipe, ``removed`` only in the first.
        path: For example ``configs.training.optimizer.lr``, or ``stages.tune`` for all of a stage.
        left: The value in the first recipe, None without one; of a whole part the value is None.
        right: That in the second.
        also: Other parts that differ in the same, from the same places.
    """

    change: Change
    path: str
    left: PlacedValue | None
    right: PlacedValue | None
    also: tuple[str, ...] = ()


def recipe_differences(left: RecipeContents, right: RecipeContents) -> list[RecipeDifference]:
    """Return what differs between two recipes, in the order of the first, then of the second."""
    found = [*_setting_differences(left, right), *_order_difference(left, right)]
    merged: dict[tuple[object, ...], RecipeDifference] = {}
    for block, name, path, pair in _part_differences(left, right):
        difference = _difference(".".join(filter(None, (block, name, path))), *pair)
        values = repr(pair) if path else name
        key = block, path, difference.change, values
        known = merged.get(key)
        merged[key] = replace(known, also=(*known.also, name)) if known else difference
    return [*found, *merged.values()]


def _difference(path: str, left: PlacedValue | None, right: PlacedValue | None) -> RecipeDifference:
    change: Change = "added" if left is None else "removed" if right is None else "changed"
    return RecipeDifference(change, path, left, right)


def _setting_differences(left: RecipeContents, right: RecipeContents) -> Iterator[RecipeDifference]:
    """Yield settings that differ; the names of the files do not count, nor what follows."""
    for name, one in left.settings.items():
        other = right.settings[name]
        values = [_setting_value(name, side) for side in (left, right)]
        if one.value != other.value and values[0] != values[1]:
            yield _difference(name, one, other)


def _setting_value(name: str, side: RecipeContents) -> Plain:
    value = side.settings[name].value
    tag = str(side.settings["exp_tag"].value)
    if name == "exp_tag":
        return None if tag == side.tag_by_name else value
    if name != "exp_dir":
        return value
    return ["${exp_tag}" if part == tag else part for part in str(value).split("/")]


def _order_difference(left: RecipeContents, right: RecipeContents) -> Iterator[RecipeDifference]:
    """Yield that the stages of both have another order."""
    orders = [_stages_of_both(side, other) for side, other in ((left, right), (right, left))]
    if orders[0] != orders[1]:
        places = [
            side.parts["stages", order[0]].place
            for side, order in zip((left, right), orders, strict=True)
        ]
        values = [
            PlacedValue(list(order), place) for order, place in zip(orders, places, strict=True)
        ]
        yield _difference("order of stages", values[0], values[1])


def _stages_of_both(side: RecipeContents, other: RecipeContents) -> list[str]:
    return [
        name for block, name in side.parts if block == "stages" and (block, name) in other.parts
    ]


_Pair = tuple[PlacedValue | None, PlacedValue | None]


def _part_differences(
    left: RecipeContents, right: RecipeContents
) -> Iterator[tuple[str, str, str, _Pair]]:
    """Yield block, name, path and both values of everything that differs."""
    for block in ("stages", "models", "configs"):
        names = dict.fromkeys(name for where, name in (*left.parts, *right.parts) if where == block)
        for name in names:
            one, other = left.parts.get((block, name)), right.parts.get((block, name))
            if one is None or other is None:
                yield block, name, "", (_whole(one), _whole(other))
                continue
            for path in dict.fromkeys((*one.values, *other.values)):
                pair = one.values.get(path), other.values.get(path)
                equal = _neutral(pair[0], left) == _neutral(pair[1], right)
                if not (equal or _was_filled(path, pair, (one, other))):
                    yield block, name, path, pair


def _was_filled(path: str, pair: _Pair, parts: tuple[RecipePart, RecipePart]) -> bool:
    """Return whether an empty mapping or list has values in the other recipe: those are told."""
    values = [value.value for value in pair if value is not None]
    below = (f"{path}.", f"{path}[")
    return values in ([{}], [[]]) and any(
        name.startswith(below) for part in parts for name in part.values
    )


def _whole(part: RecipePart | None) -> PlacedValue | None:
    """Return a part as a value: what a stage runs, the target of a model, None for a config."""
    if part is None:
        return None
    first = next(
        (part.values[key] for key in ("run", "call", "_target_") if key in part.values), None
    )
    return PlacedValue(first.value if first else None, part.place)


def _neutral(value: PlacedValue | None, side: RecipeContents) -> tuple[type, Plain] | None:
    """Return what is compared of a value: its type, and texts without the recipe's directories."""
    if value is None:
        return None
    plain = value.value
    if isinstance(plain, str):
        for name in DIRECTORIES:
            root = str(side.settings[name].value)
            if plain == root or plain.startswith(f"{root}/"):
                return str, f"${{{name}}}{plain.removeprefix(root)}"
    return type(plain), plain
