"""Where the code of a recipe's data is mended that raised nothing itself."""

from typing import Any

from espnet3_runtime.data.dataset_entries import (
    BUILDER_METHODS,
    DatasetDirectories,
    DatasetEntry,
    find_builder,
)
from espnet3_runtime.errors import nearest
from espnet3_runtime.preflight.origin.code_place import place_of_class, place_of_method
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import CodePlace


def place_of_builder(entry: DatasetEntry, directories: DatasetDirectories) -> CodePlace | None:
    """Return the method of a ``DatasetBuilder`` with a name near that of a missing one.

    Otherwise it is the class; None where there is none.
    """
    try:
        cls: Any = find_builder(entry, directories)[0]
    except FAILURES:
        return None
    if not isinstance(cls, type):
        return None
    lacking = next((name for name in BUILDER_METHODS if not hasattr(cls, name)), None)
    close = nearest(lacking, [name for name in vars(cls) if name[0] != "_"]) if lacking else None
    return (place_of_method(cls, close) if close else None) or place_of_class(cls)
