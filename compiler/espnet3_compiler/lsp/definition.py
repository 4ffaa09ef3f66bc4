"""Go to the place that says what a name, a path or a reference means."""

from collections.abc import Iterator

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.nodes import MATRIX, Lookup
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.lsp.names import NameUse, same_name
from espnet3_compiler.lsp.places import Document, matrix_entries, place_at, target_of
from espnet3_compiler.lsp.spot import Spot, lookup_at, lookup_names
from espnet3_compiler.lsp.targets import definition_of
from espnet3_compiler.syntax.provenance import FETCHING_STEPS
from espnet3_compiler.syntax.tree import Node, Path, node_at
from espnet3_schemas import TARGET

DOTTED = (TARGET, "call", "task")


def definitions(
    document: Document, spot: Spot, offset: int, uses: list[NameUse], here: NameUse | None
) -> list[Span]:
    """Return where that is defined which stands at an offset.

    Args:
        document: The file.
        spot: The key or value there.
        offset: The offset.
        uses: All names of the recipe.
        here: The name there, if it is one.
    """
    if not spot.is_key and (found := lookup_at(spot.scalar, offset)):
        names = lookup_names(found[0])
        return list(_of_lookup(document, spot, found[0], names[: found[1] + 1] if names else ()))
    return list(_of_value(document, spot, uses, here))


def _of_value(
    document: Document, spot: Spot, uses: list[NameUse], here: NameUse | None
) -> Iterator[Span]:
    key, value = str(spot.path[-1]) if spot.path else "", str(spot.scalar.value)
    if not spot.is_key and key in DOTTED:
        yield from _of_path(document, value)
    elif here and here.declares and here.block == "stages" and here.kind:
        yield from _of_kind(document, value)
    elif here and here.declares and here.block == "configs":
        yield from _files_of_config(document, here.name)
    elif here:
        yield from (one.span for one in same_name(here, uses) if one.declares)
    elif not spot.is_key and document.is_manifest and spot.path == ("system",):
        yield from _of_path(document, document.recipe.system.class_path)
    elif not spot.is_key and document.is_manifest and key == "run":
        yield from _of_kind(document, value)
    elif not spot.is_key and is_file(document.recipe.directory / value):
        yield Span(Source(value, "", path=document.recipe.directory / value), 0, 0)
    elif spot.is_key and (target := target_of(node_at(spot.tree, spot.path[:-1]))):
        yield from _of_path(document, target)


def _of_path(document: Document, path: str) -> Iterator[Span]:
    """Yield the line of the class or function that a dotted path leads to."""
    library = document.recipe.library
    found = definition_of(library, path)
    file = library.file(found.location) if found else None
    if found and file:
        yield file.span_of(found.line, found.name)


def _of_kind(document: Document, kind: str) -> Iterator[Span]:
    yield from _of_path(document, f"{document.recipe.system.class_path}.{kind}")


def _files_of_config(document: Document, name: str) -> Iterator[Span]:
    declared = [one for one in document.recipe.configs if one.name.value == name]
    for one in declared:
        path = document.recipe.directory / str(one.file.value) if one.file else None
        if path and is_file(path):
            yield Span(Source(path.name, "", path=path), 0, 0)
        elif one.extends:
            base = str(one.extends.value)
            yield from (b.name.span for b in document.recipe.configs if b.name.value == base)


def referenced_node(
    document: Document, spot: Spot, lookup: Lookup, names: Path
) -> tuple[str, Path, Node | None]:
    """Return what a reference leads to: the config or model, the path in it, and the node.

    Args:
        document: The file.
        spot: The text that holds it.
        lookup: The reference.
        names: Its steps, or the first of them.
    """
    resolved = document.result.resolved
    place = place_at(document, spot.tree, spot.path)
    if resolved is None:
        return "", (), None
    own = resolved.configs.get(place.config or "") or resolved.models.get(place.model or "")
    owner = place.config or place.model or ""
    if lookup.dots:
        inner = place.inner[: max(len(place.inner) - lookup.dots, 0)]
        return owner, (*inner, *names), node_at(own, (*inner, *names)) if own else None
    if own and place.config and names[:1] and own.get(str(names[0])):
        return owner, names, node_at(own, names)
    roots = {"configs": resolved.configs, "models": resolved.models}.get(str(names[0]), {})
    root = roots.get(str(names[1])) if len(names) > 1 else None
    if root is not None:
        return str(names[1]), names[2:], node_at(root, names[2:])
    return "", (), None


def _of_lookup(document: Document, spot: Spot, lookup: Lookup, names: Path) -> Iterator[Span]:
    recipe = document.recipe
    if names[:1] == (MATRIX,) and len(names) > 1:
        rows = matrix_entries(spot.tree, spot.path)
        yield from (entry.key.span for entry in rows if entry.name == names[1])
        return
    if names[:1] == ("stages",) and len(names) > 1:
        stage = recipe.stages_by_name.get(str(names[1]))
        if stage and len(names) > 2 and stage.outputs and stage.outputs.entry(str(names[2])):  # noqa: PLR2004
            entry = stage.outputs.entry(str(names[2]))
            assert entry
            yield entry.key.span
        elif stage:
            yield stage.name.span
        return
    if names[:1] and (entry := recipe.globals.entry(str(names[0]))) and not lookup.dots:
        yield entry.key.span
        return
    owner, inner, node = referenced_node(document, spot, lookup, names)
    if node is not None and inner and (span := _written_span(node)):
        yield span
    if not inner or node is None:
        names_of = [one.name for one in recipe.configs] + [one.name for one in recipe.models]
        yield from (name.span for name in names_of if name.value == owner)


def _written_span(node: Node) -> Span | None:
    """Return where a value is written or, if it was fetched, where it is used."""
    fetched = [step.span for step in node.via if step.how in FETCHING_STEPS]
    span = fetched[0] if fetched else node.span
    return span if span.source.path else None
