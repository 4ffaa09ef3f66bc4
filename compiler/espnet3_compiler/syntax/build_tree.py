"""From the events of a parser to a tree of nodes; a mistake becomes a finding, reading goes on."""

import re
from functools import reduce
from typing import Any, NamedTuple

from msgspec import Struct
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import ProvenanceStep, Source, Span
from espnet3_compiler.syntax import messages as findings
from espnet3_compiler.syntax.core_schema import core_value
from espnet3_compiler.syntax.foreign_syntax import join_items, join_tuples, read_typed
from espnet3_compiler.syntax.parser import EventParser
from espnet3_compiler.syntax.placeholder import (
    count_nodes,
    is_placeholder,
    placeholder,
    with_provenance,
)
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, children

MAX_DEPTH = 64
"""Levels of nesting, those inside aliases included."""
MAX_NODES = 200_000
"""Nodes that are written in a text."""
MAX_EXPANDED = 20_000
"""Nodes that aliases stand for: nine lines can stand for billions."""

_NODE_EVENTS = (AliasEvent, ScalarEvent, MappingStartEvent, SequenceStartEvent)
_TEXT_TAG = f"{findings.CORE_TAG}str"
_RETYPING = {f"{findings.CORE_TAG}{name}" for name in ("int", "float", "bool", "null", "binary")}
_STYLES = {"'": "single", '"': "double", "|": "literal", ">": "folded"}
_PROPERTIES = r"(?:[&!][^\s,\[\]{}]*(?:\s|(?<=\s)#.*)*)*"
"""The anchor and the tag of a node, and what separates them from its value."""
_TAG = r"![^\s,\[\]{}]*"


class _BuiltNode(NamedTuple):
    """A node, and where its text ends in the file."""

    node: Node
    end: int


class _AnchoredNode(Struct, frozen=True):
    """A node that aliases may repeat, the number of its nodes, and their levels."""

    node: Node
    size: int
    height: int


class TreeBuilderState:
    """What has been read so far.

    Attributes:
        source: The text.
        parser: Its events.
        anchors: Complete nodes with an anchor.
        open: Anchors of incomplete nodes, with their spans.
        nodes: The number of nodes that are written.
        expanded: The number of nodes that aliases stand for.
        found: The findings.
    """

    def __init__(self, source: Source, parser: EventParser) -> None:
        self.source = source
        self.parser = parser
        self.anchors: dict[str, _AnchoredNode] = {}
        self.open: dict[str, Span] = {}
        self.nodes = 0
        self.expanded = 0
        self.found: list[Diagnostic] = []

    def span(self, start: int, end: int) -> Span:
        """Return a span of the text; it is empty where the end lies before the start."""
        return Span(self.source, start, max(start, end))


def read_documents(state: TreeBuilderState) -> Node | None:
    """Return the root of the first document, None where there is none; a second is a mistake.

    Raises:
        yaml.YAMLError: The text is not YAML; ``state.found`` holds the findings before the error.
    """
    root: Node | None = None
    while not isinstance(event := state.parser.get_event(), StreamEndEvent):
        if isinstance(event, _NODE_EVENTS):
            root = _build_node(state, event, 1).node
        elif isinstance(event, DocumentStartEvent) and root is not None:
            span = state.span(_start_offset(event), _end_offset(event))
            state.found.append(findings.several_documents(span))
            break
    return root


