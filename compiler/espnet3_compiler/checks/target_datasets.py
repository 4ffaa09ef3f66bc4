"""Arguments of the recipe's ``Dataset`` and ``DatasetBuilder``.

Passes: ``data_src_args: {split: train}`` for ``Dataset(split, data_dir)``;
``create_dataset: {seed: 1}`` for ``DatasetBuilder.build(seed)``.
Fails: ``data_src_args: {splt: train}``; ``create_dataset: {sed: 1}``; ``data_src: corpora.an5``.

The runtime calls ``Dataset(**data_src_args)``, and the four methods of the builder with the
``create_dataset`` block and the entry's ``builder_args``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks import target_paths
from espnet3_compiler.checks.target_arguments import Case, compare
from espnet3_compiler.checks.target_nodes import Slot
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.expression import is_open
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.kinds import is_own, kind_of
from espnet3_compiler.lower import roles_of
from espnet3_compiler.places import Place, place
from espnet3_compiler.records import dataclass, replace
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.model import (
    Missing,
    NotCallable,
    Origin,
    Parameter,
    Signature,
    Unknown,
)
from espnet3_compiler.signature.reader import read, read_method
from espnet3_compiler.tree import Entry, Mapping, Scalar, Sequence, descend

_SPLITS = ("train", "valid", "test")
_OFFERED = Slot(offered=("recipe_dir", "data_dir"))
_METHODS = ("build", "prepare_source", "is_built", "is_source_prepared")
_EXPORTED = "Dataset"


@dataclass(frozen=True, slots=True)
class _Data:
    """An entry of ``dataset.train`` and the like, with the module that it names."""

    node: Mapping
    library: Library
    module: str
    sure: bool


def check_datasets(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R501 to R504 for the data sets of a recipe, each place once."""
    told: set[tuple[str, Place]] = set()
    findings = [
        *_datasets(library, recipe, resolved),
        *_builders(library, recipe, resolved),
    ]
    for found in findings:
        key = (found.code, place(found.primary.span))
        if key not in told:
            told.add(key)
            yield found


def _datasets(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for name, role in roles_of(recipe).items():
        config = resolved.configs.get(name)
        if role is not None and config is not None:
            for data in _entries(library, config, sure=resolved.is_sure(name)):
                if _is_there(data):
                    yield from _dataset(data)


def _is_there(data: _Data) -> bool:
    """Return whether it is not the recipe's own package, or this is there."""
    found = data.library.place(data.module)
    return data.module != "dataset" or (found is not None and found.local)


def _entries(library: Library, config: Mapping, *, sure: bool) -> Iterator[_Data]:
    for split in _SPLITS:
        found = descend(config, ("dataset", split))
        for item in found.items if isinstance(found, Sequence) else ():
            if isinstance(item, Mapping):
                yield from _entry(library, item, sure=sure)


def _entry(library: Library, node: Mapping, *, sure: bool) -> Iterator[_Data]:
    source = node.get("data_src")
    if not isinstance(source, Scalar) or source.value is None:
        yield _Data(node, library, "dataset", sure)
    elif isinstance(source.value, str) and not is_open(source):
        if "/" not in source.value:
            yield _Data(node, library, source.value, sure)
            return
        recipes = library.path.folder.resolve().parent.parent
        key = ("recipe", source.value)
        if key not in library.memo:
            library.memo[key] = open_library(recipes / source.value, library.folder)
        yield _Data(node, library.memo[key], "dataset", sure)


def _dataset(data: _Data) -> Iterator[Diagnostic]:
    reading = read(data.library, f"{data.module}.{_EXPORTED}")
    source = data.node.get("data_src")
    match reading:
        case Signature():
            yield from compare(_case(data, reading))
        case Unknown(reason=reason, broken=Origin() as broken):
            named = data.node.entry("data_src")
            head = source.span if isinstance(source, Scalar) else _head(named, data.node).key.span
            path = Scalar(f"{data.module}.{_EXPORTED}", head)
            yield target_paths.not_python(path, reason, broken)
        case Missing() | NotCallable() if isinstance(source, Scalar) and source.value is not None:
            yield from _no_source(data, source, reading)


def _no_source(data: _Data, source: Scalar, reading: Missing | NotCallable) -> Iterator[Diagnostic]:
    if isinstance(reading, NotCallable):
        yield target_paths.not_callable(source, reading)
    elif "/" not in str(source.value) and reading.part != _EXPORTED:
        found = target_paths.unknown_path(source, reading, data.library)
        if isinstance(found, Diagnostic):
            yield found


def _case(data: _Data, signature: Signature) -> Case:
    given = data.node.entry("data_src_args")
    block = given.value if given and isinstance(given.value, Mapping) else None
    return Case(
        data.library,
        signature,
        block or Mapping((), data.node.span),
        _head(given, data.node),
        block.entries if block else (),
        slot=_OFFERED,
        partial=not data.sure or (given is not None and block is None),
        flags=False,
    )


def _head(given: Entry | None, node: Mapping) -> Entry:
    """Return the place for what is missing: the key of the block, or the first written key."""
    keys = [item.key for item in node if item.key.span.source.kind != "schema"]
    written = given is not None and given.key.span.source.kind != "schema"
    key = given.key if given and written else next(iter(keys), Scalar("", node.span))
    return Entry(key, key)


def _builders(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for stage in recipe.stages:
        if kind_of(stage) != "create_dataset" or is_own(stage, recipe):
            continue
        names = {binding.role: binding.config for binding in stage.configs}
        configs = [resolved.configs[name] for name in names.values() if name in resolved.configs]
        training = resolved.configs.get(names.get("training", ""))
        common = training.entry("create_dataset") if training else None
        sure = all(map(resolved.is_sure, names.values()))
        for config in configs:
            for data in _entries(library, config, sure=sure):
                if _is_there(data):
                    yield from _builder(data, common)


def _builder(data: _Data, common: Entry | None) -> Iterator[Diagnostic]:
    own = data.node.entry("builder_args")
    blocks = [entry.value for entry in (common, own) if entry and isinstance(entry.value, Mapping)]
    entries = {entry.name: entry for block in blocks for entry in block}
    node = Mapping(tuple(entries.values()), data.node.span)
    path = f"{data.module}.DatasetBuilder"
    readings = [read_method(data.library, path, method) for method in _METHODS]
    signatures = [reading for reading in readings if isinstance(reading, Signature)]
    if len(signatures) == len(readings):
        head = _head(common, data.node)
        merged = _merged(signatures)
        case = Case(data.library, merged, node, head, node.entries, partial=not data.sure)
        yield from compare(replace(case, flags=False))


def _merged(signatures: list[Signature]) -> Signature:
    """Return what all methods take together: each is called with the same arguments.

    What one of them requires is required; a name must be known to every one without ``**kwargs``.
    """
    every = [item for signature in signatures for item in signature.parameters]
    closed = [signature for signature in signatures if not signature.more_names]
    named: dict[str, Parameter] = {}
    for item in every:
        known = named.get(item.name)
        if all(signature.find(item.name) for signature in closed):
            named[item.name] = item if known is None or item.required else known
    first = (closed or signatures)[0]
    return replace(first, parameters=tuple(named.values()), more_names=not closed)
