"""Look into the code of a recipe's data set for what does not mean the same here."""

import ast
from pathlib import Path

from espnet3_compiler.convert.launched.base_classes import class_order
from espnet3_compiler.convert.launched.modules import ModuleFinder
from espnet3_compiler.convert.notes import Notes, lost

SHARDED = "ShardedDataset"
WHY = (
    f"it derives from {SHARDED}: the shards of an epoch are not offered here, each process reads "
    "all of the data; write an iterable data set that asks for rank and world"
)


def note_sharded_dataset(directory: Path, notes: Notes) -> None:
    """Note a ``Dataset`` of the recipe that derives from ESPnet3's ``ShardedDataset``."""
    finder = ModuleFinder(directory)
    module = finder.read("dataset") if (directory / "dataset").is_dir() else None
    classes = class_order(finder, module, "Dataset").classes if module else []
    for cls, where in classes:
        if any(ast.unparse(base).endswith(SHARDED) for base in cls.bases):
            notes.add_other(where.span(cls), cls.name, lost(WHY))
            return
