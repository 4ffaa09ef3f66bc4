"""Reads the texts of a split, without its audio where the data set offers them."""

from collections.abc import Iterator
from typing import Any

from espnet3_runtime.config import to_plain
from espnet3_runtime.data.split_dataset import SplitDataset
from espnet3_runtime.errors import UserError, no_early_end


def read_texts(dataset: SplitDataset, field: str) -> Iterator[str]:
    """Yield the text of every item of a split.

    A ``Dataset`` with ``texts()`` (for the field ``text``) or ``column(field)`` gives the texts at
    once; otherwise its items are read one by one with their audio.  So are those of an entry with
    a ``transform``, which may change the text.

    Raises:
        UserError: A sample has no such field, or it is not a string.
    """
    for index, member in enumerate(dataset.members):
        column = None if dataset.transforms[index] else _text_column(member, field)
        if column is None:
            yield from _item_texts(dataset, index, field)
        else:
            where, count, size = dataset.entries[index].where, 0, dataset.sizes[index]
            for count, value in enumerate(column, start=1):  # noqa: B007 - its last value
                yield _require_text(value, field, where)
            if count != size:
                problem = f"the data set has {size} items, and gives {count} texts"
                raise UserError(problem, where=where)


def gives_texts(dataset: SplitDataset, field: str) -> bool:
    """Return whether the texts of a field are read without the audio beside them."""
    methods = ("texts", "column") if field == "text" else ("column",)
    return all(
        transform is None and any(callable(getattr(member, name, None)) for name in methods)
        for member, transform in zip(dataset.members, dataset.transforms, strict=True)
    )


def _text_column(member: Any, field: str) -> Any | None:
    if field == "text" and callable(getattr(member, "texts", None)):
        return member.texts()
    if callable(getattr(member, "column", None)):
        try:
            return member.column(field)
        except KeyError as error:
            raise UserError(f'column("{field}") of the Dataset fails: {error!r}') from error
    return None


def _item_texts(dataset: SplitDataset, member: int, field: str) -> Iterator[str]:
    start = int(dataset.sizes[:member].sum())
    transform = dataset.transforms[member]
    where = dataset.entries[member].where
    for index in range(start, start + int(dataset.sizes[member])):
        utt_id, sample = dataset.raw_sample(index)
        with no_early_end(f"the transform of {utt_id}"):
            changed = sample if transform is None else transform(sample)
        if field not in changed:
            fields = ", ".join(sorted(to_plain(changed)))
            raise UserError(f'a sample has no field "{field}" (fields: {fields})', where=where)
        yield _require_text(changed[field], field, where)


def _require_text(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str):
        problem = f'the field "{field}" is text, found {type(value).__name__}'
        raise UserError(problem, where=where)
    return " ".join(value.split())