def _build_node(state: TreeBuilderState, event: Any, depth: int) -> _BuiltNode:
    if isinstance(event, AliasEvent):
        return _expand_alias(state, event, depth)
    start = _content_start(state, event)
    state.nodes += 1
    if depth > MAX_DEPTH or state.nodes > MAX_NODES:
        return _skip_oversized(state, event, start)
    if event.tag is not None:
        tag = re.compile(_TAG).search(state.source.text, _start_offset(event))
        assert tag
        state.found.append(findings.unknown_tag(state.span(*tag.span()), event.tag))
    if event.anchor is not None:
        state.open[event.anchor] = state.span(_start_offset(event), start)
    if isinstance(event, ScalarEvent):
        built = _build_scalar(state, event, start)
    elif isinstance(event, SequenceStartEvent):
        built = _build_sequence(state, event, start, depth)
    else:
        built = _build_mapping(state, event, start, depth)
    if event.anchor is not None:
        state.open.pop(event.anchor, None)
        node = built.node
        state.anchors[event.anchor] = _AnchoredNode(node, count_nodes(node), _height(node))
    return built


def _height(node: Node) -> int:
    """Return the number of levels of a tree."""
    return 1 + max([_height(child) for _, child in children(node)], default=0)


def _build_scalar(state: TreeBuilderState, event: Any, start: int) -> _BuiltNode:
    end = max(start, _end_offset(event))
    own = event.tag is not None and not event.tag.startswith(findings.CORE_TAG)
    if event.tag is not None and (own or not event.value or event.tag in _RETYPING):
        # Without its tag the value is another one.
        return _BuiltNode(placeholder(state.span(start, end)), end)
    style = _STYLES.get(event.style, "plain")
    if style == "plain" and event.tag != _TEXT_TAG:
        return _BuiltNode(_build_plain_scalar(state, event.value, state.span(start, end)), end)
    if style in ("literal", "folded"):
        raw = state.source.text[start:end]
        if (
            "+" not in raw[:3].split("\n", 1)[0]
        ):  # the header does not keep the blank lines after it
            end = start + len(raw.rstrip())
    return _BuiltNode(Scalar(event.value, state.span(start, end), style), end)


def _build_plain_scalar(state: TreeBuilderState, text: str, span: Span) -> Scalar:
    if typed := read_typed(text, span):
        state.found.append(typed.finding)
        return typed.value
    try:
        return Scalar(core_value(text), span)
    except OverflowError:
        state.found.append(findings.long_number(span))
        return placeholder(span)


def _build_sequence(state: TreeBuilderState, event: Any, start: int, depth: int) -> _BuiltNode:
    items: list[Node] = []
    end = _end_offset(event)
    while not isinstance(inner := state.parser.get_event(), SequenceEndEvent):
        node, end = _build_node(state, inner, depth + 1)
        items.append(node)
    if event.flow_style:
        end = _end_offset(inner)
        items = list(join_items(items, state.found))
    return _BuiltNode(Sequence(tuple(items), state.span(start, end)), end)


def _build_mapping(state: TreeBuilderState, event: Any, start: int, depth: int) -> _BuiltNode:
    entries: list[Entry] = []
    seen: dict[str, Scalar] = {}
    end = _end_offset(event)
    while not isinstance(inner := state.parser.get_event(), MappingEndEvent):
        key = _build_key(state, _build_node(state, inner, depth + 1), inner)
        value, end = _build_node(state, state.parser.get_event(), depth + 1)
        first = seen.setdefault(str(key.value), key)
        if first is key:
            entries.append(Entry(key, value))
        elif not (is_placeholder(first) or is_placeholder(key)):  # these are reported already
            state.found.append(findings.duplicate_key(first, key))
    if event.flow_style:
        end = _end_offset(inner)
        entries = list(join_tuples(entries, state.found))
    _merge_keys(entries, state.found)
    if any(_is_merge_key(entry.key) for entry in entries):
        entries = _expand_merge_keys(entries, state.found)
    return _BuiltNode(Mapping(tuple(entries), state.span(start, end)), end)


def _build_key(state: TreeBuilderState, built: _BuiltNode, event: Any) -> Scalar:
    node = built.node
    if isinstance(node, Scalar) and isinstance(node.value, str) and not is_placeholder(node):
        return node
    if not is_placeholder(node):
        span = state.span(_start_offset(event), built.end)
        state.found.append(findings.key_not_text(span, node))
    return Scalar(node.span.text, node.span, "error")


