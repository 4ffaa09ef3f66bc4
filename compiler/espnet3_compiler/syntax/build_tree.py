"""From the events of a parser to a tree of nodes; a mistake is noted and reading goes on."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
from espnet3_compiler.syntax.parser import EventParser
from espnet3_compiler.syntax.placeholder import is_placeholder, placeholder, with_provenance
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence


def is_merge_key(key: Scalar) -> bool:
    """Return whether a key is ``<<`` without quotes."""
    return key.value == "<<" and key.style == "plain"


def expand_merge_keys(entries: list[Entry], found: list[Diagnostic]) -> list[Entry]:
    """Return the entries with every ``<<`` replaced by what it brings.

    The mapping's own keys win, then earlier merged mappings over later ones, as in
    https://yaml.org/type/merge.html.  A merged entry carries a ``merge`` step with the place of
    its ``<<``; mistakes are appended to ``found``.
    """
    taken = {entry.name for entry in entries if not is_merge_key(entry.key)}
    result: list[Entry] = []
    for entry in entries:
        if not is_merge_key(entry.key):
            result.append(entry)
            continue
        for base in _merge_sources(entry, found):
            fresh = [inner for inner in base.entries if inner.name not in taken]
            taken.update(inner.name for inner in fresh)
            step = ProvenanceStep("merge", entry.key.span)
            result += [
                Entry(with_provenance(inner.key, step), with_provenance(inner.value, step))
                for inner in fresh
            ]
    return result


def _merge_sources(entry: Entry, found: list[Diagnostic]) -> list[Mapping]:
    value = entry.value
    nodes: tuple[Node, ...] = value.items if isinstance(value, Sequence) else (value,)
    bad = [node for node in nodes if not isinstance(node, Mapping) and not is_placeholder(node)]
    if bad:
        found.append(findings.bad_merge(entry.key, bad[0]))
    return [node for node in nodes if isinstance(node, Mapping)]


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


class BuiltNode(NamedTuple):
    """A node, where its text ends in the file, and how much it holds."""

    node: Node
    end: int
    size: int = 1
    height: int = 1


@dataclass
class TreeBuilderState:
    """What a reading run has met so far.

    Attributes:
        source: The text.
        start: The offset in the text at which the parser started.
        parser: Where the events come from.
        anchors: Finished anchored nodes.
        open: Anchors of nodes that are still being read, with their places.
        nodes: Nodes that were written, so far.
        expanded: Nodes that aliases stand for, so far.
        found: Mistakes so far.
    """

    source: Source
    start: int
    parser: EventParser
    anchors: dict[str, BuiltNode] = field(default_factory=dict)
    open: dict[str, Span] = field(default_factory=dict)
    nodes: int = 0
    expanded: int = 0
    found: list[Diagnostic] = field(default_factory=list)

    def span(self, start: int, end: int) -> Span:
        """Return a stretch given in the parser's offsets."""
        return Span(self.source, self.start + start, self.start + end)


def read_documents(state: TreeBuilderState) -> Node | None:
    """Read the first document; more than one is a mistake.

    Returns:
        The root, or None for a text without a document.

    Raises:
        yaml.YAMLError: The text is not YAML; ``state.found`` holds the mistakes before that place.
    """
    root: Node | None = None
    documents = 0
    while not isinstance(event := state.parser.get_event(), StreamEndEvent):
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                place = state.span(_start_offset(event), _end_offset(event))
                state.found.append(findings.several_documents(place))
                return root
        elif isinstance(event, _NODE_EVENTS):
            root = _build_node(state, event, 1).node
    return root


def _build_node(state: TreeBuilderState, event: Any, depth: int) -> BuiltNode:
    if isinstance(event, AliasEvent):
        return _expand_alias(state, event, depth)
    start = _content_start(state, event)
    state.nodes += 1
    if depth > MAX_DEPTH or state.nodes > MAX_NODES:
        return _skip_oversized(state, event, start)
    if event.tag is not None:
        state.found.append(findings.unknown_tag(_tag_span(state, event), event.tag))
    if event.anchor is None:
        return _build_content(state, event, start, depth)
    state.open[event.anchor] = state.span(_start_offset(event), start)
    built = _build_content(state, event, start, depth)
    state.open.pop(event.anchor, None)
    state.anchors[event.anchor] = built
    return built


def _build_content(state: TreeBuilderState, event: Any, start: int, depth: int) -> BuiltNode:
    if isinstance(event, ScalarEvent):
        return _build_scalar(state, event, start)
    if isinstance(event, SequenceStartEvent):
        return _build_sequence(state, event, start, depth)
    return _build_mapping(state, event, start, depth)


def _build_scalar(state: TreeBuilderState, event: Any, start: int) -> BuiltNode:
    end = max(start, _end_offset(event))
    if _has_retyping_tag(event):
        return BuiltNode(placeholder(state.span(start, end)), end)
    style = _STYLES.get(event.style, "plain")
    if style == "plain" and event.tag != _TEXT_TAG:
        return BuiltNode(_build_plain_scalar(state, event.value, state.span(start, end)), end)
    if style in ("literal", "folded"):
        end = _block_scalar_end(state, start, end)
    return BuiltNode(Scalar(event.value, state.span(start, end), style), end)


def _has_retyping_tag(event: Any) -> bool:
    """Return whether a tag says that a value is not what it looks like without it."""
    return event.tag is not None and (not event.value or event.tag in _RETYPING)


