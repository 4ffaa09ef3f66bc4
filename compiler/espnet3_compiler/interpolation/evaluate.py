"""Resolution as a graph: every leaf is computed once, after those that it refers to.

A node is resolved by evaluating its references, and a reference by resolving the nodes on its way.
"""

from typing import NoReturn

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import ProvenanceStep, Span
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import (
    KNOWN_RESOLVERS,
    Argument,
    Call,
    JoinedKey,
    Key,
    Lookup,
)
from espnet3_compiler.expressions.template import (
    RuntimeReference,
    has_reference,
    parse,
    parse_literal,
    render_call,
    render_text,
)
from espnet3_compiler.interpolation.lookup import (
    LookupTarget,
    child,
    find_target,
    is_slip,
    may_be_lost,
    missing,
)
from espnet3_compiler.interpolation.resolvers import (
    RESOLVERS_BY_NAME,
    ResolverRequest,
)
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
    is_placeholder,
    placeholder_for,
    with_provenance,
)
from espnet3_compiler.syntax.tree import Node, Path, Scalar, Sequence, map_children

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
    """Return a node with its references replaced; what cannot be is a stand-in.

    Args:
        state: What is resolved so far.
        owner: The config, model or stage that the node belongs to.
        path: The keys that lead to it.
        node: The node as it is written.
    """
    place = owner, path
    if place in state.done:
        return state.done[place]
    if place in state.open:
        report_cycle(state, place)
        return placeholder_for(node)
    if isinstance(node, Scalar) and not has_reference(node.value) and "${" not in str(node.value):
        return node
    if len(state.open) >= MAX_OPEN or state.waiting >= MAX_WAITING:
        state.report(
            owner, findings.too_large(outermost(state, node), "lead through too many others")
        )
        return placeholder_for(node)
    state.open[place] = None
    result = _resolved(state, owner, path, node)
    del state.open[place]
    state.done[place] = result
    return result


def _resolved(state: ResolutionState, owner: Path, path: Path, node: Node) -> Node:
    if not isinstance(node, Scalar):
        return map_children(
            node, lambda value, step: resolve_node(state, owner, (*path, step), value)
        )
    return node if is_placeholder(node) else _resolved_text(state, owner, path, node)


def _resolved_text(state: ResolutionState, owner: Path, path: Path, scalar: Scalar) -> Node:
    template, bad = parse(scalar)
    if bad:
        state.report(owner, bad)
        return placeholder_for(scalar)
    if len(template) == 1 and not isinstance(template[0], str):
        return _whole(state, (owner, path), scalar, template[0])
    pieces: list[str | RuntimeReference] = []
    for piece in template:
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        value = evaluate(state, (owner, path), piece)
        added = value if value is None else as_pieces(state, owner, piece.span, value)
        if added is None:
            return placeholder_for(scalar)
        pieces += added
        if sum(len(p) for p in pieces if isinstance(p, str)) > MAX_TEXT:
            state.report(owner, findings.too_large(piece.span, "make a text of endless length"))
            return placeholder_for(scalar)
    return runtime_text(state, scalar, pieces)


def _whole(
    state: ResolutionState, place: NodeLocation, scalar: Scalar, piece: Lookup | Call
) -> Node:
    value = evaluate(state, place, piece)
    if value is None:
        return placeholder_for(scalar)
    if isinstance(value, RuntimeReference):
        return runtime_text(state, scalar, (value,))
    state.fetched += count_nodes(value)
    if state.fetched > MAX_FETCHED:
        state.report(place[0], findings.too_large(piece.span, "copy too many values"))
        return placeholder_for(scalar)
    node = with_provenance(value, ProvenanceStep("interpolation", piece.span))
    return _under(node, scalar)


def _under(node: Node, scalar: Scalar) -> Node:
    """Add the stations of the reference itself, which are nearer to the use."""
    for step in reversed(scalar.via):
        node = with_provenance(node, step)
    return node


