"""Which tree and which way through it a reference names."""

from typing import NamedTuple

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import is_certain_match
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import MATRIX, NAMESPACES, Key
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.interpolation.roots import GLOBALS, display_path
from espnet3_compiler.interpolation.state import NodeLocation, ResolutionState
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, Sequence

STAGE_STEPS = 3
"""``stages``, the name of a stage and the name of an output."""


class LookupTarget(NamedTuple):
    """Where a path leads: the owner, the way from its root, and the keys of the last steps.

    Attributes:
        owner: A key of ``State.roots``; ``("stages",)`` for the output of a stage.
        path: The whole way.
        keys: The keys as written, for their places; the last ones of the way.
    """

    owner: Path
    path: Path
    keys: tuple[Key, ...]


def find_target(
    state: ResolutionState, place: NodeLocation, dots: int, keys: list[Key], span: Span
) -> LookupTarget | Diagnostic | None:
    """Return where a reference leads, or what is wrong with its beginning.

    None where it may lead to what could not be read.

    The root of the config comes first, then the names of the manifest: ``recipe``, ``recipe_dir``,
    ``exp_tag``, ``exp_dir``, ``data_dir``, ``configs.``, ``models.`` and ``stages.``; last
    ``matrix.``, for what stands in a group.

    Args:
        state: What is resolved so far.
        place: Where the reference stands: config, model or stage, and the keys inside of it.
        dots: How many dots it begins with; each leads one mapping up.
        keys: The steps of its path.
        span: The whole ``${…}``, for findings.
    """
    owner, path = place
    names = tuple(_key_name(key) for key in keys)
    if dots:
        if dots > len(path):
            return findings.above_root(span)
        return LookupTarget(owner, (*path[: len(path) - dots], *names), tuple(keys))
    if owner[0] == "configs" and _begins_in_config(state.roots[owner], names):
        return LookupTarget(owner, names, tuple(keys))
    if _has_entry(state.roots[GLOBALS], names[0]):
        return LookupTarget(GLOBALS, names, tuple(keys))
    if names[0] in NAMESPACES:
        return _in_namespace(state, keys, span)
    if names[0] == MATRIX:
        return _in_row(state, owner, keys, span)
    unclear = owner in state.partial or not has_certain_keys(state.roots[owner])
    if unclear and not is_certain_match(names[0], _known_roots(state, owner)):
        return None
    return _unknown_root(state, owner, keys[0], span)


def _in_namespace(
    state: ResolutionState, keys: list[Key], span: Span
) -> LookupTarget | Diagnostic | None:
    namespace, names = _key_name(keys[0]), tuple(_key_name(key) for key in keys)
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
    if not state.recipe.names_complete and not is_certain_match(names[1], known):
        return None
    kind = {"configs": "the list of configs", "models": "the list of models"}[namespace]
    return findings.unknown_key(span, keys[1].span, names[1], kind, known)


def _in_row(
    state: ResolutionState, owner: Path, keys: list[Key], span: Span
) -> LookupTarget | Diagnostic | None:
    """Return the value that the row of a matrix gives to a name."""
    row = state.roots.get((MATRIX, *owner))
    if row is None:
        return findings.no_matrix(span) if state.recipe.whole else None
    wrong = findings.not_in_row(span, tuple((_key_name(key), key.span) for key in keys[1:]), row)
    return wrong or LookupTarget((MATRIX, *owner), (_key_name(keys[1]),), (keys[1],))


def _unknown_root(state: ResolutionState, owner: Path, key: Key, span: Span) -> Diagnostic:
    name = _key_name(key)
    for namespace in ("configs", "models"):
        if (namespace, name) in state.roots and key.span.text == name:
            return findings.namespace_missing(span, key.span, namespace, name)
    return findings.unknown_root(span, key.span, name, _known_roots(state, owner))


def _known_roots(state: ResolutionState, owner: Path) -> list[str]:
    own = [entry.name for entry in state.roots[owner]] if owner[0] == "configs" else []
    manifest = [entry.name for entry in state.roots[GLOBALS]]
    rows = [MATRIX] if (MATRIX, *owner) in state.roots else []
    return [*own, *manifest, *NAMESPACES, *rows]


def may_be_lost(state: ResolutionState, target: LookupTarget, node: Node) -> bool:
    """Return whether what is not there may be among what could not be read.

    Args:
        state: What is resolved so far.
        target: Where the path leads.
        node: The node in which its next step was looked for.
    """
    return not has_certain_keys(node) or target.owner in state.partial


def is_slip(node: Node, name: str) -> bool:
    """Return whether a name was surely meant to be one of those that are there."""
    return isinstance(node, Mapping) and is_certain_match(name, [entry.name for entry in node])


def child(node: Node, name: str) -> Node | None:
    """Return the entry or item of a node that a step of a path names, or None."""
    if isinstance(node, Mapping):
        return node.get(name)
    if isinstance(node, Sequence) and name.isascii() and name.isdigit():
        index = int(name) if len(name) <= len(str(len(node.items))) else len(node.items)
        return node.items[index] if index < len(node.items) else None
    return None


def missing(target: LookupTarget, depth: int, node: Node, span: Span) -> Diagnostic:
    """Return what is wrong with a path of which a step leads nowhere.

    Args:
        target: Where the path leads.
        depth: How many of its steps were found.
        node: The node that they lead to.
        span: The reference.
    """
    written = depth - (len(target.path) - len(target.keys))
    segment = target.keys[written].span if written >= 0 else span
    where = display_path(target.owner, target.path[:depth])
    inside = f'"{where}"' if where else "the manifest"
    if isinstance(node, Mapping):
        known = [entry.name for entry in node]
        return findings.unknown_key(span, segment, str(target.path[depth]), inside, known)
    if isinstance(node, Sequence):
        return findings.not_an_index(span, segment, inside, len(node.items))
    if has_reference(node.value):
        return findings.known_at_runtime(span, f"{inside} must be a mapping now")
    return findings.not_a_container(span, segment, inside, node)


def _begins_in_config(root: Mapping, names: tuple[str, ...]) -> bool:
    """Return whether a path begins in a config; a part of a default null was surely not meant."""
    node = root.get(names[0])
    if len(names) == 1 or not isinstance(node, Scalar) or node.value is not None:
        return node is not None
    return node.span.source.kind != "schema"


def _has_entry(root: Mapping, name: str) -> bool:
    return root.entry(name) is not None


def _key_name(key: Key) -> str:
    assert isinstance(key.name, str)
    return key.name
