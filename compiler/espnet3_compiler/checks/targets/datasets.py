"""Arguments of the recipe's ``Dataset`` and ``DatasetBuilder``.

Passes: ``data_src_args: {split: train}`` for ``Dataset(split, data_dir)``;
``create_dataset: {seed: 1}`` for ``DatasetBuilder.build(seed)``.
Fails: ``data_src_args: {splt: train}``; ``create_dataset: {sed: 1}``; ``data_src: corpora.an5``.

The runtime calls ``Dataset(**data_src_args)``, and the four methods of the builder with the
``create_dataset`` block and the entry's ``builder_args``.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.checks.targets import paths
from espnet3_compiler.checks.targets.arguments import check_arguments
from espnet3_compiler.checks.targets.data_sources import misnamed_source
from espnet3_compiler.checks.targets.nodes import EMPTY_SLOT, TargetSlot
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.filesystem import find
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read, read_method
from espnet3_compiler.signature.result import (
    Missing,
    Parameter,
    Signature,
)
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar, Sequence, node_at

_ROLES = ("training", "inference")
"""Roles whose configs build data sets; other configs only name them."""

_PROGRESS_SLOT = TargetSlot(supplied=("progress",))
_DATASET_SLOT = TargetSlot(offered=("recipe_dir", "data_dir"))
_BUILDER_METHODS = ("build", "prepare_source", "is_built", "is_source_prepared")
_CALLED = "is_source_prepared, prepare_source, is_built and build"
_CLASS_NAME = "Dataset"
_BUILDER_HELP = "write it under create_dataset in the training config"
_NOT_EXPORTED = f'exports no "{_CLASS_NAME}"'


class DatasetEntry(Struct, frozen=True):
    """An entry of ``dataset.train`` and the like, with the module that it names."""

    node: Mapping
    library: Library
    module: str
    certain: bool

    @property
    def source(self) -> Scalar | None:
        """The ``data_src`` of the entry, if it is given."""
        source = self.node.get("data_src")
        return source if isinstance(source, Scalar) and source.value is not None else None


def check_datasets(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R501 to R504 for the data sets of a recipe, once for each location and cause.

    Args:
        library: Reads the signatures of targets.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    findings = [
        *_check_entries(library, recipe, resolved),
        *_check_builders(library, recipe, resolved),
    ]
    groups: dict[tuple[str, SpanKey | str], list[Diagnostic]] = {}
    for found in findings:
        whole = found.message.endswith(_NOT_EXPORTED) or found.code == "R503"
        cause = found.message if whole else span_key(found.primary.span)
        groups.setdefault((found.code, cause), []).append(found)
    for first, *others in groups.values():
        more = {span_key(one.primary.span): one for one in others if first.code == "R503"}
        more.pop(span_key(first.primary.span), None)
        labels = tuple(Label(one.primary.span, "here too") for one in more.values())
        yield replace(first, related=(*first.related, *labels))


def data_modules(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[Path, Scalar]]:
    """Yield the modules that define data sets, each with the directory of its recipe."""
    for config in resolved.configs.values():
        for data in dataset_entries(recipe.library, config, certain=True):
            head = data.source or _head_entry(None, data.node).key
            yield data.library.path.folder, Scalar(data.module, head.span, via=head.via)


def _check_entries(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for name, role in config_roles(recipe).items():
        config = resolved.configs.get(name)
        if role in _ROLES and config is not None:
            for data in dataset_entries(library, config, certain=resolved.is_certain(name)):
                wrong = misnamed_source(library, data.source) if data.source else None
                if wrong:
                    yield wrong
                elif is_available(data):
                    yield from _check_dataset(data)
                elif data.library is not library:
                    yield from _check_recipe(data)


def is_available(data: DatasetEntry) -> bool:
    """Return whether the module exists, if it is the package ``dataset`` of a recipe."""
    found = data.library.find_module(data.module)
    return data.module != "dataset" or (found is not None and found.local)


def dataset_entries(
    library: Library,
    config: Mapping,
    *,
    certain: bool,
    splits: tuple[str, ...] = ("train", "valid", "test"),
) -> tuple[DatasetEntry, ...]:
    """Return the entries of a config's ``dataset`` block, each with the module that it names.

    Args:
        library: Reads the modules of the recipe.
        config: A training or inference config.
        certain: Whether a key that is missing in the config is certainly not given.
        splits: The splits to read.
    """
    key = "data sets", id(config), certain, splits
    if key not in library.memo:  # many checks ask for them
        lists = (node_at(config, ("dataset", split)) for split in splits)
        items = (item for found in lists if isinstance(found, Sequence) for item in found.items)
        nodes = (item for item in items if isinstance(item, Mapping))
        read = (_read_entry(library, node, certain=certain) for node in nodes)
        library.memo[key] = config, tuple(one for entries in read for one in entries)
    entries: tuple[DatasetEntry, ...] = library.memo[key][1]
    return entries


def _read_entry(library: Library, node: Mapping, *, certain: bool) -> Iterator[DatasetEntry]:
    source = node.get("data_src")
    if not isinstance(source, Scalar) or source.value is None:
        yield DatasetEntry(node, library, "dataset", certain)
    elif isinstance(source.value, str) and not is_unresolved(source):
        if "/" not in source.value:
            yield DatasetEntry(node, library, source.value, certain)
            return
        recipe = library.path.recipes / source.value
        yield DatasetEntry(node, library.beside(recipe), "dataset", certain)


def entry_span(data: DatasetEntry) -> Span:
    """Return where an entry of a ``dataset`` block is shown: its source, else its first key."""
    if data.source:
        return use_location(data.source)
    written = [one.key.span for one in data.node if not one.key.span.source.holds_defaults]
    return written[0] if written else data.node.span


def _check_dataset(data: DatasetEntry) -> Iterator[Diagnostic]:
    result = read(data.library, f"{data.module}.{_CLASS_NAME}")
    head = data.source or _head_entry(data.node.entry("data_src"), data.node).key
    match result:
        case Signature():
            for found in check_arguments(_dataset_call(data, result)):
                yield _with_given_name(found, result) if found.code == "R503" else found
        case Missing(part=part) if part == _CLASS_NAME and data.library.find_module(data.module):
            yield Diagnostic(
                "R501",
                f'"{data.module}" {_NOT_EXPORTED}',
                Label(use_location(head), f"no {_CLASS_NAME} there"),
                help=(f"import the class in {data.module}/__init__.py under this name",),
            )
        case Missing() if data.source:
            unknown = paths.unknown_path(data.source, result, data.library)
            misspelt = result.prefix or paths.is_misspelt(result.part, data.library)
            if isinstance(unknown, Diagnostic) and misspelt:
                yield unknown  # any other package may be installed where the recipe runs


def _with_given_name(found: Diagnostic, signature: Signature) -> Diagnostic:
    """Add to a missing argument that the runtime gives ``data_dir`` to a parameter of that name."""
    if signature.find("data_dir") or signature.more_keywords:
        return found
    advice = "give it in data_src_args; the directory of the data is given as data_dir"
    return replace(found, help=(*found.help, advice))


def _check_recipe(data: DatasetEntry) -> Iterator[Diagnostic]:
    """Report a recipe that is not beside this one and resembles the name of another."""
    source, recipes = data.source, data.library.path.folder.parent.parent
    assert source is not None
    found = find(recipes, "*/*/dataset")
    known = sorted("/".join(path.parts[-3:-1]) for path in found)
    if closest_match(str(source.value), known):
        message = f'there is no recipe "{source.value}" beside this one'
        yield unknown_value("R501", message, source, known, label="no such recipe")


def _dataset_call(data: DatasetEntry, signature: Signature) -> TargetCall:
    given = data.node.entry("data_src_args")
    block = given.value if given and isinstance(given.value, Mapping) else None
    return TargetCall(
        data.library,
        signature,
        block or Mapping((), data.node.span),
        _head_entry(given, data.node),
        block.entries if block else (),
        slot=_DATASET_SLOT,
        incomplete=not data.certain or (given is not None and block is None),
        flags=False,
    )


def _head_entry(given: Entry | None, node: Mapping) -> Entry:
    """Return where to report missing arguments: the block's key, or the first written key."""
    keys = [item.key for item in node if not item.key.span.source.holds_defaults]
    written = given is not None and not given.key.span.source.holds_defaults
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
        certain = recipe.complete and all(map(resolved.is_certain, names.values()))
        for config in configs:
            for data in dataset_entries(library, config, certain=certain):
                if is_available(data):
                    yield from _check_builder(data, common, stage.name)


