"""Evaluate references: every leaf is resolved once, after the leaves that it refers to.

A node is resolved by evaluating its references, and a reference by resolving the nodes on its path.
"""

from typing import NoReturn

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import ProvenanceStep, Span
from espnet3_compiler.diagnostics.suggest import is_certain_match
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import Argument, Call, JoinedKey, Key, Lookup, Template
from espnet3_compiler.expressions.template import (
    RuntimeReference,
    has_reference,
    parse_literal,
    render_call,
    render_text,
)
from espnet3_compiler.interpolation.lookup import (
    LookupTarget,
    child,
    find_target,
    missing,
)
from espnet3_compiler.interpolation.resolvers import RESOLVERS_BY_NAME, ResolverRequest
from espnet3_compiler.interpolation.roots import DATA_DIR, GLOBALS
from espnet3_compiler.interpolation.state import (
    NodeLocation,
    Pieces,
    ResolutionState,
    as_pieces,
    outermost,
    report_cycle,
    runtime_text,
)
from espnet3_compiler.manifest.recipe import Reference
from espnet3_compiler.syntax.placeholder import (
    count_nodes,
    has_certain_keys,
    is_placeholder,
    placeholder_for,
    with_provenance,
)
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, Sequence, map_children

MAX_OPEN = 110
"""Nodes that wait for one another; each takes four frames of Python's stack."""
MAX_WAITING = 40
"""References among them; each takes nine."""
MAX_FETCHED = 200_000
"""Nodes that references copy, in all."""
MAX_TEXT = 1_000_000
"""Characters of a text after resolution."""


class NoValue(Exception):  # noqa: N818 - no error: the mistake, if any, has been reported
    """Leaves the evaluation of a reference that has no value."""


def resolve_node(state: ResolutionState, owner: Path, path: Path, node: Node) -> Node:
    """Return a node with its references replaced; one without a value becomes a placeholder.

    Args:
        state: The state of resolution.
        owner: The config, model or stage that holds the node.
        path: The keys that lead to it.
        node: The node as it is written.
    """
    if _is_plain(node):
        return node
    location = owner, path
    if location in state.done:
        return state.done[location]
    if location in state.open:
        report_cycle(state, location)
        return placeholder_for(node)
    if len(state.open) >= MAX_OPEN or state.waiting >= MAX_WAITING:
        state.report(
            owner, findings.too_large(outermost(state, node), "lead through too many others")
        )
        return placeholder_for(node)
    state.open[location] = None
    result = _resolved(state, owner, path, node)
    del state.open[location]
    state.done[location] = result
    return result


def _resolved(state: ResolutionState, owner: Path, path: Path, node: Node) -> Node:
    if not isinstance(node, Scalar):
        return map_children(
            node,
            lambda value, step: (
                value if _is_plain(value) else resolve_node(state, owner, (*path, step), value)
            ),
        )
    return node if is_placeholder(node) else _resolved_text(state, owner, path, node)


def _is_plain(node: Node) -> bool:
    return isinstance(node, Scalar) and "${" not in str(node.value)


def _resolved_text(state: ResolutionState, owner: Path, path: Path, scalar: Scalar) -> Node:
    template, bad = state.split(scalar)
    if bad:
        state.report(owner, bad)
        return placeholder_for(scalar)
    try:
        if len(template) == 1 and not isinstance(template[0], str):
            return _whole_value(state, (owner, path), scalar, template[0])
        return runtime_text(state, scalar, _evaluate_parts(state, (owner, path), template))
    except NoValue:
        return placeholder_for(scalar)


def _whole_value(
    state: ResolutionState, location: NodeLocation, scalar: Scalar, piece: Lookup | Call
) -> Node:
    """Return the value of a text that is one reference: it keeps its type."""
    value = _evaluate(state, location, piece)
    if isinstance(value, RuntimeReference):
        return runtime_text(state, scalar, (value,))
    state.fetched += count_nodes(value)
    if state.fetched > MAX_FETCHED:
        _give_up(state, location, findings.too_large(piece.span, "copy too many values"))
    fetched = ProvenanceStep("interpolation", piece.span)
    return with_provenance(value, *scalar.via, fetched)