def _build_plain_scalar(state: TreeBuilderState, text: str, span: Span) -> Scalar:
    try:
        return Scalar(core_value(text), span)
    except OverflowError:
        state.found.append(findings.long_number(span))
        return placeholder(span)


def _block_scalar_end(state: TreeBuilderState, start: int, end: int) -> int:
    """Leave out the blank lines after a block scalar, unless its header keeps them."""
    raw = state.source.text[state.start + start : state.start + end]
    header = raw[:3].split("\n", 1)[0]
    return end if "+" in header else start + len(raw.rstrip())


def _build_sequence(state: TreeBuilderState, event: Any, start: int, depth: int) -> BuiltNode:
    items: list[Node] = []
    end, size, height = _end_offset(event), 1, 0
    while not isinstance(inner := state.parser.get_event(), SequenceEndEvent):
        item = _build_node(state, inner, depth + 1)
        items.append(item.node)
        end, size, height = item.end, size + item.size, max(height, item.height)
    if event.flow_style:
        end = _end_offset(inner)
    return BuiltNode(Sequence(tuple(items), state.span(start, end)), end, size, height + 1)


def _build_mapping(state: TreeBuilderState, event: Any, start: int, depth: int) -> BuiltNode:
    entries: list[Entry] = []
    seen: dict[str, Scalar] = {}
    end, size, height, merges = _end_offset(event), 1, 0, False
    while not isinstance(inner := state.parser.get_event(), MappingEndEvent):
        key = _build_key(state, _build_node(state, inner, depth + 1), inner)
        value = _build_node(state, state.parser.get_event(), depth + 1)
        end, size, height = value.end, size + value.size, max(height, value.height)
        if first := seen.get(str(key.value)):
            if not is_placeholder(key):
                state.found.append(findings.duplicate_key(first, key))
            continue
        if not is_placeholder(key):
            seen[str(key.value)] = key
        merges = merges or is_merge_key(key)
        entries.append(Entry(key, value.node))
    if event.flow_style:
        end = _end_offset(inner)
    kept = expand_merge_keys(entries, state.found) if merges else entries
    return BuiltNode(Mapping(tuple(kept), state.span(start, end)), end, size, height + 1)


def _build_key(state: TreeBuilderState, built: BuiltNode, event: Any) -> Scalar:
    node = built.node
    if is_placeholder(node):
        return Scalar(node.span.text, node.span, "error")
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node
    place = state.span(_start_offset(event), max(built.end, _start_offset(event)))
    state.found.append(findings.key_not_text(place, node))
    return Scalar(node.span.text, node.span, "error")


def _expand_alias(state: TreeBuilderState, event: Any, depth: int) -> BuiltNode:
    start, end = _start_offset(event), _end_offset(event)
    span = state.span(start, end)
    if event.anchor in state.open:
        state.found.append(findings.alias_loop(span, event.anchor, state.open[event.anchor]))
        return BuiltNode(placeholder(span), end)
    target = state.anchors.get(event.anchor)
    if target is None:
        known = [*state.anchors, *state.open]
        state.found.append(findings.unknown_alias(span, event.anchor, known))
        return BuiltNode(placeholder(span), end)
    state.expanded += target.size
    if state.expanded > MAX_EXPANDED or depth + target.height > MAX_DEPTH:
        findings.note_once(state.found, findings.too_large(span))
        return BuiltNode(placeholder(span), end)
    node = with_provenance(target.node, ProvenanceStep("alias", span))
    return BuiltNode(node, end, target.size, target.height)


def _skip_oversized(state: TreeBuilderState, event: Any, start: int) -> BuiltNode:
    """Note it once and skip what the event opens."""
    span = state.span(start, max(start, _end_offset(event)))
    findings.note_once(state.found, findings.too_large(span))
    end, level = _end_offset(event), 0
    while True:
        level += isinstance(event, MappingStartEvent | SequenceStartEvent)
        level -= isinstance(event, MappingEndEvent | SequenceEndEvent)
        if level == 0:
            return BuiltNode(placeholder(span), max(start, end))
        event = state.parser.get_event()
        end = _end_offset(event)


def _content_start(state: TreeBuilderState, event: Any) -> int:
    """Return where a node starts behind its anchor and tag."""
    start = _start_offset(event)
    if event.anchor is None and event.tag is None:
        return start
    text, stop = state.source.text, state.start + _end_offset(event)
    at = state.start + start
    while at < len(text) and text[at] in "&!":
        while at < len(text) and not text[at].isspace() and text[at] not in ",[]{}":
            at += 1
        at = _skip_blank(text, at)
    if isinstance(event, ScalarEvent):
        at = min(at, stop)
    return at - state.start


def _skip_blank(text: str, at: int) -> int:
    while at < len(text):
        if text[at] == "#" and text[at - 1].isspace():
            line_end = text.find("\n", at)
            at = len(text) if line_end < 0 else line_end
        elif not text[at].isspace():
            break
        else:
            at += 1
    return at


def _tag_span(state: TreeBuilderState, event: Any) -> Span:
    start = _start_offset(event)
    text = state.source.text
    at = text.find("!", state.start + start)
    end = at
    while end < len(text) and not text[end].isspace() and text[end] not in ",[]{}":
        end += 1
    return Span(state.source, at, end)


def _start_offset(event: Any) -> int:
    start: int = event.start_mark.index
    return start


def _end_offset(event: Any) -> int:
    end: int = event.end_mark.index
    return end
