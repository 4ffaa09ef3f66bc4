"""Find the tree that a reference names, and the path in it."""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import is_certain_match
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import MATRIX, NAMESPACES, Key
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.interpolation.roots import GLOBALS, display_path
from espnet3_compiler.interpolation.state import NodeLocation, ResolutionState
from espnet3_compiler.manifest.row_ids import ID
from espnet3_compiler.syntax.core_schema import describe_type
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.span_key import SpanKey, span_key
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, Sequence

_VARIABLE = r"\$\{\s*(?:oc\.env\.|env\.)?([A-Z][A-Z0-9_]+)\s*\}"
"""A variable of the environment as a shell writes it, or with a dot for the colon."""
STAGE_STEPS = 3
"""``stages``, the name of a stage and the name of an output."""


class LookupTarget(Struct, frozen=True):
    """Where a reference leads.

    Attributes:
        owner: A key of ``ResolutionState.roots``; ``("stages",)`` for the output of a stage.
        path: The path from the root of that tree.
        keys: The last steps of the path as they are written.
    """

    owner: Path
    path: Path
    keys: tuple[Key, ...]


def find_target(
    state: ResolutionState, location: NodeLocation, dots: int, keys: list[Key], span: Span
) -> LookupTarget | Diagnostic | None:
    """Return where a reference leads, or a finding; None if a part that it may name is unreadable.

    The root of the config comes first, then the names of the manifest: ``recipe``, ``recipe_dir``,
    ``exp_tag``, ``exp_dir``, ``data_dir``, ``configs.``, ``models.`` and ``stages.``; last, in a
    group, ``matrix.``.

    Args:
        state: The state of resolution.
        location: The leaf that holds the reference.
        dots: How many dots the reference begins with; each leads one mapping up.
        keys: The steps of its path.
        span: The ``${…}``.
    """
    owner, path = location
    names = tuple(_key_name(key) for key in keys)
    if dots:
        if dots > len(path):
            return findings.above_root(span)
        return LookupTarget(owner, (*path[: len(path) - dots], *names), tuple(keys))
    if owner[0] == "configs" and _begins_in_config(state.roots[owner], names):
        return LookupTarget(owner, names, tuple(keys))
    if state.roots[GLOBALS].entry(names[0]):
        return LookupTarget(GLOBALS, names, tuple(keys))
    if names[0] in NAMESPACES:
        return _in_namespace(state, owner, keys, span)
    if names[0] == MATRIX:
        return _in_row(state, owner, keys, span)
    incomplete = owner in state.incomplete or not has_certain_keys(state.roots[owner])
    if incomplete and not is_certain_match(names[0], _known_roots(state, owner)):
        return None
    return _unknown_root(state, owner, keys[0], span)


def _in_namespace(
    state: ResolutionState, holder: Path, keys: list[Key], span: Span
) -> LookupTarget | Diagnostic | None:
    """Return the config, model or output that a path names; in a group, that of the same row.

    Args:
        state: The state of resolution.
        holder: What holds the reference.
        keys: The steps of its path.
        span: The ``${…}``.
    """
    namespace, names = _key_name(keys[0]), tuple(_key_name(key) for key in keys)
    groups = state.recipe.group_names
    if len(names) > 1:
        full = groups.full_name(holder, namespace, names[1])
        names = (namespace, full, *names[2:])
    if namespace == "stages":
        if len(keys) != STAGE_STEPS:
            example = "${stages.train.best_checkpoint}"
            return findings.incomplete_path(span, "stages.STAGE.OUTPUT", example)
        return LookupTarget(("stages",), names[1:], tuple(keys[1:]))
    if len(keys) == 1:
        return findings.incomplete_path(
            span, f"{namespace}.NAME.key", f"${{{namespace}.training.seed}}"
        )
    owner = (namespace, names[1])
    if owner in state.roots:
        return LookupTarget(owner, names[2:], tuple(keys[2:]))
    known = [str(other[1]) for other in state.roots if other[0] == namespace]
    known = groups.visible_names(holder, namespace, known)
    if not state.recipe.names_complete and not is_certain_match(names[1], known):
        return None
    problem = f'the list of {namespace} has no "{names[1]}"'
    rows = groups.rows_hint(namespace, names[1])
    return findings.unknown_key(span, keys[1], problem, known, rows)


def _in_row(
    state: ResolutionState, owner: Path, keys: list[Key], span: Span
) -> LookupTarget | Diagnostic | None:
    """Return the value that the row of a matrix gives to a name."""
    row = state.roots.get((MATRIX, *owner))
    if row is None:
        return findings.no_matrix(span) if state.recipe.complete else None
    found = len(keys) > 1 and row.entry(_key_name(keys[1]))
    wrong = findings.not_in_row(span, keys[1:], row, () if found else _other_rows(state, row))
    return wrong or LookupTarget((MATRIX, *owner), (_key_name(keys[1]),), (keys[1],))