def _evaluate_parts(state: ResolutionState, location: NodeLocation, parts: Template) -> Pieces:
    """Return the parts of a text with the values of their references."""
    pieces: list[str | RuntimeReference] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = as_pieces(state, location[0], part.span, _evaluate(state, location, part))
        if value is None:
            raise NoValue
        pieces += value
        if sum(len(piece) for piece in pieces if isinstance(piece, str)) > MAX_TEXT:
            _give_up(
                state, location, findings.too_large(part.span, "make a text of endless length")
            )
    return tuple(pieces)


def _evaluate(
    state: ResolutionState, location: NodeLocation, piece: Lookup | Call
) -> Node | RuntimeReference:
    """Return the value of a reference that stands in a leaf."""
    outer = state.open.get(location)
    state.open[location] = piece.span
    state.waiting += 1
    try:
        if isinstance(piece, Lookup):
            keys = [name for key in piece.keys for name in _plain_keys(state, location, key)]
            return _fetch_node(state, location, piece.dots, keys, piece.span)
        return _evaluate_call(state, location, piece)
    finally:
        state.open[location] = outer
        state.waiting -= 1


def _fetch_node(
    state: ResolutionState, location: NodeLocation, dots: int, keys: list[Key], span: Span
) -> Node | RuntimeReference:
    target = find_target(state, location, dots, keys, span)
    if isinstance(target, Diagnostic):
        return _fetch_node(
            state, location, dots, _corrected_keys(state, location, target, keys), span
        )
    if target is None:
        raise NoValue
    path = (*target.owner, *target.path)
    if target.owner == ("stages",):
        return RuntimeReference(f"${{{'.'.join(str(step) for step in path)}}}", span)
    state.references.append(Reference(*location, path, span))
    node = _find(state, target, span)
    if isinstance(node, Diagnostic):
        return _fetch_node(
            state, location, dots, _corrected_keys(state, location, node, keys), span
        )
    if node is None or is_placeholder(node):
        raise NoValue
    return node


def _corrected_keys(
    state: ResolutionState, location: NodeLocation, finding: Diagnostic, keys: list[Key]
) -> list[Key]:
    """Report a wrong path; return the certain correction, so that its other steps are checked."""
    state.report(location[0], finding)
    if finding.fix is None or not finding.fix.certain:
        raise NoValue
    edit = finding.fix.edits[0]
    corrected: list[Key] = []
    for key in keys:
        names = edit.text.split(".") if key.span == edit.span else [str(key.name)]
        corrected += [Key(name, key.span) for name in names]
    if [key.name for key in corrected] == [key.name for key in keys]:
        raise NoValue
    return corrected


def _plain_keys(state: ResolutionState, location: NodeLocation, key: Key) -> list[Key]:
    """Return a key as names; a nested reference may give several, as ``a.b``."""
    if isinstance(key.name, str):
        return [key]
    parts = key.name.parts if isinstance(key.name, JoinedKey) else (key.name,)
    text = _require_text(state, location, parts, "it chooses what is referred to")
    return [Key(name, key.span) for name in text.split(".")]


def _require_text(state: ResolutionState, location: NodeLocation, parts: Template, why: str) -> str:
    """Return a text that must be known now."""
    text = ""
    for piece in _evaluate_parts(state, location, parts):
        if isinstance(piece, RuntimeReference):
            _give_up(state, location, findings.known_at_runtime(piece.span, why))
        text += piece
    return text


def _find(state: ResolutionState, target: LookupTarget, span: Span) -> Node | Diagnostic | None:
    """Return the resolved node at a path, or a finding; None if a node on the path failed."""
    node: Node = state.roots[target.owner]
    walked: Path = ()
    raw = True
    for depth, step in enumerate(target.path):
        if raw and isinstance(node, Scalar) and has_reference(node.value):
            node = resolve_node(state, target.owner, walked, node)
            raw = False
        if is_placeholder(node):
            return None
        below = child(node, str(step))
        if below is None:
            known = [entry.name for entry in node] if isinstance(node, Mapping) else []
            incomplete = not has_certain_keys(node) or target.owner in state.incomplete
            if incomplete and not is_certain_match(str(step), known):
                return None
            return missing(target, depth, node, span)
        walked = (*walked, int(step) if isinstance(node, Sequence) else step)
        node = below
    return resolve_node(state, target.owner, walked, node) if raw else node


