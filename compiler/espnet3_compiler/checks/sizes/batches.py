"""The arrays of the items that a model is called with, of each data set of a config."""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.fields import split_entries
from espnet3_compiler.checks.shapes.made.arrays import array_of
from espnet3_compiler.checks.shapes.values import Item, Place, Tensor
from espnet3_compiler.checks.sizes.item_values import split_item
from espnet3_compiler.checks.targets.datasets import is_available
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.manifest.values import as_texts
from espnet3_compiler.syntax.tree import Mapping

_SPLITS = {"train": ("train", "valid"), "infer": ("test",)}


class FieldArray(Struct, frozen=True):
    """The value of a field of an item.

    Attributes:
        array: What it is.
        place: Where it is written.
    """

    array: Tensor
    place: Place | None


Batch = dict[str, FieldArray]
"""The fields of an item that a model is called with."""


def telling_batches(config: Mapping, kind: str, recipe: Recipe) -> list[Batch]:
    """Return the batches of which more is known than their fields, those that are alike once.

    Args:
        config: The config of the stage that calls the model.
        kind: ``train`` or ``infer``.
        recipe: The recipe.
    """
    batches = _batches(config, kind, recipe)
    telling = {_shown(one): one for one in batches if any(map(_tells, one.values()))}
    return list(telling.values())


def _batches(config: Mapping, kind: str, recipe: Recipe) -> Iterator[Batch]:
    """Yield the arrays of an item of each data set that a model is called with."""
    inputs = [str(one.value) for one in as_texts(config.get("input_key"))]
    for split in _SPLITS[kind]:
        for data in split_entries(recipe, config, split):
            item = split_item(recipe.library, config, split, data) if is_available(data) else Item()
            names = [name for name in item.fields if kind == "train" or name in inputs]
            arrays = {name: array_of(item.fields[name]) for name in names}
            yield {
                name: FieldArray(array, item.fields[name].place)
                for name, array in arrays.items()
                if array
            }


def _shown(batch: Batch) -> str:
    """Return what tells the arrays of a batch from those of others."""
    rows = [
        (name, [[size and size.value for size in shape] for shape in one.array.shapes])
        for name, one in batch.items()
    ]
    numbers = [one.array.numbering and one.array.numbering.highest for one in batch.values()]
    return repr((rows, numbers))


def _tells(field: FieldArray) -> bool:
    """Return whether more is known of a field than how many dimensions it has."""
    array = field.array
    return bool(array.numbering or array.channels or any(map(any, array.shapes)))
