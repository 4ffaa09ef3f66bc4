"""Every place that declares or uses the name of a config, a model or a stage."""

from collections.abc import Iterator
from pathlib import Path as FilePath

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.expressions.nodes import NAMESPACES
from espnet3_compiler.filesystem import Buffers, real_path
from espnet3_compiler.lsp.spot import lookup_names, lookups_in, read_tree
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.manifest.values import as_text, mapping_entries
from espnet3_compiler.result import CompileResult
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence, children, walk_scalars


class NameUse(Struct, frozen=True):
    """A name where it is written.

    Attributes:
        block: ``configs``, ``models`` or ``stages``.
        name: The name.
        span: Where it is written.
        declares: Whether it is the declaration.
        kind: Of the declaration of a stage without ``run`` and ``call``: its name is its kind.
    """

    block: str
    name: str
    span: Span
    declares: bool = False
    kind: bool = False


def name_uses(result: CompileResult, buffers: Buffers) -> list[NameUse] | None:
    """Return all names in the files of a recipe; None where one of these is not YAML now.

    Args:
        result: What the manifest was compiled to.
        buffers: Texts that stand in for files.
    """
    found: list[NameUse] = []
    for path in recipe_files(result):
        tree = read_tree(path, buffers)
        if tree is None:
            return None
        is_manifest = path == result.path
        found += _in_manifest(tree) if is_manifest else _in_config(tree)
    stages = {use.name for use in found if use.block == "stages" and use.declares}
    known = [use for use in found if use.block != "init" or use.name in stages]
    return [replace(use, block="stages") if use.block == "init" else use for use in known]


def recipe_files(result: CompileResult) -> list[FilePath]:
    """Return the manifest and the files of its configs, each once."""
    configs = result.composition.configs.values() if result.composition else ()
    paths = [source.path for config in configs for source in config.sources if source.path]
    distinct = {real_path(path): path for path in (result.path, *paths)}
    return list(distinct.values())


def name_at(uses: list[NameUse], path: FilePath, offset: int) -> NameUse | None:
    """Return the name at an offset of a file, or None.

    Args:
        uses: All names of the recipe.
        path: The file.
        offset: The offset in it.
    """
    for use in uses:
        span = use.span
        here = span.source.path and real_path(span.source.path) == real_path(path)
        if here and span.start <= offset <= span.end:
            return use
    return None


def same_name(use: NameUse, uses: list[NameUse]) -> list[NameUse]:
    """Return every place of a name.

    Args:
        use: The name, at any of its places.
        uses: All names of the recipe.
    """
    return [one for one in uses if (one.block, one.name) == (use.block, use.name)]


def unwritten_readers(recipe: Recipe, config: str) -> list[Scalar]:
    """Return the stages that read a config because it has the name of a role."""
    return [
        stage.name
        for stage in recipe.stages
        for binding in stage.configs
        if binding.config == config and binding.span == stage.name.span
    ]


def _in_manifest(tree: Mapping) -> Iterator[NameUse]:
    yield from _in_blocks(tree)
    yield from _in_references(tree)


def _in_blocks(tree: Mapping) -> Iterator[NameUse]:
    for block in ("models", "configs"):
        for entry in mapping_entries(tree.get(block), every=True):
            yield NameUse(block, entry.name, entry.key.span, declares=True)
            if block == "configs" and isinstance(entry.value, Mapping):
                yield from _used("configs", entry.value.get("extends"))
    stages = tree.get("stages")
    for item in stages.items if isinstance(stages, Sequence) else ():
        if isinstance(item, Mapping) and item.entry("matrix"):
            yield from _in_blocks(item)
        elif isinstance(item, Mapping):
            yield from _in_stage(item)
        elif short := as_text(item):
            yield NameUse("stages", str(short.value), _inner(short), declares=True, kind=True)


def _in_stage(item: Mapping) -> Iterator[NameUse]:
    alone = not (item.entry("run") or item.entry("call"))
    if name := as_text(item.get("name")):
        yield NameUse("stages", str(name.value), _inner(name), declares=True, kind=alone)
    config = item.get("config")
    yield from _used("configs", config)
    for _, one in children(config) if isinstance(config, Mapping) else ():
        yield from _used("configs", one)
    yield from _used("models", item.get("model"))
    needs = item.get("needs")
    for _, one in children(needs) if isinstance(needs, Sequence) else ():
        yield from _used("stages", one)
    if start := as_text(item.get("init_from")):
        name_only = str(start.value).partition(":")[0]
        yield NameUse("init", name_only, scalar_span(start, 0, len(name_only)))


def _in_config(tree: Mapping) -> Iterator[NameUse]:
    yield from _used("configs", tree.get("extends"))
    yield from _in_references(tree)


def _in_references(tree: Mapping) -> Iterator[NameUse]:
    for _, scalar in walk_scalars(tree):
        if scalar.via:
            continue  # written elsewhere
        for lookup in lookups_in(scalar):
            names = lookup_names(lookup)
            if names and len(names) > 1 and names[0] in NAMESPACES and not lookup.dots:
                yield NameUse(names[0], names[1], lookup.keys[1].span)


def _used(block: str, node: Node | None) -> Iterator[NameUse]:
    text = as_text(node)
    if text and "${" not in str(text.value):
        yield NameUse(block, str(text.value), _inner(text))


def _inner(scalar: Scalar) -> Span:
    """Return the span of a text without its quotes."""
    return scalar_span(scalar, 0, len(str(scalar.value)))
