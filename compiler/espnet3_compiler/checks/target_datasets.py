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

from espnet3_compiler.chain import is_mendable, related_labels, use_place
from espnet3_compiler.checks import target_paths
from espnet3_compiler.checks.target_arguments import compare
from espnet3_compiler.checks.target_case import Case
from espnet3_compiler.checks.target_nodes import NOTHING, Slot
from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.expression import is_open
from espnet3_compiler.ir import Recipe, Resolved
from espnet3_compiler.kinds import is_own, kind_of
from espnet3_compiler.lower import roles_of
from espnet3_compiler.places import Place, place
from espnet3_compiler.shape_hints import quoted_like
from espnet3_compiler.signature.library import Library, open_library
from espnet3_compiler.signature.model import (
    Missing,
    Origin,
    Parameter,
    Signature,
    Unknown,
)
from espnet3_compiler.signature.reader import read, read_method
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Entry, Mapping, Scalar, Sequence, descend

_ROLES = ("training", "inference")
"""Roles whose configs make data sets; in others they are only named."""

_SPLITS = ("train", "valid", "test")
_BARS = Slot(supplied=("progress",))
_OFFERED = Slot(offered=("recipe_dir", "data_dir"))
_METHODS = ("build", "prepare_source", "is_built", "is_source_prepared")
_EXPORTED = "Dataset"
_NOTHING = f'exports no "{_EXPORTED}"'


@dataclass(frozen=True, slots=True)
class _Data:
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
    told: set[tuple[str, Place | str]] = set()
    findings = [
        *_datasets(library, recipe, resolved),
        *_builders(library, recipe, resolved),
    ]
    for found in findings:
        cause = found.message if found.message.endswith(_NOTHING) else None
        key = (found.code, cause or place(found.primary.span))
        if key not in told:
            told.add(key)
            yield found


def data_modules(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[Path, Scalar]]:
    """Yield the modules that make data sets, each with the directory of the recipe it is of."""
    library = open_library(recipe.directory)
    for config in resolved.configs.values():
        for data in _entries(library, config, sure=True):
            source = data.node.get("data_src")
            named = isinstance(source, Scalar) and source.value is not None
            head = source if named and source else _head(None, data.node).key
            yield data.library.path.folder, Scalar(data.module, head.span, via=head.via)


def _datasets(library: Library, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    for name, role in roles_of(recipe).items():
        config = resolved.configs.get(name)
        if role in _ROLES and config is not None:
            for data in _entries(library, config, sure=resolved.is_sure(name)):
                if _is_there(data):
                    yield from _dataset(data)
                elif data.library is not library:
                    yield from _no_recipe(data)


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
        case Missing(part=part) if part == _EXPORTED and data.library.place(data.module):
            yield _not_exported(data)
        case Missing() if isinstance(source, Scalar) and source.value is not None:
            found = target_paths.unknown_path(source, reading, data.library)
            meant = reading.prefix or target_paths.is_misspelt(reading.part, data.library)
            if isinstance(found, Diagnostic) and meant:
                yield found  # any other package may be there where the recipe runs


def _not_exported(data: _Data) -> Diagnostic:
    source = data.node.entry("data_src")
    key = _head(source, data.node).key
    named = source and isinstance(source.value, Scalar) and source.value.value is not None
    place_ = use_place(source.value) if source and named else key.span
    return Diagnostic(
        "R501",
        f'"{data.module}" {_NOTHING}',
        Label(place_, f"no {_EXPORTED} there"),
        help=(f"import the class in {data.module}/__init__.py under this name",),
    )


def _no_recipe(data: _Data) -> Iterator[Diagnostic]:
    """Report a recipe that is not beside this one where another name was plainly meant."""
    source = data.node.get("data_src")
    assert isinstance(source, Scalar)
    recipes = data.library.path.folder.parent.parent
    known = [name for name in _recipes_in(recipes) if name != source.value]
    near = nearest(str(source.value), known)
    if near:
        yield Diagnostic(
            "R501",
            f'there is no recipe "{source.value}" beside this one',
            Label(use_place(source), "no such recipe"),
            related=related_labels(source),
            help=(f'did you mean "{near}"?',),
            fix=_fix(source, near, certain=is_sure(str(source.value), known)),
        )


def _recipes_in(folder: Path) -> list[str]:
    """Return the recipes two levels below a directory, as far as it can be read."""
    try:
        found = list(folder.parent.glob(f"{folder.name}/*/*/dataset"))
    except OSError:  # directories may vanish meanwhile, or be closed to us
        return []
    return sorted("/".join(path.parts[-3:-1]) for path in found)


def _fix(source: Scalar, near: str, *, certain: bool) -> Fix | None:
    if not is_mendable(source):
        return None
    edit = Edit(source.span, quoted_like(source, near))
    return Fix(f'write "{near}"', (edit,), certain=certain)


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
        sure = recipe.whole and all(map(resolved.is_sure, names.values()))
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
        slot = _BARS if merged.find("progress") else NOTHING
        case = Case(
            data.library, merged, node, head, node.entries, slot=slot, partial=not data.sure
        )
        yield from compare(replace(case, flags=False))


def _merged(signatures: list[Signature]) -> Signature:
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