def _evaluate_call(
    state: ResolutionState, location: NodeLocation, call: Call
) -> Node | RuntimeReference:
    if call.name == "oc.env":
        return _evaluate_env(state, location, call)
    if call.name == "oc.select":
        return _evaluate_select(state, location, call)
    resolver = RESOLVERS_BY_NAME.get(call.name)
    if resolver is None:
        _give_up(state, location, findings.unknown_resolver(call))
    why = f'the resolver "{call.name}" needs it now'
    texts = tuple(
        _require_text(state, location, argument.parts, why) for argument in call.arguments
    )
    if len(texts) != resolver.arguments or "" in texts:
        _give_up(state, location, findings.wrong_arguments(call, resolver.form))
    answer = resolver.function(ResolverRequest(state.recipe, call.span.source, texts, call.span))
    if answer.finding:
        _give_up(state, location, answer.finding)
    if answer.source:
        state.sources.append(answer.source)
    assert answer.node is not None
    return answer.node


def _evaluate_env(
    state: ResolutionState, location: NodeLocation, call: Call
) -> Node | RuntimeReference:
    """Return a variable of the environment; a recipe's name and exp_dir take it while compiling."""
    form = "${oc.env:VARIABLE} or ${oc.env:VARIABLE,default}"
    if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - a name and a default
        _give_up(state, location, findings.wrong_arguments(call, form))
    name = _require_text(state, location, call.arguments[0].parts, "it names a variable")
    if not (name.isidentifier() and name.isascii()):
        _give_up(state, location, findings.wrong_arguments(call, form))
    rest = [
        None if _is_null(argument) else _evaluate_parts(state, location, argument.parts)
        for argument in call.arguments[1:]
    ]
    if location[0] == GLOBALS and location[1] != DATA_DIR:
        state.variables[name] = state.environment.get(name) or None
        known = state.variables[name] or _plain_text(rest[0] if rest else None)
        if known:
            return Scalar(known, call.span)
    return RuntimeReference(render_call("oc.env", [(name,), *rest]), call.span)


def _plain_text(pieces: Pieces | None) -> str:
    """Return a text without late references; an empty one for others."""
    texts = [piece for piece in pieces or () if isinstance(piece, str)]
    return "".join(texts) if len(texts) == len(pieces or ()) else ""


def _is_null(argument: Argument) -> bool:
    text = argument.parts[0] if len(argument.parts) == 1 else ""
    return not argument.quoted and isinstance(text, str) and parse_literal(text) is None


def _evaluate_select(
    state: ResolutionState, location: NodeLocation, call: Call
) -> Node | RuntimeReference:
    """Look a key up; where there is none give the default, ``null`` without one."""
    form = "${oc.select:KEY} or ${oc.select:KEY,default}"
    if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - a key and a default
        _give_up(state, location, findings.wrong_arguments(call, form))
    first = call.arguments[0]
    text = _require_text(state, location, first.parts, "it chooses what is referred to")
    names = text.lstrip(".")
    dots = len(text) - len(names)
    keys = [Key(name, first.span) for name in names.replace("]", "").replace("[", ".").split(".")]
    if not names or not all(key.name for key in keys):
        _give_up(state, location, findings.wrong_arguments(call, form))
    if _path_exists(state, location, dots, keys, call.span):
        return _fetch_node(state, location, dots, keys, call.span)
    if len(call.arguments) == 1:
        return Scalar(None, call.span)
    return _evaluate_default(state, location, call)


def _path_exists(
    state: ResolutionState, location: NodeLocation, dots: int, keys: list[Key], span: Span
) -> bool:
    target = find_target(state, location, dots, keys, span)
    if target is None or isinstance(target, Diagnostic):
        return target is None
    return target.owner == ("stages",) or not isinstance(_find(state, target, span), Diagnostic)


def _evaluate_default(
    state: ResolutionState, location: NodeLocation, call: Call
) -> Node | RuntimeReference:
    argument = call.arguments[1]
    parts = argument.parts
    if len(parts) == 1 and not isinstance(parts[0], str) and not argument.quoted:
        return _evaluate(state, location, parts[0])
    pieces = _evaluate_parts(state, location, parts)
    text = render_text(pieces)
    if argument.quoted or any(isinstance(piece, RuntimeReference) for piece in pieces):
        return Scalar(text, argument.span)
    return Scalar(parse_literal("".join(map(str, pieces))), argument.span)


def _give_up(state: ResolutionState, location: NodeLocation, finding: Diagnostic) -> NoReturn:
    state.report(location[0], finding)
    raise NoValue
