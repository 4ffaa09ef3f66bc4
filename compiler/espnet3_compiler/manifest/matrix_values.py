"""``${matrix.NAME}`` in the names that a group gives and uses."""

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import ProvenanceStep
from espnet3_compiler.diagnostics.suggest import is_certain_match
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import KNOWN_RESOLVERS, MATRIX, Call, Lookup
from espnet3_compiler.expressions.template import parse
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.syntax.placeholder import (
    has_certain_keys,
    is_placeholder,
    placeholder_for,
    with_provenance,
)
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, map_children

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


def fill_stage(stage: Node, row: Mapping, found: list[Diagnostic]) -> Node:
    """Return a stage with the names that it gives and uses filled in.

    Args:
        stage: A stage of the group.
        row: The row of the matrix.
        found: Collects findings.
    """
    if isinstance(stage, Scalar):
        return fill_text(stage, row, found)
    return _fill_entries(stage, STAGE_KEYS, row, found) if isinstance(stage, Mapping) else stage


def fill_config(config: Node, row: Mapping, found: list[Diagnostic]) -> Node:
    """Return the declaration of a config with its base and file filled in.

    Args:
        config: A config of the group: a file name or a mapping.
        row: The row of the matrix.
        found: Collects findings.
    """
    if isinstance(config, Scalar):
        return fill_text(config, row, found)
    return _fill_entries(config, CONFIG_KEYS, row, found) if isinstance(config, Mapping) else config


def fill_text(scalar: Scalar, row: Mapping, found: list[Diagnostic]) -> Scalar:
    """Return a text with the values of a row in it; a whole ``${matrix.NAME}`` keeps its type.

    A text with other references is left to the resolver; one whose name is in no row, or that is
    wrong wherever it stands, is reported and becomes a stand-in.

    Args:
        scalar: A text of the group.
        row: The row of the matrix.
        found: Collects findings.
    """
    if not isinstance(scalar.value, str) or "${" not in scalar.value or is_placeholder(scalar):
        return scalar
    pieces, bad = parse(scalar)
    if bad:
        found.append(bad)
        return placeholder_for(scalar)
    wrong = [finding for piece in pieces if (finding := _piece_finding(piece))]
    if wrong:
        found += wrong
        return placeholder_for(scalar)
    if not all(isinstance(piece, str) or is_matrix_reference(piece) for piece in pieces):
        return scalar
    if any(isinstance(piece, str) and "${" in piece for piece in pieces):
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
    """Report a resolver that there is not, and a plain slip in the word ``matrix``.

    Lowering would tell them as an unknown name, and a description is read by nobody after it.
    """
    if isinstance(piece, Call) and piece.name not in KNOWN_RESOLVERS:
        return findings.unknown_resolver(piece.name_span, piece.name, KNOWN_RESOLVERS)
    if isinstance(piece, Lookup) and piece.dots == 0:
        name, place = piece.keys[0]
        if isinstance(name, str) and is_certain_match(name, [MATRIX]):
            return findings.unknown_root(piece.span, place, name, [MATRIX])
    return None


def is_matrix_reference(piece: Piece) -> bool:
    """Return whether a reference begins with ``matrix`` and says the rest in plain words."""
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
    names = tuple((str(key.name), key.span) for key in piece.keys[1:])
    wrong = findings.not_in_row(piece.span, names, row)
    if wrong is not None:
        found.append(wrong)
        return None
    node = row.get(str(piece.keys[1].name))
    return node if isinstance(node, Scalar) and not is_placeholder(node) else None


def _fill_entries(
    block: Mapping, names: tuple[str, ...], row: Mapping, found: list[Diagnostic]
) -> Mapping:
    return map_children(
        block, lambda value, key: _fill_node(value, row, found) if key in names else value
    )


def _fill_node(node: Node, row: Mapping, found: list[Diagnostic]) -> Node:
    if isinstance(node, Scalar):
        return fill_text(node, row, found)
    return map_children(node, lambda child, _: _fill_node(child, row, found))
