"""The two sides of a conversion: blocks of ESPnet3's config and the draft of ours."""

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

_PATH_REASONS: Reasons = {
    "recipe_dir": (MOVED, "the directory of the manifest is the recipe directory"),
    "data_dir": (MOVED, "is in the manifest where it is not data"),
    "exp_tag": (MOVED, "stages share the manifest's exp_tag"),
    "exp_dir": (MOVED, "stages share the manifest's exp_dir"),
}
"""Keys that ESPnet3 has in every config, and we in the manifest."""


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
            span: Where ESPnet3's config has it; None for a value of our own.
        """
        mapping = self.values
        for key in path[:-1]:
            inner = mapping.setdefault(key, {})
            assert isinstance(inner, dict)
            mapping = inner
        mapping[path[-1]] = value
        if span is not None:
            self.origins[path] = span


@dataclass
class ConversionContext:
    """The helpers that translate one file.

    Attributes:
        values: Interpolates.
        artifacts: Translates the paths of ESPnet3's stages.
        notes: Takes notes on keys that are not carried.
        target: Translates a dotted path of ESPnet3's code.
    """

    values: Interpolator
    artifacts: Artifacts
    notes: Notes
    target: Callable[[str], str]


@dataclass
class Block:
    """A mapping of the ESPnet3 config; keys are taken one by one, and the rest is noted.

    Attributes:
        node: The mapping; None where there is none.
        path: Its path in the config.
        context: The helpers for the file.
        taken: The keys that were read.
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
        return entry is not None and not _is_null(entry.value)

    def is_user_written(self, name: str) -> bool:
        """Return whether a key comes from the user, and not from ESPnet3's defaults."""
        span = self.span(name)
        return span is not None and span.source.kind == "file"

    def span(self, name: str) -> Span | None:
        """Return the location of a key."""
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
        """Take a key and note what became of it, where the user wrote it.

        Args:
            name: The key of ESPnet3's block.
            kind: One of the kinds of :mod:`espnet3_compiler.convert.notes`.
            reason: Why, as the report shows it.
        """
        entry = self.entry(name)
        if entry is not None:
            key = format_path((*self.path, name))
            self.context.notes.add(kind, entry.key.span, key, reason)

    def note_rest(self, reasons: Reasons, otherwise: tuple[str, str] | None = None) -> None:
        """Note the keys that were not taken; null under a key that moved needs no note.

        Args:
            reasons: Kind and reason by key.
            otherwise: Kind and reason of all other keys.
        """
        default = otherwise or (DROPPED, "ESPnet3 reads no such key here, nor do we")
        for entry in self.node or ():
            kind, reason = reasons.get(entry.name, default)
            is_noted = kind != MOVED or not _is_null(entry.value)
            if entry.name not in self.taken and is_noted:
                self.add_note(entry.name, kind, reason)

    def note_root_keys(self, reasons: Reasons) -> None:
        """Note the keys at the root of a config that were not taken; the others are variables."""
        self.note_rest(
            _PATH_REASONS | reasons, (MOVED, "its value is where the config refers to it")
        )


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
