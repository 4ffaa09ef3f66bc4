"""Resolution as a graph: every leaf is computed once, after those that it refers to."""

from dataclasses import dataclass, field

from espnet3_compiler import resolve_findings as findings
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.expression import Late, has_reference, parse, render
from espnet3_compiler.expression_parts import Call, Lookup
from espnet3_compiler.ir import Recipe, Reference
from espnet3_compiler.read_findings import note_once
from espnet3_compiler.read_steps import failed, is_stand_in, size_of, with_step
from espnet3_compiler.resolve_roots import Roots, shown
from espnet3_compiler.source import Source, Span, Step
from espnet3_compiler.tree import Entry, Mapping, Node, Path, Scalar, Sequence

MAX_OPEN = 110
"""Nodes that wait for one another; each takes three frames of Python's stack."""
MAX_WAITING = 40
"""References among them; each takes nine."""
MAX_FETCHED = 200_000
"""Nodes that references copy, in all."""
MAX_TEXT = 1_000_000
"""Characters of a text after resolution."""

Place = tuple[Path, Path]
"""An owner and a path in its tree."""
Pieces = tuple[str | Late, ...]


@dataclass
class State:
    """What resolution knows so far.

    Attributes:
        recipe: The recipe.
        roots: The trees before resolution.
        silent: Owners whose mistakes are reported elsewhere.
        partial: Owners that could not be read completely: what they lack is no new finding.
        done: Resolved nodes.
        open: Places being resolved, with the reference that each is waiting for.
        found: Mistakes.
        references: References met, late ones excepted.
        late: Raw places of late references, by the leaf they stand in and their text.
        sources: Files that resolvers read.
        fetched: Nodes copied so far.
        waiting: References being evaluated.
    """

    recipe: Recipe
    roots: Roots
    silent: frozenset[Path]
    partial: frozenset[Path]
    done: dict[Place, Node] = field(default_factory=dict)
    open: dict[Place, Span | None] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    late: dict[tuple[int, int, str], Span] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    fetched: int = 0
    waiting: int = 0

    def report(self, owner: Path, finding: Diagnostic) -> None:
        """Note a mistake, unless the owner's are reported elsewhere; R105 once is enough."""
        if owner in self.silent:
            return
        if finding.code == "R105":
            note_once(self.found, finding)
        else:
            self.found.append(finding)


def resolve_node(state: State, owner: Path, path: Path, node: Node) -> Node:
    """Return a node with its references replaced; what cannot be is a stand-in."""
    place = owner, path
    if place in state.done:
        return state.done[place]
    if place in state.open:
        _report_cycle(state, place)
        return failed(node)
    if isinstance(node, Scalar) and not has_reference(node.value) and "${" not in str(node.value):
        return node
    if len(state.open) >= MAX_OPEN or state.waiting >= MAX_WAITING:
        state.report(
            owner, findings.too_large(_outermost(state, node), "lead through too many others")
        )
        return failed(node)
    state.open[place] = None
    result = _resolved(state, owner, path, node)
    del state.open[place]
    state.done[place] = result
    return result


def _resolved(state: State, owner: Path, path: Path, node: Node) -> Node:
    if isinstance(node, Mapping):
        entries = [
            Entry(entry.key, resolve_node(state, owner, (*path, entry.name), entry.value))
            for entry in node
        ]
        return Mapping(tuple(entries), node.span, node.via)
    if isinstance(node, Sequence):
        items = [
            resolve_node(state, owner, (*path, index), item)
            for index, item in enumerate(node.items)
        ]
        return Sequence(tuple(items), node.span, node.via)
    return node if is_stand_in(node) else _resolved_text(state, owner, path, node)


def _resolved_text(state: State, owner: Path, path: Path, scalar: Scalar) -> Node:
    from espnet3_compiler.resolve_pieces import evaluate

    template, bad = parse(scalar)
    if bad:
        state.report(owner, bad)
        return failed(scalar)
    if len(template) == 1 and not isinstance(template[0], str):
        return _whole(state, (owner, path), scalar, template[0])
    pieces: list[str | Late] = []
    for piece in template:
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        value = evaluate(state, (owner, path), piece)
        added = value if value is None else as_pieces(state, owner, piece.span, value)
        if added is None:
            return failed(scalar)
        pieces += added
        if sum(len(p) for p in pieces if isinstance(p, str)) > MAX_TEXT:
            state.report(owner, findings.too_large(piece.span, "make a text of endless length"))
            return failed(scalar)
    return late_text(state, scalar, pieces)


def _whole(state: State, place: Place, scalar: Scalar, piece: Lookup | Call) -> Node:
    from espnet3_compiler.resolve_pieces import evaluate

    value = evaluate(state, place, piece)
    if value is None:
        return failed(scalar)
    if isinstance(value, Late):
        return late_text(state, scalar, (value,))
    state.fetched += size_of(value)
    if state.fetched > MAX_FETCHED:
        state.report(place[0], findings.too_large(piece.span, "copy too many values"))
        return failed(scalar)
    node = with_step(value, Step("interpolation", piece.span))
    return _under(node, scalar)


def _under(node: Node, scalar: Scalar) -> Node:
    """Add the stations of the reference itself, which are nearer to the use."""
    for step in reversed(scalar.via):
        node = with_step(node, step)
    return node


def late_text(state: State, scalar: Scalar, pieces: Pieces | list[str | Late]) -> Scalar:
    """Return a text of which a part may be bound only when a stage runs."""
    for piece in pieces:
        if isinstance(piece, Late):
            key = id(scalar.span.source), scalar.span.start, piece.text
            state.late.setdefault(key, piece.span)
    return Scalar(render(pieces), scalar.span, scalar.style, scalar.via)


def as_pieces(state: State, owner: Path, place: Span, value: Node | Late) -> Pieces | None:
    """Return a value as part of a text, None for what has no text."""
    if isinstance(value, Late):
        return (value,)
    if isinstance(value, Mapping | Sequence):
        state.report(owner, findings.not_text(place, value))
        return None
    if not isinstance(value.value, str):
        return (str(value.value),)
    if "${" not in value.value:
        return (value.value,)
    return late_pieces(state, value)


def late_pieces(state: State, scalar: Scalar) -> Pieces:
    """Split a resolved text into plain text and late references."""
    text = str(scalar.value)
    template, _ = parse(Scalar(text, Span(Source("", text), 0, len(text))))
    pieces: list[str | Late] = []
    for piece in template:
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            key = id(scalar.span.source), scalar.span.start, piece.span.text
            pieces.append(Late(piece.span.text, state.late.get(key, scalar.span)))
    return tuple(pieces)


def _report_cycle(state: State, place: Place) -> None:
    places = list(state.open)
    inside = places[places.index(place) :]
    members = [
        (shown(*member), span) for member in inside if (span := state.open[member]) is not None
    ]
    state.report(place[0], findings.cycle(members))


def _outermost(state: State, node: Node) -> Span:
    return next((span for span in state.open.values() if span is not None), node.span)
