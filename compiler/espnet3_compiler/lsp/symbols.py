"""The outline of a manifest or config: its keys, and in a manifest its models, configs, stages."""

from collections.abc import Iterator

from lsprotocol.types import DocumentSymbol, SymbolKind

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.lsp.positions import Positions
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, Sequence

DEEPEST = 4
_KINDS = {"models": SymbolKind.Class, "configs": SymbolKind.Namespace}


def document_symbols(tree: Mapping, positions: Positions) -> list[DocumentSymbol]:
    """Return the outline of a text."""
    return list(_below(tree, positions, 0, SymbolKind.Key))


def _below(
    node: Node, positions: Positions, depth: int, kind: SymbolKind
) -> Iterator[DocumentSymbol]:
    if depth >= DEEPEST:
        return
    for entry in node if isinstance(node, Mapping) else ():
        inner = _KINDS.get(entry.name, SymbolKind.Key) if depth == 0 else SymbolKind.Key
        is_stages = depth == 0 and entry.name == "stages"
        below = _stages(entry.value, positions) if is_stages else None
        yield _symbol(
            (entry.key, entry.value),
            positions,
            kind,
            list(below if below is not None else _below(entry.value, positions, depth + 1, inner)),
        )


def _stages(node: Node, positions: Positions) -> Iterator[DocumentSymbol]:
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Mapping) and (group := item.get("stages")):
            yield from _stages(group, positions)
        name = as_text(item.get("name") if isinstance(item, Mapping) else item)
        if name:
            what = (
                as_text(item.get("run") or item.get("call")) if isinstance(item, Mapping) else None
            )
            detail = str(what.value) if what else None
            yield _symbol((name, item), positions, SymbolKind.Function, [], detail)


def _symbol(
    parts: tuple[Scalar, Node],
    positions: Positions,
    kind: SymbolKind,
    below: list[DocumentSymbol],
    detail: str | None = None,
) -> DocumentSymbol:
    name, node = parts
    whole = Span(
        name.span.source,
        min(name.span.start, node.span.start),
        max(name.span.end, node.span.end if node.span.source is name.span.source else 0),
    )
    if detail is None and isinstance(node, Scalar) and node is not name:
        detail = str(node.value)
    return DocumentSymbol(
        name=str(name.value) or '""',
        kind=kind,
        range=positions.range(whole),
        selection_range=positions.range(name.span),
        detail=detail,
        children=below,
    )
