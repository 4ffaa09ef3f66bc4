"""What resolution knows so far, and texts of which parts are known only at run time."""

from dataclasses import dataclass, field

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.template import RuntimeReference, parse_resolved, render_text
from espnet3_compiler.interpolation.roots import Roots, display_path
from espnet3_compiler.manifest.recipe import Recipe, Reference
from espnet3_compiler.syntax.messages import note_once
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, Sequence

MAX_LATE = 50
"""Late references in a text that another one holds: so they nest less deeply than MAX_NESTED."""

NodeLocation = tuple[Path, Path]
"""An owner and a path in its tree."""
Pieces = tuple[str | RuntimeReference, ...]


@dataclass
class ResolutionState:
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
    done: dict[NodeLocation, Node] = field(default_factory=dict)
    open: dict[NodeLocation, Span | None] = field(default_factory=dict)
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


def runtime_text(
    state: ResolutionState, scalar: Scalar, pieces: Pieces | list[str | RuntimeReference]
) -> Scalar:
    """Return a text of which a part may be bound only when a stage runs.

    Args:
        state: What is resolved so far; it remembers each value that is bound later.
        scalar: The text as it is written.
        pieces: Its parts, resolved as far as they can be.
    """
    for piece in pieces:
        if isinstance(piece, RuntimeReference):
            key = id(scalar.span.source), scalar.span.start, piece.text
            state.late.setdefault(key, piece.span)
    return Scalar(render_text(pieces), scalar.span, scalar.style, scalar.via)


def as_pieces(
    state: ResolutionState, owner: Path, place: Span, value: Node | RuntimeReference
) -> Pieces | None:
    """Return a value as part of a text, None for what has no text.

    Args:
        state: What is resolved so far.
        owner: The config, model or stage that the text belongs to.
        place: The ``${…}``, for findings.
        value: What it leads to.
    """
    if isinstance(value, RuntimeReference):
        return (value,)
    if isinstance(value, Mapping | Sequence):
        state.report(owner, findings.not_text(place, value))
        return None
    if not isinstance(value.value, str):
        return (str(value.value),)
    if "${" not in value.value:
        return (value.value,)
    if value.value.count("${") > MAX_LATE:
        state.report(owner, findings.too_large(place, "hold too many values of the run"))
        return None
    return split_runtime_text(state, value)


def split_runtime_text(state: ResolutionState, scalar: Scalar) -> Pieces:
    """Split a resolved text into plain text and late references."""
    text = str(scalar.value)
    pieces: list[str | RuntimeReference] = []
    for piece in parse_resolved(text):
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            key = id(scalar.span.source), scalar.span.start, piece.span.text
            pieces.append(RuntimeReference(piece.span.text, state.late.get(key, scalar.span)))
    return tuple(pieces)


def report_cycle(state: ResolutionState, place: NodeLocation) -> None:
    """Report that a place, which is being resolved, refers to itself."""
    places = list(state.open)
    inside = places[places.index(place) :]
    members = [
        (display_path(*member), span)
        for member in inside
        if (span := state.open[member]) is not None
    ]
    state.report(place[0], findings.reference_cycle(members))


def outermost(state: ResolutionState, node: Node) -> Span:
    """Return the reference at which what is being resolved now began."""
    return next((span for span in state.open.values() if span is not None), node.span)