def evaluate(
    state: ResolutionState, place: NodeLocation, piece: Lookup | Call
) -> Node | RuntimeReference | None:
    """Return the value of a reference.

    Args:
        state: Takes references and mistakes.
        place: The leaf that it stands in.
        piece: The reference.

    Returns:
        A resolved node, or a late reference; None if it has no value, which has been reported.
    """
    outer = state.open.get(place)
    state.open[place] = piece.span
    state.waiting += 1
    try:
        if isinstance(piece, Lookup):
            return _evaluate_lookup(state, place, piece)
        return _evaluate_call(state, place, piece)
    except NoValue:
        return None
    finally:
        state.open[place] = outer
        state.waiting -= 1


def _evaluate_lookup(
    state: ResolutionState, place: NodeLocation, piece: Lookup
) -> Node | RuntimeReference:
    keys: list[Key] = []
    for key in piece.keys:
        keys += _plain_keys(state, place, key)
    return _fetch_node(state, place, piece.dots, keys, piece.span)


def _fetch_node(
    state: ResolutionState, place: NodeLocation, dots: int, keys: list[Key], span: Span
) -> Node | RuntimeReference:
    target = find_target(state, place, dots, keys, span)
    if isinstance(target, Diagnostic):
        return _fetch_node(state, place, dots, _corrected_keys(state, place, target, keys), span)
    if target is None:
        raise NoValue
    path = (*target.owner, *target.path)
    if target.owner == ("stages",):
        return RuntimeReference(f"${{{'.'.join(str(step) for step in path)}}}", span)
    state.references.append(Reference(*place, path, span))
    node = find(state, target, span)
    if isinstance(node, Diagnostic):
        return _fetch_node(state, place, dots, _corrected_keys(state, place, node, keys), span)
    if node is None or is_placeholder(node):
        raise NoValue
    return node


def _corrected_keys(
    state: ResolutionState, place: NodeLocation, finding: Diagnostic, keys: list[Key]
) -> list[Key]:
    """Report a wrong path; return the one that was certainly meant, so that the rest is judged."""
    state.report(place[0], finding)
    if finding.fix is None or not finding.fix.certain:
        raise NoValue
    edit = finding.fix.edits[0]
    meant: list[Key] = []
    for key in keys:
        names = edit.text.split(".") if key.span == edit.span else [str(key.name)]
        meant += [Key(name, key.span) for name in names]
    if [key.name for key in meant] == [key.name for key in keys]:
        raise NoValue
    return meant


def _plain_keys(state: ResolutionState, place: NodeLocation, key: Key) -> list[Key]:
    """Return a key as names; a nested reference may give several, as ``a.b``."""
    if isinstance(key.name, str):
        return [key]
    parts = key.name.parts if isinstance(key.name, JoinedKey) else (key.name,)
    pieces = _evaluate_argument(state, place, Argument(parts, quoted=False, span=key.span))
    text = _require_text(state, place, pieces, "it chooses what is referred to")
    return [Key(name, key.span) for name in text.split(".")]


def _require_text(state: ResolutionState, place: NodeLocation, pieces: Pieces, why: str) -> str:
    for piece in pieces:
        if isinstance(piece, RuntimeReference):
            _give_up(state, place, findings.known_at_runtime(piece.span, why))
    return "".join(piece for piece in pieces if isinstance(piece, str))


def find(state: ResolutionState, target: LookupTarget, span: Span) -> Node | Diagnostic | None:
    """Return the resolved node that a path leads to.

    Args:
        state: What is resolved so far.
        target: Where the path leads.
        span: The whole ``${…}``, for findings.

    Returns:
        The node; or what is wrong with the path; or None where something on the way has failed
        before.
    """
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
            if may_be_lost(state, target, node) and not is_slip(node, str(step)):
                return None
            return missing(target, depth, node, span)
        walked = (*walked, int(step) if isinstance(node, Sequence) else step)
        node = below
    return resolve_node(state, target.owner, walked, node) if raw else node


