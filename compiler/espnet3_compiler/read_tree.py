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

from espnet3_compiler import read_findings as findings
from espnet3_compiler.diagnostic import Diagnostic
from espnet3_compiler.read_events import EventParser
from espnet3_compiler.read_merge import is_merge_key, merged
from espnet3_compiler.read_scalars import core_value
from espnet3_compiler.read_steps import is_stand_in, stand_in, with_step
from espnet3_compiler.source import Source, Span, Step
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar, Sequence

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


class Built(NamedTuple):
    """A node, where its text ends in the file, and how much it holds."""

    node: Node
    end: int
    size: int = 1
    height: int = 1


@dataclass
class State:
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
    anchors: dict[str, Built] = field(default_factory=dict)
    open: dict[str, Span] = field(default_factory=dict)
    nodes: int = 0
    expanded: int = 0
    found: list[Diagnostic] = field(default_factory=list)

    def span(self, start: int, end: int) -> Span:
        """Return a stretch given in the parser's offsets."""
        return Span(self.source, self.start + start, self.start + end)


def read_documents(state: State) -> Node | None:
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
                place = state.span(_start(event), _end(event))
                state.found.append(findings.several_documents(place))
                return root
        elif isinstance(event, _NODE_EVENTS):
            root = _build(state, event, 1).node
    return root


def _build(state: State, event: Any, depth: int) -> Built:
    if isinstance(event, AliasEvent):
        return _alias(state, event, depth)
    start = _content_start(state, event)
    state.nodes += 1
    if depth > MAX_DEPTH or state.nodes > MAX_NODES:
        return _too_large(state, event, start)
    if event.tag is not None:
        state.found.append(findings.unknown_tag(_tag_place(state, event), event.tag))
    if event.anchor is None:
        return _content(state, event, start, depth)
    state.open[event.anchor] = state.span(_start(event), start)
    built = _content(state, event, start, depth)
    state.open.pop(event.anchor, None)
    state.anchors[event.anchor] = built
    return built


def _content(state: State, event: Any, start: int, depth: int) -> Built:
    if isinstance(event, ScalarEvent):
        return _scalar(state, event, start)
    if isinstance(event, SequenceStartEvent):
        return _sequence(state, event, start, depth)
    return _mapping(state, event, start, depth)


def _scalar(state: State, event: Any, start: int) -> Built:
    end = max(start, _end(event))
    if _is_unclear(event):
        return Built(stand_in(state.span(start, end)), end)
    style = _STYLES.get(event.style, "plain")
    if style == "plain" and event.tag != _TEXT_TAG:
        return Built(_plain_scalar(state, event.value, state.span(start, end)), end)
    if style in ("literal", "folded"):
        end = _block_end(state, start, end)
    return Built(Scalar(event.value, state.span(start, end), style), end)


def _is_unclear(event: Any) -> bool:
    """Return whether a tag says that a value is not what it looks like without it."""
    return event.tag is not None and (not event.value or event.tag in _RETYPING)


def _plain_scalar(state: State, text: str, span: Span) -> Scalar:
    try:
        return Scalar(core_value(text), span)
    except OverflowError:
        state.found.append(findings.long_number(span))
        return stand_in(span)


def _block_end(state: State, start: int, end: int) -> int:
    """Leave out the blank lines after a block scalar, unless its header keeps them."""
    raw = state.source.text[state.start + start : state.start + end]
    header = raw[:3].split("\n", 1)[0]
    return end if "+" in header else start + len(raw.rstrip())


def _sequence(state: State, event: Any, start: int, depth: int) -> Built:
    items: list[Node] = []
    end, size, height = _end(event), 1, 0
    while not isinstance(inner := state.parser.get_event(), SequenceEndEvent):
        item = _build(state, inner, depth + 1)
        items.append(item.node)
        end, size, height = item.end, size + item.size, max(height, item.height)
    if event.flow_style:
        end = _end(inner)
    return Built(Sequence(tuple(items), state.span(start, end)), end, size, height + 1)


def _mapping(state: State, event: Any, start: int, depth: int) -> Built:
    entries: list[Entry] = []
    seen: dict[str, Scalar] = {}
    end, size, height, merges = _end(event), 1, 0, False
    while not isinstance(inner := state.parser.get_event(), MappingEndEvent):
        key = _key(state, _build(state, inner, depth + 1), inner)
        value = _build(state, state.parser.get_event(), depth + 1)
        end, size, height = value.end, size + value.size, max(height, value.height)
        if first := seen.get(str(key.value)):
            if not is_stand_in(key):
                state.found.append(findings.duplicate_key(first, key))
            continue
        if not is_stand_in(key):
            seen[str(key.value)] = key
        merges = merges or is_merge_key(key)
        entries.append(Entry(key, value.node))
    if event.flow_style:
        end = _end(inner)
    kept = merged(entries, state.found) if merges else entries
    return Built(Mapping(tuple(kept), state.span(start, end)), end, size, height + 1)


def _key(state: State, built: Built, event: Any) -> Scalar:
    node = built.node
    if is_stand_in(node):
        return Scalar(node.span.text, node.span, "error")
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node
    place = state.span(_start(event), max(built.end, _start(event)))
    state.found.append(findings.key_not_text(place, node))
    return Scalar(node.span.text, node.span, "error")


def _alias(state: State, event: Any, depth: int) -> Built:
    start, end = _start(event), _end(event)
    span = state.span(start, end)
    if event.anchor in state.open:
        state.found.append(findings.alias_loop(span, event.anchor, state.open[event.anchor]))
        return Built(stand_in(span), end)
    target = state.anchors.get(event.anchor)
    if target is None:
        known = [*state.anchors, *state.open]
        state.found.append(findings.unknown_alias(span, event.anchor, known))
        return Built(stand_in(span), end)
    state.expanded += target.size
    if state.expanded > MAX_EXPANDED or depth + target.height > MAX_DEPTH:
        findings.note_once(state.found, findings.too_large(span))
        return Built(stand_in(span), end)
    node = with_step(target.node, Step("alias", span))
    return Built(node, end, target.size, target.height)


def _too_large(state: State, event: Any, start: int) -> Built:
    """Note it once and skip what the event opens."""
    span = state.span(start, max(start, _end(event)))
    findings.note_once(state.found, findings.too_large(span))
    end, level = _end(event), 0
    while True:
        level += isinstance(event, MappingStartEvent | SequenceStartEvent)
        level -= isinstance(event, MappingEndEvent | SequenceEndEvent)
        if level == 0:
            return Built(stand_in(span), max(start, end))
        event = state.parser.get_event()
        end = _end(event)


def _content_start(state: State, event: Any) -> int:
    """Return where a node starts behind its anchor and tag."""
    start = _start(event)
    if event.anchor is None and event.tag is None:
        return start
    text, stop = state.source.text, state.start + _end(event)
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


def _tag_place(state: State, event: Any) -> Span:
    start = _start(event)
    text = state.source.text
    at = text.find("!", state.start + start)
    end = at
    while end < len(text) and not text[end].isspace() and text[end] not in ",[]{}":
        end += 1
    return Span(state.source, at, end)


def _start(event: Any) -> int:
    start: int = event.start_mark.index
    return start


def _end(event: Any) -> int:
    end: int = event.end_mark.index
    return end
