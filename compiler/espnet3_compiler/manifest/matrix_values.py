"""Fill the values of a matrix into the names that a group gives and uses."""

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import ProvenanceStep
from espnet3_compiler.diagnostics.suggest import is_certain_match
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import KNOWN_RESOLVERS, MATRIX, Call, Lookup
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.manifest.row_ids import ID
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.syntax.placeholder import (
    has_certain_keys,
    is_placeholder,
    placeholder_for,
    with_provenance,
)
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, map_children

STAGE_KEYS = ("name", "run", "call", "config", "model", "needs", "init_from", "description")
CONFIG_KEYS = ("extends", "file")
Piece = str | Lookup | Call


def stage_item_name(stage: Node) -> Scalar | None:
    """Return the name of a stage as it stands: in the short form the item, else name or run."""
    if not isinstance(stage, Mapping):
        return as_text(stage)
    name = stage.get("name")
    if not has_certain_keys(stage) or (name and is_placeholder(name)):
        return as_text(name)
    return as_text(name) or as_text(stage.get("run"))


def is_short_name(name: Scalar) -> bool:
    """Return whether a name in a group holds no reference, so that it gets the id of the row."""
    return isinstance(name.value, str) and not is_placeholder(name) and "${" not in name.value


def row_name(name: str, row: Mapping) -> str:
    """Return the name that a short one of a group has in a row, for example ``train_lr1e_3``."""
    made = row.get(ID)
    assert isinstance(made, Scalar)
    return f"{name}_{made.value}"


def name_stage(stage: Node, row: Mapping) -> Node:
    """Return a stage with its name in a row; what it runs stays what it was.

    Args:
        stage: A stage of the group.
        row: The row of the matrix.
    """
    name = stage_item_name(stage)
    if name is None or not is_short_name(name):
        return stage
    full = Entry(Scalar("name", name.span), replace(name, value=row_name(str(name.value), row)))
    if not isinstance(stage, Mapping):
        return Mapping((full, Entry(Scalar("run", name.span), name)), name.span)
    others = tuple(entry for entry in stage if entry.key.value != "name")
    written = stage.entry("name")
    first = Entry(written.key, full.value) if written else full
    says_kind = stage.entry("run") or stage.entry("call") or not has_certain_keys(stage)
    kind = () if says_kind else (Entry(Scalar("run", name.span), name),)
    return replace(stage, entries=(first, *kind, *others))


def fill_stage(stage: Node, row: Mapping, found: list[Diagnostic]) -> Node:
    """Return a stage with the names that it gives and uses filled in.

    Args:
        stage: A stage of the group.
        row: The row of the matrix.
        found: Collects findings.
    """
    return _fill_entries(stage, STAGE_KEYS, row, found)


def fill_config(config: Node, row: Mapping, found: list[Diagnostic]) -> Node:
    """Return the declaration of a config with its base and file filled in.

    Args:
        config: A config of the group: a file name or a mapping.
        row: The row of the matrix.
        found: Collects findings.
    """
    return _fill_entries(config, CONFIG_KEYS, row, found)


def fill_text(scalar: Scalar, row: Mapping, found: list[Diagnostic]) -> Scalar:
    """Return a text with the values of a row; one that is a ``${matrix.NAME}`` keeps its type.

    A text with other references is left to the resolver; one that is wrong is reported and becomes
    a placeholder.

    Args:
        scalar: A text of the group.
        row: The row of the matrix.
        found: Collects findings.
    """
    if not isinstance(scalar.value, str) or "${" not in scalar.value or is_placeholder(scalar):
        return scalar
    pieces, bad = parse(scalar)
    wrong = [bad] if bad else [finding for piece in pieces if (finding := _piece_finding(piece))]
    if wrong:
        found += wrong
        return placeholder_for(scalar)
    if not all(
        "${" not in piece if isinstance(piece, str) else _is_matrix_reference(piece)
        for piece in pieces
    ):
        return scalar
    values = [_piece_value(piece, row, found) for piece in pieces]
    if any(value is None for value in values):
        return placeholder_for(scalar)
    if len(pieces) == 1 and isinstance(pieces[0], Lookup) and isinstance(values[0], Scalar):
        return with_provenance(values[0], ProvenanceStep("interpolation", pieces[0].span))
    joined = "".join(str(v.value) if isinstance(v, Scalar) else str(v) for v in values)
    return Scalar(
        joined, scalar.span, "plain", (ProvenanceStep("interpolation", scalar.span), *scalar.via)
    )


def _piece_finding(piece: Piece) -> Diagnostic | None:
    """Report an unknown resolver, and a plain misspelling of the word ``matrix``.

    Later steps would report an unknown name, and do not resolve descriptions.
    """
    if isinstance(piece, Call) and piece.name not in KNOWN_RESOLVERS:
        return findings.unknown_resolver(piece)
    if isinstance(piece, Lookup) and piece.dots == 0:
        key = piece.keys[0]
        if isinstance(key.name, str) and is_certain_match(key.name, [MATRIX]):
            problem = f'there is no "{key.name}" here'
            return findings.unknown_key(piece.span, key, problem, [MATRIX])
    return None


def _is_matrix_reference(piece: Piece) -> bool:
    """Return whether a reference begins with ``matrix`` and has only plain names after it."""
    return (
        isinstance(piece, Lookup)
        and piece.dots == 0
        and piece.keys[0].name == MATRIX
        and all(isinstance(key.name, str) for key in piece.keys)
    )


def _piece_value(piece: Piece, row: Mapping, found: list[Diagnostic]) -> str | Scalar | None:
    if isinstance(piece, str):
        return piece
    assert isinstance(piece, Lookup)
    wrong = findings.not_in_row(piece.span, piece.keys[1:], row)
    if wrong is not None:
        found.append(wrong)
        return None
    node = row.get(str(piece.keys[1].name))
    return node if isinstance(node, Scalar) and not is_placeholder(node) else None


def _fill_entries(
    node: Node, names: tuple[str, ...], row: Mapping, found: list[Diagnostic]
) -> Node:
    if not isinstance(node, Mapping):
        return fill_text(node, row, found) if isinstance(node, Scalar) else node
    return map_children(
        node, lambda value, key: _fill_node(value, row, found) if key in names else value
    )


def _fill_node(node: Node, row: Mapping, found: list[Diagnostic]) -> Node:
    if isinstance(node, Scalar):
        return fill_text(node, row, found)
    return map_children(node, lambda child, _: _fill_node(child, row, found))
