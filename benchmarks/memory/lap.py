"""One process that trains on nothing: it takes batches from our loader and looks at its workers.

``python -m benchmarks.memory.lap MODULE TABLE WORKERS BATCHES``; prints JSON.
"""

import gc
import json
import logging
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from espnet3_runtime.data.dataset_entries import DatasetDirectories
from espnet3_runtime.data.loader import DataParallelRank, make_loader
from espnet3_runtime.data.sampler import Clock
from espnet3_runtime.data.split_dataset import load_split

BATCHES = {
    "type": "length",
    "batch_size": 1,
    "batch_bins": 4000,
    "min_batch_size": 1,
    "length_key": "speech",
    "shuffle": True,
    "drop_last": False,
}
MEGABYTE = 1024.0


def main(module: str, table: str, workers: int, count: int) -> None:
    """Take batches, then print the megabytes of every process."""
    entry = {"data_src": module, "data_src_args": {"path": table}}
    here = Path.cwd()
    start = time.perf_counter()
    data = load_split({"train": [entry]}, "train", DatasetDirectories(here, here))
    block = {"loader": None, "sampler": None, "batches": BATCHES}
    collate = {"_target_": "espnet3_runtime.data.collate.CommonCollateFn"}
    config = {"num_workers": workers, "pin_memory": False, "timeout": 600, "collate_fn": collate}
    config["train"] = block
    log = logging.getLogger("benchmarks.memory")
    loader: Any = make_loader(
        data, "train", config, shapes=None, clock=Clock(seed=1), rank=DataParallelRank(), log=log
    )
    iterator = iter(loader)
    next(iterator)
    ready = time.perf_counter() - start
    items = sum(len(next(iterator)[0]) for _ in range(count - 1))
    gc.collect()
    print(
        json.dumps(
            {
                "items": items,
                "ready": ready,
                "main": _private("self"),
                "workers": [_private(str(child.pid)) for child in active_children()],
            }
        )
    )


def _private(pid: str) -> float:
    """Return the megabytes that a process has for itself and that only it can give back."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    fields = [line.split() for line in text.splitlines()]
    kilobytes = sum(int(words[1]) for words in fields if words[0] == "Private_Dirty:")
    return kilobytes / MEGABYTE


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
