"""Imports and constructs the ``Dataset`` and ``DatasetBuilder`` that an entry names."""

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import GeneratorType, ModuleType
from typing import Any

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.config import to_plain
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_schemas import TARGET

LOCAL = "dataset"
"""Package of a recipe that exports its ``Dataset`` and ``DatasetBuilder``."""

BUILDER_METHODS = ("is_source_prepared", "prepare_source", "is_built", "build")


@dataclass(frozen=True)
class DatasetDirectories:
    """The directories that a dataset may ask for."""

    recipe_dir: Path
    data_dir: Path


@dataclass(frozen=True)
class DatasetEntry:
    """One element of ``dataset.train``, ``valid`` or ``test``; ``where`` is its key path."""

    where: str
    data_src: str | None
    data_src_args: Mapping[str, Any]
    transform: Mapping[str, Any] | None
    name: str | None
    builder_args: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Identify the samples: source, its arguments and the transform, as canonical JSON."""
        return json.dumps(
            {
                "data_src": self.data_src,
                "data_src_args": to_plain(self.data_src_args),
                "transform": to_plain(self.transform),
            },
            sort_keys=True,
        )


def read_entries(dataset: Mapping[str, Any] | None, split: str) -> tuple[DatasetEntry, ...]:
    """Return the entries of one split of a ``dataset`` block; none beside a data module."""
    return tuple(
        DatasetEntry(
            where=getattr(entry, "where", f"dataset.{split}[{index}]"),
            data_src=entry.get("data_src"),
            data_src_args=entry.get("data_src_args") or {},
            transform=entry.get("transform"),
            name=entry.get("name"),
            builder_args=entry.get("builder_args") or {},
        )
        for index, entry in enumerate((dataset or {}).get(split) or ())
    )


def make_dataset(entry: DatasetEntry, directories: DatasetDirectories) -> Any:
    """Construct the ``Dataset`` that an entry names.

    Raises:
        UserError: There is no such module or class, or the constructor fails.
    """
    cls, directories = find_dataset(entry, directories)
    arguments = {**_wanted_directories(cls, directories), **entry.data_src_args}
    try:
        dataset = instantiate({TARGET: cls, **arguments}, where=entry.where)
    except InstantiateError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        hint = "is the corpus prepared? run the stage create_dataset first"
        raise UserError(error.message, where=entry.where, hint=hint) from error.__cause__
    if isinstance(dataset, GeneratorType):
        problem = "a generator gives its samples once, and a data set in every epoch"
        hint = "make Dataset a class, and the generator its method __iter__"
        raise UserError(problem, where=entry.where, hint=hint)
    other = is_stream(dataset) or is_sharded(dataset)
    for method in () if other else ("__len__", "__getitem__"):
        if not hasattr(dataset, method):
            module, _ = load_module(entry, directories)
            raise UserError(f'"{_shown(module)}.Dataset" has no "{method}"', where=entry.where)
    return dataset


def is_stream(dataset: Any) -> bool:
    """Return whether a data set gives its samples one after another, and not by their number.

    That is an ``IterableDataset`` of torch (those of ``datasets`` and ``webdataset`` are), or any
    other iterable without ``__getitem__``.
    """
    torch_data = sys.modules.get("torch.utils.data")
    if torch_data is not None and isinstance(dataset, torch_data.IterableDataset):
        return True
    return hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__")


def is_sharded(dataset: Any) -> bool:
    """Return whether a data set gives parts of itself, as ESPnet3's ``ShardedDataset`` does.

    It then has ``total_shards``, and ``shard(number)`` that returns a data set.
    """
    has_count = getattr(dataset, "total_shards", None) is not None
    return has_count and callable(getattr(dataset, "shard", None))


def find_dataset(
    entry: DatasetEntry, directories: DatasetDirectories
) -> tuple[Callable[..., Any], DatasetDirectories]:
    """Return the ``Dataset`` that an entry names, and the directories of its data.

    Raises:
        UserError: There is no such module, or it has no ``Dataset``.
    """
    module, directories = load_module(entry, directories)
    cls = getattr(module, "Dataset", None)
    if not callable(cls):
        raise UserError(f'"{_shown(module)}" exports no "Dataset"', where=entry.where)
    return cls, directories


def find_builder(
    entry: DatasetEntry, directories: DatasetDirectories
) -> tuple[Callable[..., Any] | None, DatasetDirectories]:
    """Return the ``DatasetBuilder`` of an entry (None where there is none), and its directories.

    Raises:
        UserError: There is no such module.
    """
    module, directories = load_module(entry, directories)
    return getattr(module, "DatasetBuilder", None), directories


def check_builder(entry: DatasetEntry, directories: DatasetDirectories) -> None:
    """Refuse a ``DatasetBuilder`` whose class lacks one of its four methods.

    Raises:
        UserError: It does, or there is no such module.
    """
    cls, _ = find_builder(entry, directories)
    if isinstance(cls, type) and not hasattr(cls, "__getattr__"):
        _check_methods(cls, entry, load_module(entry, directories)[0])


def make_builder(entry: DatasetEntry, directories: DatasetDirectories) -> Any | None:
    """Construct the ``DatasetBuilder`` of an entry; None when its module exports none.

    Raises:
        UserError: There is no such module, or the builder lacks one of its four methods.
    """
    module, _ = load_module(entry, directories)
    cls, directories = find_builder(entry, directories)
    if cls is None:
        return None
    if "data_dir" in entry.data_src_args:
        directories = replace(directories, data_dir=Path(entry.data_src_args["data_dir"]))
    arguments = _wanted_directories(cls, directories)
    builder = instantiate({TARGET: cls, **arguments}, where=entry.where)
    _check_methods(builder, entry, module)
    return builder


def _check_methods(builder: Any, entry: DatasetEntry, module: ModuleType) -> None:
    missing = [name for name in BUILDER_METHODS if not callable(getattr(builder, name, None))]
    if missing:
        name = f"{_shown(module)}.DatasetBuilder"
        raise UserError(f'"{name}" lacks {", ".join(missing)}', where=entry.where)


def _shown(module: ModuleType) -> str:
    return module.__file__ or module.__name__


def _wanted_directories(
    function: Callable[..., Any], directories: DatasetDirectories
) -> dict[str, Path]:
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in vars(directories).items() if name in parameters}


def load_module(
    entry: DatasetEntry, directories: DatasetDirectories
) -> tuple[ModuleType, DatasetDirectories]:
    """Return the module that an entry's ``data_src`` names, and the directories of its data.

    Null is the package ``dataset`` of the recipe; ``<corpus>/<task>`` is that of the recipe of this
    name beside it, with that recipe's ``data`` directory, so that recipes share a corpus; anything
    else is a dotted module.

    Raises:
        UserError: There is no such module.
    """
    if entry.data_src is None:
        return _load_recipe_package(entry, directories.recipe_dir), directories
    if "/" in entry.data_src:
        other = directories.recipe_dir.resolve().parent.parent / entry.data_src
        return _load_recipe_package(entry, other), DatasetDirectories(other, other / "data")
    try:
        return importlib.import_module(entry.data_src), directories
    except ModuleNotFoundError as error:
        if error.name is None or not f"{entry.data_src}.".startswith(f"{error.name}."):
            raise
        problem = f'there is no module "{entry.data_src}"'
        raise UserError(problem, where=f"{entry.where}.data_src") from None


def _load_recipe_package(entry: DatasetEntry, directory: Path) -> ModuleType:
    file = directory.resolve() / LOCAL / "__init__.py"
    if not file.is_file():
        recipe = f"the recipe {entry.data_src}" if entry.data_src else "this recipe"
        raise UserError(f'{recipe} has no "{file}"', where=f"{entry.where}.data_src")
    loaded = sys.modules.get(LOCAL)
    spec = importlib.util.find_spec(LOCAL) if loaded is None else None
    if spec is not None and spec.origin == str(file):
        loaded = importlib.import_module(LOCAL)
    return loaded if loaded is not None and _file_of(loaded) == file else _load_file(file)


def _file_of(module: ModuleType) -> Path:
    return Path(module.__file__ or "").resolve()


def _load_file(file: Path) -> ModuleType:
    """Import another recipe's ``dataset`` under a name of its own; its relative imports work."""
    name = "_".join((LOCAL, "of", *file.parts[-4:-2])).replace("-", "_")
    loaded = sys.modules.get(name)
    if loaded is not None and _file_of(loaded) == file:
        return loaded
    spec = importlib.util.spec_from_file_location(
        name, file, submodule_search_locations=[str(file.parent)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _unload_modules(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        _unload_modules(name)
        if not str(error.name).startswith(LOCAL):
            raise
        raise _absolute_import(file) from error
    except BaseException:
        _unload_modules(name)
        raise
    exported = [getattr(module, name, None) for name in ("Dataset", "DatasetBuilder")]
    sources = {getattr(value, "__module__", "") for value in exported}
    local = [sys.modules[source] for source in sources if source.partition(".")[0] == LOCAL]
    if any(_file_of(source).parent != file.parent for source in local):
        _unload_modules(name)
        raise _absolute_import(file)
    return module


def _absolute_import(file: Path) -> UserError:
    return UserError(
        f'"{file}" imports from "{LOCAL}", which is the package of the recipe that runs',
        hint="write relative imports there, for example: from .builder import DatasetBuilder",
    )


def _unload_modules(name: str) -> None:
    for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[loaded]