def _check_builder(data: DatasetEntry, common: Entry | None, stage: Scalar) -> Iterator[Diagnostic]:
    own = data.node.entry("builder_args")
    blocks = [entry.value for entry in (common, own) if entry and isinstance(entry.value, Mapping)]
    entries = {entry.name: entry for block in blocks for entry in block}
    node = Mapping(tuple(entries.values()), data.node.span)
    path = f"{data.module}.DatasetBuilder"
    make = partial(_builder_signature, data.library, path)
    merged = data.library.remember(("builder", path), None, make)
    if merged is not None:
        call = TargetCall(
            data.library,
            merged,
            node,
            _block_entry(common) or _block_entry(own) or Entry(stage, stage),
            node.entries,
            slot=_PROGRESS_SLOT if merged.find("progress") else EMPTY_SLOT,
            incomplete=not data.certain,
            flags=False,
        )
        for found in check_arguments(call):
            missing = found.code == "R503" and not (_block_entry(common) or _block_entry(own))
            yield replace(found, help=(_BUILDER_HELP,)) if missing else found


def _builder_signature(library: Library, path: str) -> Signature | None:
    """Return what all methods of a builder take; None where one of them is not known."""
    results = [read_method(library, path, method) for method in _BUILDER_METHODS]
    signatures = [result for result in results if isinstance(result, Signature)]
    return _merge_signatures(signatures) if len(signatures) == len(results) else None


def _block_entry(block: Entry | None) -> Entry | None:
    """Return the key of a block that the recipe writes, as the place of what it lacks."""
    if block is None or block.key.span.source.holds_defaults:
        return None
    return Entry(block.key, block.key)


def _merge_signatures(signatures: list[Signature]) -> Signature:
    """Return one signature for methods that are all called with the same arguments.

    A parameter is required if any method requires it; all methods without ``**kwargs`` must have
    it, except ``progress``, which the runtime passes to those that have it.
    """
    every = [item for signature in signatures for item in signature.parameters]
    closed = [signature for signature in signatures if not signature.more_keywords]
    named: dict[str, Parameter] = {}
    for item in every:
        known = named.get(item.name)
        if item.name == "progress" or all(signature.find(item.name) for signature in closed):
            named[item.name] = item if known is None or item.required else known
    first = (closed or signatures)[0]
    return replace(first, parameters=tuple(named.values()), more_keywords=not closed)
