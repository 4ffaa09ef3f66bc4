"""The stage ``create_dataset``: prepare every corpus of the recipe with its builder."""

import hashlib
import inspect
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from espnet3_runtime.atomic import write_json
from espnet3_runtime.config import to_plain
from espnet3_runtime.data.dataset_entries import (
    DatasetDirectories,
    DatasetEntry,
    load_module,
    make_builder,
    read_entries,
)
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.hashing import iter_files
from espnet3_runtime.stage import Outputs, StageContext


def create_dataset(context: StageContext) -> Outputs:
    """Run the ``DatasetBuilder`` of every distinct ``data_src`` and ``builder_args``.

    The entries of the training config come first, then those that only inference uses.  Work whose
    check ``is_source_prepared`` or ``is_built`` is true is skipped, so an interrupted stage
    continues as far as the builder detects finished work.  A method with an argument ``progress``
    can make bars with rate and remaining time::

        with progress("download", total=len(files)) as bar:
            bar.advance()

    Outputs:
        summary: Every builder, and number and size of its files.  The log says which work was
            done: the summary of an interrupted preparation is the same.
        data_dir: The directory with the builders' files.
    """
    directories = DatasetDirectories(context.recipe_dir, context.data_dir)
    common = context.configs["training"]["create_dataset"].plain()
    entries = _distinct_entries(
        entry
        for config in context.configs.values()
        for split in ("train", "valid", "test")
        for entry in read_entries(config["dataset"], split)
    )
    context.data_dir.mkdir(parents=True, exist_ok=True)
    rows = []
    with context.progress("create_dataset", total=len(entries)) as bar:
        for entry in entries:
            bar.note(entry.data_src or "dataset")
            rows.append(_prepare_entry(entry, directories, common, context))
            bar.advance()
    summary = context.outputs["summary"]
    write_json(summary, {"builders": rows, "data": _summarize_directory(context.data_dir)})
    return {"summary": summary, "data_dir": context.data_dir}


def _distinct_entries(entries: Iterable[DatasetEntry]) -> list[DatasetEntry]:
    """Return the first entry of every builder and arguments."""
    found: dict[str, DatasetEntry] = {}
    for entry in entries:
        key = json.dumps([entry.data_src, to_plain(entry.builder_args)], sort_keys=True)
        found.setdefault(key, entry)
    return list(found.values())


def _prepare_entry(
    entry: DatasetEntry,
    directories: DatasetDirectories,
    common: Mapping[str, Any],
    context: StageContext,
) -> dict[str, Any]:
    builder = make_builder(entry, directories)
    row: dict[str, Any] = {"data_src": entry.data_src, "builder_args": to_plain(entry.builder_args)}
    if builder is None:
        context.log.info("%s has no DatasetBuilder: nothing to prepare", entry.where)
        return {**row, "builder": None}
    arguments = {**common, **to_plain(entry.builder_args)}
    start = time.monotonic()
    done = []
    for check, work in (("is_source_prepared", "prepare_source"), ("is_built", "build")):
        if _call_builder(builder, check, arguments, context):
            continue
        context.log.info("%s: %s", entry.where, work)
        _call_builder(builder, work, arguments, context)
        done.append(work)
        if not _call_builder(builder, check, arguments, context):
            problem = f'"{type(builder).__qualname__}.{check}" is still false after "{work}"'
            raise UserError(problem, where=entry.where)
    name = f"{type(builder).__module__}.{type(builder).__qualname__}"
    context.log.info("%s: %s in %.1f s", name, done or "up to date", time.monotonic() - start)
    _, home = load_module(entry, directories)
    row["builder"] = name
    return row if home == directories else row | {"data": _summarize_directory(home.data_dir)}


def _call_builder(
    builder: Any, method: str, arguments: Mapping[str, Any], context: StageContext
) -> Any:
    function = getattr(builder, method)
    wants_bars = "progress" in inspect.signature(function).parameters
    return function(**arguments, **({"progress": context.progress} if wants_bars else {}))


def _summarize_directory(directory: Path) -> dict[str, Any]:
    """Return number and size of files, links followed, and a hash over their names and sizes."""
    found = iter_files(directory) if directory.is_dir() else ()
    files = [(name, status.st_size) for name, status in found]
    listing = "".join(f"{name}\0{size}\n" for name, size in sorted(files))
    digest = hashlib.sha256(listing.encode("utf-8", "surrogatepass")).hexdigest()
    return {"files": len(files), "bytes": sum(size for _, size in files), "listing_sha256": digest}
