"""Arguments of the recipe's ``Dataset`` and ``DatasetBuilder``.

Passes: ``data_src_args: {split: train}`` for ``Dataset(split, data_dir)``;
``create_dataset: {seed: 1}`` for ``DatasetBuilder.build(seed)``.
Fails: ``data_src_args: {splt: train}``; ``create_dataset: {sed: 1}``; ``data_src: corpora.an5``.

The runtime calls ``Dataset(**data_src_args)``, and the four methods of the builder with the
``create_dataset`` block and the entry's ``builder_args``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from espnet3_compiler.checks.targets import paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.case import TargetCall
from espnet3_compiler.checks.targets.nodes import EMPTY_SLOT, TargetSlot
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.read import read, read_method
from espnet3_compiler.signature.result import (
    DefinitionLocation,
    Missing,
    NotAnalyzable,
    Parameter,
    Signature,
)
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, Sequence, node_at

_ROLES = ("training", "inference")
"""Roles whose configs make data sets; in others they are only named."""

_SPLITS = ("train", "valid", "test")
_PROGRESS_SLOT = TargetSlot(supplied=("progress",))
_DATASET_SLOT = TargetSlot(offered=("recipe_dir", "data_dir"))
_BUILDER_METHODS = ("build", "prepare_source", "is_built", "is_source_prepared")
_CLASS_NAME = "Dataset"
_NOT_EXPORTED = f'exports no "{_CLASS_NAME}"'


@dataclass(frozen=True, slots=True)
class _DatasetEntry:
    """An entry of ``dataset.train`` and the like, with the module that it names."""

    node: Mapping
    library: Library
    module: str
    sure: bool


def check_datasets(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R501 to R504 for the data sets of a recipe, each place and each cause once.

    Args:
        library: Reads the signatures of targets.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    told: set[tuple[str, SpanKey | str]] = set()
    findings = [
        *_check_entries(library, recipe, resolved),
        *_check_builders(library, recipe, resolved),
    ]
    for found in findings:
        cause = found.message if found.message.endswith(_NOT_EXPORTED) else None
        key = (found.code, cause or span_key(found.primary.span))
        if key not in told:
            told.add(key)
            yield found


def data_modules(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[Path, Scalar]]:
    """Yield the modules that make data sets, each with the directory of the recipe it is of."""
    library = open_library(recipe.directory)
    for config in resolved.configs.values():
        for data in _dataset_entries(library, config, sure=True):
            source = data.node.get("data_src")
            named = isinstance(source, Scalar) and source.value is not None
            head = source if named and source else _head_entry(None, data.node).key
            yield data.library.path.folder, Scalar(data.module, head.span, via=head.via)


def _check_entries(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for name, role in config_roles(recipe).items():
        config = resolved.configs.get(name)
        if role in _ROLES and config is not None:
            for data in _dataset_entries(library, config, sure=resolved.is_certain(name)):
                if _is_available(data):
                    yield from _check_dataset(data)
                elif data.library is not library:
                    yield from _check_recipe(data)


def _is_available(data: _DatasetEntry) -> bool:
    """Return whether it is not the recipe's own package, or this is there."""
    found = data.library.place(data.module)
    return data.module != "dataset" or (found is not None and found.local)


def _dataset_entries(library: Library, config: Mapping, *, sure: bool) -> Iterator[_DatasetEntry]:
    for split in _SPLITS:
        found = node_at(config, ("dataset", split))
        for item in found.items if isinstance(found, Sequence) else ():
            if isinstance(item, Mapping):
                yield from _read_entry(library, item, sure=sure)


def _read_entry(library: Library, node: Mapping, *, sure: bool) -> Iterator[_DatasetEntry]:
    source = node.get("data_src")
    if not isinstance(source, Scalar) or source.value is None:
        yield _DatasetEntry(node, library, "dataset", sure)
    elif isinstance(source.value, str) and not is_unresolved(source):
        if "/" not in source.value:
            yield _DatasetEntry(node, library, source.value, sure)
            return
        recipes = library.path.folder.resolve().parent.parent
        key = ("recipe", source.value)
        if key not in library.memo:
            library.memo[key] = open_library(recipes / source.value, library.folder)
        yield _DatasetEntry(node, library.memo[key], "dataset", sure)


def _check_dataset(data: _DatasetEntry) -> Iterator[Diagnostic]:
    reading = read(data.library, f"{data.module}.{_CLASS_NAME}")
    source = data.node.get("data_src")
    match reading:
        case Signature():
            yield from check_arguments(_dataset_call(data, reading))
        case NotAnalyzable(reason=reason, broken=DefinitionLocation() as broken):
            named = data.node.entry("data_src")
            head = (
                source.span
                if isinstance(source, Scalar)
                else _head_entry(named, data.node).key.span
            )
            path = Scalar(f"{data.module}.{_CLASS_NAME}", head)
            yield paths.not_python(path, reason, broken)
        case Missing(part=part) if part == _CLASS_NAME and data.library.place(data.module):
            yield _not_exported(data)
        case Missing() if isinstance(source, Scalar) and source.value is not None:
            found = paths.unknown_path(source, reading, data.library)
            meant = reading.prefix or paths.is_misspelt(reading.part, data.library)
            if isinstance(found, Diagnostic) and meant:
                yield found  # any other package may be there where the recipe runs


