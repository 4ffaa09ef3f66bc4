"""A config of ours while it is written, and the blocks of ESPnet3's while they are read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from espnet3_compiler.convert.artifacts import Artifacts
from espnet3_compiler.convert.notes import DROPPED, MOVED, Notes
from espnet3_compiler.convert.values import Interpolator
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Plain, Sequence, format_path
from espnet3_schemas import TARGET

Reasons = dict[str, tuple[str, str]]
"""Key to the kind of its note and the reason."""

RESOLVED_REASON = "its value stands where the config refers to it"
PATH_REASONS: Reasons = {
    "recipe_dir": (MOVED, "the directory of the manifest is the recipe directory"),
    "data_dir": (MOVED, "stands in the manifest where it is not data"),
    "exp_tag": (MOVED, "stages share the manifest's exp_tag"),
    "exp_dir": (MOVED, "stages share the manifest's exp_dir"),
}
"""What every config of ESPnet3 says for itself, and ours in the manifest."""


@dataclass
class ConfigDraft:
    """A config of ours.

    Attributes:
        values: Its content.
        origins: Where the keys of the content come from.
    """

    values: dict[str, Plain] = field(default_factory=dict)
    origins: dict[Path, Span] = field(default_factory=dict)

    def set_value(self, path: tuple[str, ...], value: Plain, span: Span | None = None) -> None:
        """Write a value at a path of keys.

        Args:
            path: The keys from the root of our config.
            value: Plain data.
            span: Where ESPnet3's config says it; None for what it does not say.
        """
        place = self.values
        for key in path[:-1]:
            inner = place.setdefault(key, {})
            assert isinstance(inner, dict)
            place = inner
        place[path[-1]] = value
        if span is not None:
            self.origins[path] = span


@dataclass
class ConversionContext:
    """What translating one file needs.

    Attributes:
        values: Interpolates.
        artifacts: Knows the paths of ESPnet3's stages.
        notes: Takes what is not carried.
        target: Gives the dotted path under which something of ESPnet3 is known here.
    """

    values: Interpolator
    artifacts: Artifacts
    notes: Notes
    target: Callable[[str], str]


@dataclass
class Block:
    """A mapping of the ESPnet3 config; keys are taken one by one, and the rest is told.

    Attributes:
        node: The mapping; empty where there is none.
        path: Where it stands.
        context: Of the file.
        taken: Keys that were read.
    """

    node: Mapping | None
    path: Path
    context: ConversionContext
    taken: set[str] = field(default_factory=set)

    def entry(self, name: str) -> Entry | None:
        """Take a key; None where it is absent."""
        self.taken.add(name)
        return self.node.entry(name) if self.node else None

    def has_value(self, name: str) -> bool:
        """Return whether a key is there and not null, without taking it."""
        entry = self.node.entry(name) if self.node else None
        return entry is not None and getattr(entry.value, "value", True) is not None

    def is_user_written(self, name: str) -> bool:
        """Return whether the user wrote a key, and not ESPnet3's defaults."""
        entry = self.node.entry(name) if self.node else None
        return entry is not None and entry.key.span.source.kind == "file"

    def span(self, name: str) -> Span | None:
        """Return where a key stands."""
        entry = self.node.entry(name) if self.node else None
        return entry.key.span if entry else None

    def value(self, name: str) -> Plain:
        """Take a key and return its value with our paths and targets; None where absent."""
        entry = self.entry(name)
        return self.convert_value(entry.value, (*self.path, name)) if entry else None

    def raw_value(self, name: str) -> Plain:
        """Take a key and return its interpolated value, paths as ESPnet3 has them."""
        entry = self.entry(name)
        return self.context.values.plain(entry.value, (*self.path, name)) if entry else None

    def take_block(self, name: str) -> "Block":
        """Take a key whose value is a mapping."""
        entry = self.entry(name)
        node = entry.value if entry and isinstance(entry.value, Mapping) else None
        return Block(node, (*self.path, name), self.context)

    def items(self, name: str) -> "Iterator[Block]":
        """Take a list of mappings."""
        entry = self.entry(name)
        if entry and isinstance(entry.value, Sequence):
            for index, item in enumerate(entry.value.items):
                if isinstance(item, Mapping):
                    yield Block(item, (*self.path, name, index), self.context)

    def convert_value(self, node: Node, path: Path) -> Plain:
        """Return a node's value with our paths and targets."""
        plain = self.context.artifacts.translate_paths(self.context.values.plain(node, path))
        return _translate_targets(plain, self.context.target)

    def move_key(
        self, draft: ConfigDraft, name: str, to: tuple[str, ...], *, null: bool = False
    ) -> None:
        """Take a key and write its value elsewhere; null only when asked for.

        Args:
            draft: Our config, which gets the value.
            name: The key of ESPnet3's block.
            to: The keys from the root of our config.
            null: Whether null is written too; otherwise it is left out.
        """
        span = self.span(name)
        value = self.value(name)
        if span is not None and (null or value is not None):
            draft.set_value(to, value, span)

    def add_note(self, name: str, kind: str, reason: str) -> None:
        """Take a key and say what became of it, where the user wrote it.

        Args:
            name: The key of ESPnet3's block.
            kind: What became of it, one of the kinds of :mod:`espnet3_compiler.convert.notes`.
            reason: Why, as the report shows it.
        """
        entry = self.entry(name)
        if entry is not None:
            key = format_path((*self.path, name))
            self.context.notes.add(kind, entry.key.span, key, reason)

    def rest(self, reasons: Reasons, otherwise: tuple[str, str] | None = None) -> None:
        """Note the keys that nobody took.

        Args:
            reasons: Why, by key.
            otherwise: Kind and reason of all others.
        """
        kind, reason = otherwise or (DROPPED, "ESPnet3 reads no such key here, nor do we")
        for entry in self.node or ():
            if entry.name in self.taken:
                continue
            if entry.name in reasons:
                if not (_is_null(entry.value) and reasons[entry.name][0] == MOVED):
                    self.add_note(entry.name, *reasons[entry.name])
            else:
                self.add_note(entry.name, kind, reason)


def _is_null(node: Node) -> bool:
    return getattr(node, "value", True) is None


def _translate_targets(value: Plain, target: Callable[[str], str]) -> Plain:
    if isinstance(value, list):
        return [_translate_targets(item, target) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: target(inner)
        if key == TARGET and isinstance(inner, str)
        else _translate_targets(inner, target)
        for key, inner in value.items()
    }
