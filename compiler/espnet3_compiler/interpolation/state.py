"""The state of resolution, and texts that hold values known only at run time."""

from collections.abc import Mapping as MappingABC

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.expressions.nodes import Template
from espnet3_compiler.expressions.template import (
    RuntimeReference,
    parse,
    parse_resolved,
    render_text,
)
from espnet3_compiler.interpolation.roots import Roots, display_path
from espnet3_compiler.manifest.recipe import Recipe, Reference
from espnet3_compiler.syntax.messages import note_once
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, Sequence

MAX_LATE = 50
"""Runtime references in a text that another text holds: they nest less deeply than MAX_NESTED."""

NodeLocation = tuple[Path, Path]
"""An owner and a path in its tree."""
Pieces = tuple[str | RuntimeReference, ...]


class ResolutionState:
    """What is resolved so far.

    Attributes:
        recipe: The recipe.
        roots: The trees before resolution.
        reported_elsewhere: Owners whose mistakes are reported where they are extended.
        incomplete: Owners that could not be read completely: a missing key is no new finding.
        environment: Variables of the environment.
        done: Resolved nodes.
        open: Nodes being resolved, with the reference that each is waiting for.
        found: Findings.
        references: References met, except runtime references.
        late: Spans of runtime references, by the leaf that holds them and their text.
        sources: Files that resolvers read.
        templates: Texts that were split, by what they are and where they are written.
        variables: Variables of the environment that were read; None for those that are not set.
        fetched: Nodes copied so far.
        waiting: References being evaluated.
    """

    def __init__(
        self,
        recipe: Recipe,
        roots: Roots,
        reported_elsewhere: frozenset[Path],
        incomplete: frozenset[Path],
        environment: MappingABC[str, str | None],
    ) -> None:
        self.recipe = recipe
        self.roots = roots
        self.reported_elsewhere = reported_elsewhere
        self.incomplete = incomplete
        self.environment = environment
        self.done: dict[NodeLocation, Node] = {}
        self.open: dict[NodeLocation, Span | None] = {}
        self.found: list[Diagnostic] = []
        self.references: list[Reference] = []
        self.late: dict[tuple[int, int, str], Span] = {}
        self.sources: list[Source] = []
        self.templates: dict[object, tuple[Template, Diagnostic | None]] = {}
        self.variables: dict[str, str | None] = {}
        self.fetched = 0
        self.waiting = 0

    def split(self, scalar: Scalar) -> tuple[Template, Diagnostic | None]:
        """Return what ``parse`` does, once for a text that several configs inherit."""
        key = scalar.value, scalar.span, scalar.style
        if key not in self.templates:
            self.templates[key] = parse(scalar)
        return self.templates[key]

    def report(self, owner: Path, finding: Diagnostic) -> None:
        """Add a finding, unless the owner's are reported elsewhere; R105 only once."""
        if owner in self.reported_elsewhere:
            return
        if finding.code == "R105":
            note_once(self.found, finding)
        else:
            self.found.append(finding)


def runtime_text(
    state: ResolutionState, scalar: Scalar, pieces: Pieces | list[str | RuntimeReference]
) -> Scalar:
    """Return a text that may hold runtime references.

    Args:
        state: The state of resolution; it keeps the span of each runtime reference.
        scalar: The text as it is written.
        pieces: Its parts after resolution.
    """
    for piece in pieces:
        if isinstance(piece, RuntimeReference):
            key = id(scalar.span.source), scalar.span.start, piece.text
            state.late.setdefault(key, piece.span)
    return Scalar(render_text(pieces), scalar.span, scalar.style, scalar.via)


def as_pieces(
    state: ResolutionState, owner: Path, span: Span, value: Node | RuntimeReference
) -> Pieces | None:
    """Return a value as part of a text; None, with a finding, for a value that is no text.

    Args:
        state: The state of resolution.
        owner: The config, model or stage that holds the text.
        span: The ``${…}``.
        value: The value of the reference.
    """
    if isinstance(value, RuntimeReference):
        return (value,)
    if isinstance(value, Mapping | Sequence):
        state.report(owner, findings.not_text(span, value))
        return None
    text = str(value.value)
    if "${" not in text:
        return (text,)
    if text.count("${") > MAX_LATE:
        state.report(owner, findings.too_large(span, "hold too many values of the run"))
        return None
    return split_runtime_text(state, value)


def split_runtime_text(state: ResolutionState, scalar: Scalar) -> Pieces:
    """Split a resolved text into plain text and runtime references."""
    pieces: list[str | RuntimeReference] = []
    for piece in parse_resolved(str(scalar.value)):
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            key = id(scalar.span.source), scalar.span.start, piece.span.text
            pieces.append(RuntimeReference(piece.span.text, state.late.get(key, scalar.span)))
    return tuple(pieces)


def report_cycle(state: ResolutionState, location: NodeLocation) -> None:
    """Report that a node, which is being resolved, refers to itself."""
    waiting = list(state.open.items())
    start = list(state.open).index(location)
    members = [(display_path(*member), span) for member, span in waiting[start:] if span]
    state.report(location[0], findings.reference_cycle(members))


def outermost(state: ResolutionState, node: Node) -> Span:
    """Return the reference with which the current resolution began."""
    return next((span for span in state.open.values() if span is not None), node.span)