def _not_exported(data: _DatasetEntry) -> Diagnostic:
    source = data.node.entry("data_src")
    key = _head_entry(source, data.node).key
    named = source and isinstance(source.value, Scalar) and source.value.value is not None
    place_ = use_location(source.value) if source and named else key.span
    return Diagnostic(
        "R501",
        f'"{data.module}" {_NOT_EXPORTED}',
        Label(place_, f"no {_CLASS_NAME} there"),
        help=(f"import the class in {data.module}/__init__.py under this name",),
    )


def _check_recipe(data: _DatasetEntry) -> Iterator[Diagnostic]:
    """Report a recipe that is not beside this one where another name was plainly meant."""
    source = data.node.get("data_src")
    assert isinstance(source, Scalar)
    recipes = data.library.path.folder.parent.parent
    known = [name for name in _recipes_in(recipes) if name != source.value]
    near = closest_match(str(source.value), known)
    if near:
        yield Diagnostic(
            "R501",
            f'there is no recipe "{source.value}" beside this one',
            Label(use_location(source), "no such recipe"),
            related=provenance_labels(source),
            help=(f'did you mean "{near}"?',),
            fix=_source_fix(source, near, certain=is_certain_match(str(source.value), known)),
        )


def _recipes_in(folder: Path) -> list[str]:
    """Return the recipes two levels below a directory, as far as it can be read."""
    try:
        found = list(folder.parent.glob(f"{folder.name}/*/*/dataset"))
    except OSError:  # directories may vanish meanwhile, or be closed to us
        return []
    return sorted("/".join(path.parts[-3:-1]) for path in found)


def _source_fix(source: Scalar, near: str, *, certain: bool) -> Fix | None:
    if not is_fixable(source):
        return None
    edit = Edit(source.span, quoted_like(source, near))
    return Fix(f'write "{near}"', (edit,), certain=certain)


def _dataset_call(data: _DatasetEntry, signature: Signature) -> TargetCall:
    given = data.node.entry("data_src_args")
    block = given.value if given and isinstance(given.value, Mapping) else None
    return TargetCall(
        data.library,
        signature,
        block or Mapping((), data.node.span),
        _head_entry(given, data.node),
        block.entries if block else (),
        slot=_DATASET_SLOT,
        partial=not data.sure or (given is not None and block is None),
        flags=False,
    )


def _head_entry(given: Entry | None, node: Mapping) -> Entry:
    """Return the place for what is missing: the key of the block, or the first written key."""
    keys = [item.key for item in node if item.key.span.source.kind != "schema"]
    written = given is not None and given.key.span.source.kind != "schema"
    key = given.key if given and written else next(iter(keys), Scalar("", node.span))
    return Entry(key, key)


def _check_builders(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for stage in recipe.stages:
        if stage_kind(stage) != "create_dataset" or is_custom_kind(stage, recipe):
            continue
        names = {binding.role: binding.config for binding in stage.configs}
        configs = [resolved.configs[name] for name in names.values() if name in resolved.configs]
        training = resolved.configs.get(names.get("training", ""))
        common = training.entry("create_dataset") if training else None
        sure = recipe.complete and all(map(resolved.is_certain, names.values()))
        for config in configs:
            for data in _dataset_entries(library, config, sure=sure):
                if _is_available(data):
                    yield from _check_builder(data, common)


def _check_builder(data: _DatasetEntry, common: Entry | None) -> Iterator[Diagnostic]:
    own = data.node.entry("builder_args")
    blocks = [entry.value for entry in (common, own) if entry and isinstance(entry.value, Mapping)]
    entries = {entry.name: entry for block in blocks for entry in block}
    node = Mapping(tuple(entries.values()), data.node.span)
    path = f"{data.module}.DatasetBuilder"
    readings = [read_method(data.library, path, method) for method in _BUILDER_METHODS]
    signatures = [reading for reading in readings if isinstance(reading, Signature)]
    if len(signatures) == len(readings):
        head = _head_entry(common, data.node)
        merged = _merge_signatures(signatures)
        slot = _PROGRESS_SLOT if merged.find("progress") else EMPTY_SLOT
        case = TargetCall(
            data.library, merged, node, head, node.entries, slot=slot, partial=not data.sure
        )
        yield from check_arguments(replace(case, flags=False))


def _merge_signatures(signatures: list[Signature]) -> Signature:
    """Return what all methods take together: each is called with the same arguments.

    What one of them requires is required; a name must be known to every one without ``**kwargs``,
    but for ``progress``, which the runtime passes to those that have it.
    """
    every = [item for signature in signatures for item in signature.parameters]
    closed = [signature for signature in signatures if not signature.more_names]
    named: dict[str, Parameter] = {}
    for item in every:
        known = named.get(item.name)
        if item.name == "progress" or all(signature.find(item.name) for signature in closed):
            named[item.name] = item if known is None or item.required else known
    first = (closed or signatures)[0]
    return replace(first, parameters=tuple(named.values()), more_names=not closed)