def _evaluate_call(
    state: ResolutionState, place: NodeLocation, call: Call
) -> Node | RuntimeReference:
    if call.name == "oc.env":
        return _evaluate_env(state, place, call)
    if call.name == "oc.select":
        return _evaluate_select(state, place, call)
    resolver = RESOLVERS_BY_NAME.get(call.name)
    if resolver is None:
        _give_up(
            state, place, findings.unknown_resolver(call.name_span, call.name, KNOWN_RESOLVERS)
        )
    why = f'the resolver "{call.name}" needs it now'
    texts = tuple(
        _require_text(state, place, _evaluate_argument(state, place, argument), why)
        for argument in call.arguments
    )
    if len(texts) != resolver.arguments or "" in texts:
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, resolver.form))
    answer = resolver.function(ResolverRequest(state.recipe, call.span.source, texts, call.span))
    if answer.finding:
        _give_up(state, place, answer.finding)
    if answer.source:
        state.sources.append(answer.source)
    assert answer.node is not None
    return answer.node


def _evaluate_argument(state: ResolutionState, place: NodeLocation, argument: Argument) -> Pieces:
    pieces: list[str | RuntimeReference] = []
    for part in argument.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = evaluate(state, place, part)
        added = None if value is None else as_pieces(state, place[0], part.span, value)
        if added is None:
            raise NoValue
        pieces += added
    return tuple(pieces)


def _evaluate_env(state: ResolutionState, place: NodeLocation, call: Call) -> RuntimeReference:
    form = "${oc.env:VARIABLE} or ${oc.env:VARIABLE,default}"
    if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - a name and a default
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    name = _require_text(
        state, place, _evaluate_argument(state, place, call.arguments[0]), "it names a variable"
    )
    if not (name.isidentifier() and name.isascii()):
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    rest = [
        None if _is_null(argument) else _evaluate_argument(state, place, argument)
        for argument in call.arguments[1:]
    ]
    return RuntimeReference(render_call("oc.env", [(name,), *rest]), call.span)


def _is_null(argument: Argument) -> bool:
    parts = argument.parts
    if argument.quoted or len(parts) != 1 or not isinstance(parts[0], str):
        return False
    return parse_literal(parts[0]) is None


def _evaluate_select(
    state: ResolutionState, place: NodeLocation, call: Call
) -> Node | RuntimeReference:
    """Look a key up; where there is none give the default, ``null`` without one."""
    form = "${oc.select:KEY} or ${oc.select:KEY,default}"
    if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - a key and a default
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    first = call.arguments[0]
    why = "it chooses what is referred to"
    text = _require_text(state, place, _evaluate_argument(state, place, first), why)
    names = text.lstrip(".")
    dots = len(text) - len(names)
    keys = [Key(name, first.span) for name in names.replace("]", "").replace("[", ".").split(".")]
    if not names or not all(key.name for key in keys):
        _give_up(state, place, findings.wrong_arguments(call.span, call.name, form))
    if _path_exists(state, place, dots, keys, call.span):
        return _fetch_node(state, place, dots, keys, call.span)
    if len(call.arguments) == 1:
        return Scalar(None, call.span)
    return _evaluate_default(state, place, call)


def _path_exists(
    state: ResolutionState, place: NodeLocation, dots: int, keys: list[Key], span: Span
) -> bool:
    target = find_target(state, place, dots, keys, span)
    if target is None or isinstance(target, Diagnostic):
        return target is None
    return target.owner == ("stages",) or not isinstance(find(state, target, span), Diagnostic)


def _evaluate_default(
    state: ResolutionState, place: NodeLocation, call: Call
) -> Node | RuntimeReference:
    argument = call.arguments[1]
    if len(argument.parts) == 1 and not isinstance(argument.parts[0], str) and not argument.quoted:
        value = evaluate(state, place, argument.parts[0])
        if value is None:
            raise NoValue
        return value
    pieces = _evaluate_argument(state, place, argument)
    if all(isinstance(piece, str) for piece in pieces):
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        if not argument.quoted:
            return Scalar(parse_literal(text), argument.span)
    return Scalar(render_text(pieces), argument.span)


def _give_up(state: ResolutionState, place: NodeLocation, finding: Diagnostic) -> NoReturn:
    state.report(place[0], finding)
    raise NoValue