def _other_rows(state: ResolutionState, row: Mapping) -> list[Mapping]:
    """Return the other rows of a matrix: their ids stand where it does."""
    place = _place_of_matrix(row)
    rows = state.recipe.rows.values() if place else ()
    return [one for one in rows if one is not row and _place_of_matrix(one) == place]


def _place_of_matrix(row: Mapping) -> SpanKey | None:
    own = row.entry(ID)
    return span_key(own.key.span) if own else None


def _unknown_root(state: ResolutionState, owner: Path, key: Key, span: Span) -> Diagnostic:
    name = _key_name(key)
    variable = re.fullmatch(_VARIABLE, span.text)
    if variable:
        return findings.environment_variable(span, variable[1])
    for namespace, what in _names_without_root(state, owner, name):
        if key.span.text == name:
            title = f'write "{namespace}.{name}"'
            edit = Edit(key.span, f"{namespace}.{name}")
            return Diagnostic(
                "R301",
                f'"{span.text}" names nothing: "{name}" {what}',
                Label(key.span, f'"{namespace}." is missing'),
                help=(title,),
                fix=Fix(title, (edit,), certain=namespace in ("configs", "models", MATRIX)),
            )
    problem = f'there is no "{name}" here'
    return findings.unknown_key(span, key, problem, _known_roots(state, owner))


def _names_without_root(
    state: ResolutionState, owner: Path, name: str
) -> Iterator[tuple[str, str]]:
    """Yield the namespaces that have a name, each with what it is there."""
    row = state.roots.get((MATRIX, *owner))
    if row is not None and row.entry(name):
        yield MATRIX, "is a name of the matrix"
    for namespace in ("configs", "models"):
        if (namespace, name) in state.roots:
            yield namespace, f"stands among the {namespace}"
    if any(stage.name.value == name for stage in state.recipe.stages):
        yield "stages", "is a stage"


def _known_roots(state: ResolutionState, owner: Path) -> list[str]:
    own = [entry.name for entry in state.roots[owner]] if owner[0] == "configs" else []
    manifest = [entry.name for entry in state.roots[GLOBALS]]
    rows = [MATRIX] if (MATRIX, *owner) in state.roots else []
    return [*own, *manifest, *NAMESPACES, *rows]


def child(node: Node, name: str) -> Node | None:
    """Return the entry or item of a node that a step of a path names, or None."""
    if isinstance(node, Mapping):
        return node.get(name)
    if isinstance(node, Sequence) and name.isascii() and name.isdigit():
        index = int(name) if len(name) <= len(str(len(node.items))) else len(node.items)
        return node.items[index] if index < len(node.items) else None
    return None


def missing(target: LookupTarget, depth: int, node: Node, span: Span) -> Diagnostic:
    """R301 (or R310): a step of a path leads nowhere.

    Args:
        target: Where the path leads.
        depth: How many of its steps were found.
        node: The node that they lead to.
        span: The ``${…}``.
    """
    written = depth - (len(target.path) - len(target.keys))
    key = target.keys[written] if written >= 0 else Key("", span)
    where = display_path(target.owner, target.path[:depth])
    inside = f'"{where}"' if where else "the manifest"
    related: tuple[Label, ...] = ()
    if isinstance(node, Mapping):
        step = Key(str(target.path[depth]), key.span)
        known = [entry.name for entry in node]
        return findings.unknown_key(span, step, f'{inside} has no "{step.name}"', known)
    if isinstance(node, Sequence):
        count = len(node.items)
        problem = f"{inside} is a list of {count} items"
        label = f"expected 0 to {count - 1}" if count else "the list is empty"
    elif has_reference(node.value):
        return findings.known_at_runtime(span, f"{inside} must be a mapping now")
    else:
        problem = f"{inside} is {describe_type(node.value)} and has no parts"
        label, related = "leads no further", (Label(node.span, "this is the value"),)
    return Diagnostic(
        "R301", f'"{span.text}" names nothing: {problem}', Label(key.span, label), related=related
    )


def _begins_in_config(root: Mapping, names: tuple[str, ...]) -> bool:
    """Return whether a path begins in a config; a part of a default null is not meant."""
    node = root.get(names[0])
    if len(names) == 1 or not isinstance(node, Scalar) or node.value is not None:
        return node is not None
    return not node.span.source.holds_defaults


def _key_name(key: Key) -> str:
    assert isinstance(key.name, str)
    return key.name
