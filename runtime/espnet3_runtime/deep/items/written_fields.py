"""The fields of an item, as the ``Dataset`` of a recipe writes them down."""

import ast
import inspect
import textwrap
from collections.abc import Sequence

from espnet3_runtime.data.dataset_entries import DatasetDirectories, DatasetEntry, load_module
from espnet3_runtime.preflight.origin.error_origin import FAILURES


def written_fields(entries: Sequence[DatasetEntry], folders: DatasetDirectories) -> tuple[str, ...]:
    """Return the keys of the items of all entries; none where they are not written out.

    Args:
        entries: The entries; one with a transform is not looked at.
        folders: The directories of the recipe and its data.
    """
    found: dict[str, None] = {}
    for entry in entries:
        keys = _keys_of(entry, folders) if entry.transform is None else ()
        if not keys:
            return ()
        found |= dict.fromkeys(keys)
    return tuple(name for name in found if name != "utt_id")


def _keys_of(entry: DatasetEntry, folders: DatasetDirectories) -> tuple[str, ...]:
    """Return the keys of the mapping that ``__getitem__`` returns in its only ``return``."""
    try:
        cls = getattr(load_module(entry, folders)[0], "Dataset", None)
    except FAILURES:  # reading the data tells it
        return ()
    try:
        text = textwrap.dedent(inspect.getsource(vars(cls)["__getitem__"]))
        nodes = list(ast.walk(ast.parse(text)))
    except (KeyError, OSError, SyntaxError, TypeError):
        return ()
    returns = [one for one in nodes if isinstance(one, ast.Return)]
    decorated = any(getattr(one, "decorator_list", ()) for one in nodes)  # may add fields
    if decorated or len(returns) != 1 or not isinstance(returns[0].value, ast.Dict):
        return ()
    keys = [key.value if isinstance(key, ast.Constant) else None for key in returns[0].value.keys]
    return tuple(map(str, keys)) if None not in keys else ()
