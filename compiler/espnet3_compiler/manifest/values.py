"""Read parts of a manifest that may have wrong types: the schema check has reported those."""

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence


def as_text(node: Node | None) -> Scalar | None:
    """Return a scalar with a readable text that is not empty, otherwise None."""
    if not isinstance(node, Scalar) or is_placeholder(node) or not isinstance(node.value, str):
        return None
    return node if node.value.strip() else None


def text_of(node: Node | None) -> str:
    """Return the text of a scalar; an empty one of anything else."""
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""


def number_of(node: Node | None) -> float | None:
    """Return the number that a scalar is; None of anything else."""
    value = node.value if isinstance(node, Scalar) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_mapping(node: Node | None) -> Mapping | None:
    """Return a mapping, also one in brackets that should not be there, otherwise None."""
    if isinstance(node, Sequence) and len(node.items) == 1:
        node = node.items[0]
    return node if isinstance(node, Mapping) else None


def as_texts(node: Node | None) -> tuple[Scalar, ...]:
    """Return the texts of a list, or a text that is not in a list."""
    items = node.items if isinstance(node, Sequence) else (node,)
    return tuple(item for item in map(as_text, items) if item)


def mapping_entries(node: Node | None, *, every: bool = False) -> tuple[Entry, ...]:
    """Return the entries of a mapping whose keys are texts, or ``every`` one."""
    if not isinstance(node, Mapping):
        return ()
    return tuple(entry for entry in node if every or as_text(entry.key))


def without_keys(node: Mapping, *keys: str) -> Mapping:
    """Return a mapping without some keys."""
    kept = tuple(entry for entry in node if entry.key.value not in keys)
    return Mapping(kept, node.span, node.via)


def substitute_text(value: str, like: Node) -> Scalar:
    """Return a text that replaces a wrong node, so that lowering continues."""
    return Scalar(value, like.span, "plain", like.via)


def default_scalar(name: str, value: str) -> Scalar:
    """Return the default of a manifest key as a node."""
    source = Source(f"default of {name}", value, "schema")
    return Scalar(value, Span(source, 0, len(value)))
