"""Look into the code of a recipe's data set for what does not mean the same here."""

import ast
from pathlib import Path

from espnet3_compiler.convert.launched.base_classes import class_order
from espnet3_compiler.convert.launched.modules import ModuleFinder
from espnet3_compiler.convert.notes import Notes, became

SHARDED = "ShardedDataset"
TO = "the same"
WHY = (
    "training reads the shard (epoch * devices + device) % total_shards in each epoch, as ESPnet3 "
    "does; dist_world_size is not read, and validation reads all of the data. Where espnet3 is not "
    "installed, leave out the base class: total_shards and shard() are all that is needed"
)


def note_sharded_dataset(directory: Path, notes: Notes) -> None:
    """Note a ``Dataset`` of the recipe that derives from ESPnet3's ``ShardedDataset``."""
    finder = ModuleFinder(directory)
    module = finder.read("dataset") if (directory / "dataset").is_dir() else None
    classes = class_order(finder, module, "Dataset").classes if module else []
    for cls, where in classes:
        if any(ast.unparse(base).endswith(SHARDED) for base in cls.bases):
            notes.add_other(where.span(cls), cls.name, became(TO, WHY))
            return