def _merge_keys(entries: list[Entry], found: list[Diagnostic]) -> None:
    """Report the keys of a mapping that are no texts once: ``{0: 8, 4: 4}`` is one mistake."""
    starts = {entry.key.span.start for entry in entries if is_placeholder(entry.key)}
    if len(starts) < 2:  # noqa: PLR2004
        return
    own = [f for f in found if f.code == "R106" and f.fix and f.primary.span.start in starts]
    if len(own) > 1:
        first, *others = own
        merged = reduce(lambda one, other: one.joined_with(other, "nor is this"), own)
        found[:] = [merged if f is first else f for f in found if f not in others]


def _is_merge_key(key: Scalar) -> bool:
    """Return whether a key is ``<<`` without quotes."""
    return key.value == "<<" and key.style == "plain"


def _expand_merge_keys(entries: list[Entry], found: list[Diagnostic]) -> list[Entry]:
    """Return the entries with those of the merged mappings in place of every ``<<``.

    The mapping's own keys win, then earlier merged mappings over later ones, as in
    https://yaml.org/type/merge.html.
    """
    taken = {entry.name for entry in entries if not _is_merge_key(entry.key)}
    result: list[Entry] = []
    for entry in entries:
        if not _is_merge_key(entry.key):
            result.append(entry)
            continue
        step = ProvenanceStep("merge", entry.key.span)
        for base in _merge_sources(entry, found):
            merged = with_provenance(base, step)
            result += [inner for inner in merged if inner.name not in taken]
            taken.update(inner.name for inner in merged)
    return result


def _merge_sources(entry: Entry, found: list[Diagnostic]) -> list[Mapping]:
    nodes = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
    bad = [node for node in nodes if not isinstance(node, Mapping) and not is_placeholder(node)]
    if bad:
        found.append(findings.bad_merge(entry.key, bad[0]))
    return [node for node in nodes if isinstance(node, Mapping)]


def _expand_alias(state: TreeBuilderState, event: Any, depth: int) -> _BuiltNode:
    end = _end_offset(event)
    span = state.span(_start_offset(event), end)
    target = state.anchors.get(event.anchor)
    if event.anchor in state.open:
        state.found.append(findings.alias_loop(span, event.anchor, state.open[event.anchor]))
    elif target is None:
        known = [*state.anchors, *state.open]
        state.found.append(findings.unknown_alias(span, event.anchor, known))
    else:
        state.expanded += target.size
        if state.expanded <= MAX_EXPANDED and depth + target.height <= MAX_DEPTH:
            node = with_provenance(target.node, ProvenanceStep("alias", span))
            return _BuiltNode(node, end)
        findings.note_once(state.found, findings.too_large(span))
    return _BuiltNode(placeholder(span), end)


def _skip_oversized(state: TreeBuilderState, event: Any, start: int) -> _BuiltNode:
    """Report it once and skip the events of the node."""
    span = state.span(start, _end_offset(event))
    findings.note_once(state.found, findings.too_large(span))
    level = 0
    while True:
        level += isinstance(event, MappingStartEvent | SequenceStartEvent)
        level -= isinstance(event, MappingEndEvent | SequenceEndEvent)
        if level == 0:
            return _BuiltNode(placeholder(span), max(start, _end_offset(event)))
        event = state.parser.get_event()


def _content_start(state: TreeBuilderState, event: Any) -> int:
    """Return where a node starts behind its anchor and tag."""
    start = _start_offset(event)
    if event.anchor is None and event.tag is None:
        return start
    properties = re.compile(_PROPERTIES).match(state.source.text, start)
    assert properties
    at = properties.end()
    return min(at, _end_offset(event)) if isinstance(event, ScalarEvent) else at


def _start_offset(event: Any) -> int:
    start: int = event.start_mark.index
    return start


def _end_offset(event: Any) -> int:
    end: int = event.end_mark.index
    return end
