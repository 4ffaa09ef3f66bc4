"""The lengths of the items of a split: from collect_stats, or from the data sets themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from espnet3_runtime.atomic import atomic_file
from espnet3_runtime.data.batching import Ints, Lengths
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.errors import UserError


@dataclass(frozen=True)
class Shapes:
    """The content of ``shapes.npz``.

    Attributes:
        keys: The :attr:`DatasetEntry.key` of every entry that was read.
        sizes: ``(len(keys),)`` items of each, int64.
        lengths: Field to ``(sum(sizes),)`` lengths along the first axis.
        widths: Field to elements per step.
    """

    keys: tuple[str, ...]
    sizes: Ints
    lengths: Mapping[str, Ints]
    widths: Mapping[str, int]


def write_shapes(path: Path, shapes: Shapes) -> None:
    """Write ``shapes.npz``: ``entries``, ``sizes``, and ``lengths/F`` and ``widths/F`` by field."""
    arrays = lengths_to_arrays(shapes.lengths, shapes.widths)
    arrays |= {"entries": np.array(shapes.keys, dtype=np.str_), "sizes": shapes.sizes}
    with atomic_file(path, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_shapes(path: Path) -> Shapes:
    """Read ``shapes.npz``.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            keys = tuple(str(key) for key in file["entries"])
            return Shapes(keys, file["sizes"], *lengths_from_arrays(file))
    except (OSError, ValueError, KeyError) as error:
        hint = "run the stage collect_stats again with --force"
        raise UserError(f'cannot read the shapes "{path}": {error}', hint=hint) from error


def lengths_to_arrays(lengths: Mapping[str, Ints], widths: Mapping[str, int]) -> dict[str, Any]:
    """Return the arrays ``lengths/F`` and ``widths/F`` of an ``.npz`` file for every field F."""
    arrays: dict[str, Any] = {f"lengths/{field}": value for field, value in lengths.items()}
    return arrays | {
        f"widths/{field}": np.array(widths[field], dtype=np.int64) for field in lengths
    }


def lengths_from_arrays(arrays: Mapping[str, Any]) -> tuple[dict[str, Ints], dict[str, int]]:
    """Return lengths and widths from the result of :func:`lengths_to_arrays`."""
    fields = [name.removeprefix("lengths/") for name in arrays if name.startswith("lengths/")]
    lengths = {field: arrays[f"lengths/{field}"] for field in fields}
    return lengths, {field: int(arrays[f"widths/{field}"]) for field in fields}


def find_all_lengths(
    dataset: SplitDataset, fields: str | Sequence[str], shapes: Shapes | None
) -> tuple[Lengths | None, str]:
    """Return the lengths of one field, or of several that count together, or None and the reason.

    Args:
        dataset: The split.
        fields: A field, or several; the first of them orders the items.
        shapes: The result of collect_stats; None without one.
    """
    found = []
    for field in [fields] if isinstance(fields, str) else fields:
        lengths, reason = find_lengths(dataset, field, shapes)
        if lengths is None:
            return None, reason
        found.append(lengths)
    return replace(found[0], others=tuple(found[1:])), ""


def find_lengths(
    dataset: SplitDataset, field: str, shapes: Shapes | None
) -> tuple[Lengths | None, str]:
    """Return the lengths of a field of a split, or None and the reason why they are not known.

    For entries that the shapes lack, the data set's method (or attribute) ``lengths()`` gives an
    array of one length per item, or a mapping from field to such an array.

    Args:
        dataset: The split.
        field: The field whose lengths are wanted.
        shapes: The result of collect_stats; None without one.
    """
    parts, width = [], 1
    for entry, member, size in zip(dataset.entries, dataset.members, dataset.sizes, strict=True):
        found = _from_shapes(shapes, entry.key, int(size), field) or _from_member(member, field)
        if found is None:
            return None, _unknown_reason(shapes, entry.where, entry.key, field)
        if len(found.steps) != size:
            raise UserError(
                f"the data set has {size} items and lengths() gives {len(found.steps)}",
                where=entry.where,
            )
        parts.append(found.steps)
        width = max(width, found.width)
    return Lengths(np.concatenate(parts), width), ""


def _from_shapes(shapes: Shapes | None, key: str, size: int, field: str) -> Lengths | None:
    if shapes is None or field not in shapes.lengths or key not in shapes.keys:
        return None
    index = shapes.keys.index(key)
    if shapes.sizes[index] != size:
        return None
    start = int(shapes.sizes[:index].sum())
    return Lengths(shapes.lengths[field][start : start + size], shapes.widths[field])


def _from_member(member: object, field: str) -> Lengths | None:
    lengths = getattr(member, "lengths", None)
    if callable(lengths):
        lengths = lengths()
    if isinstance(lengths, Mapping):
        lengths = lengths.get(field)
    return None if lengths is None else Lengths(np.asarray(lengths, dtype=np.int64))


def _unknown_reason(shapes: Shapes | None, where: str, key: str, field: str) -> str:
    if shapes is None:
        return "no collect_stats stage runs before, and the Dataset has no lengths()"
    if key not in shapes.keys:
        return f"collect_stats did not read {where}, and its Dataset has no lengths()"
    if field not in shapes.lengths:
        return f'there is no field "{field}" (fields: {", ".join(sorted(shapes.lengths))})'
    return f"{where} changed its number of items since collect_stats"
