"""The two sides of a conversion: blocks of ESPnet3's config and the draft of ours."""

from collections.abc import Callable, Iterator

from msgspec import Struct, field

from espnet3_compiler.convert.configs.artifacts import Artifacts
from espnet3_compiler.convert.notes import Notes, Outcome, became, lost
from espnet3_compiler.convert.values import Interpolator
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    Node,
    Path,
    Plain,
    Sequence,
    format_path,
    is_null,
)
from espnet3_schemas import TARGET

Reasons = dict[str, Outcome]
"""Key to what becomes of it."""

UNKNOWN = lost("no key of this name is known here")
RENAMED = "it has another name"
ELSEWHERE = became(
    "the same path",
    "it leads into another experiment of ESPnet3, which no stage here makes: keep that directory, "
    "or name what is trained here",
)
_PATH_REASONS: Reasons = {
    "recipe_dir": became("the directory of the manifest", "that is the recipe directory"),
    "data_dir": became("data_dir of the manifest", "it is there where it is not data"),
    "exp_tag": became("exp_tag of the manifest", "stages share it"),
    "exp_dir": became("exp_dir of the manifest", "stages share it"),
}
"""Keys that ESPnet3 has in every config, and we in the manifest."""


class ConfigDraft(Struct):
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


class ConversionContext(Struct):
    """The helpers that translate one file.

    Attributes:
        values: Interpolates.
        artifacts: Translates the paths of ESPnet3's stages.
        notes: Takes notes on keys, and which of them were used.
        target: Translates a dotted path of ESPnet3's code.
    """

    values: Interpolator
    artifacts: Artifacts
    notes: Notes
    target: Callable[[str], str]


class Block(Struct):
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
        return entry is not None and not is_null(entry.value)

    def is_user_written(self, name: str) -> bool:
        """Return whether a key comes from the recipe, and not from a template's defaults."""
        span = self.span(name)
        return span is not None and span.source.kind == "file"

    def span(self, name: str) -> Span | None:
        """Return the location of a key."""
        entry = self.node.entry(name) if self.node else None
        return entry.key.span if entry else None

    def value(self, name: str) -> Plain:
        """Take a key and return its value with our paths and targets; None where absent."""
        entry = self.entry(name)
        if entry is None:
            return None
        self.context.notes.mark_read(entry)
        value = self.convert_value(entry.value, (*self.path, name))
        if self.context.artifacts.leads_elsewhere(value):
            self.context.notes.add(entry.key.span, ELSEWHERE)
        return value

    def raw_value(self, name: str) -> Plain:
        """Take a key and return its interpolated value, paths as ESPnet3 has them."""
        entry = self.entry(name)
        if entry is None:
            return None
        self.context.notes.mark_read(entry)
        return self.context.values.plain(entry.value, (*self.path, name))

    def look_at(self, name: str) -> Plain:
        """Return the interpolated value of a key without taking it."""
        entry = self.node.entry(name) if self.node else None
        return self.context.values.plain(entry.value, (*self.path, name)) if entry else None

    def take_block(self, name: str) -> "Block":
        """Take a key whose value is a mapping, or a reference to one."""
        entry = self.entry(name)
        if entry is None:
            return Block(None, (*self.path, name), self.context)
        node, path = self.context.values.follow(entry.value, (*self.path, name))
        if node is not entry.value:
            self.context.notes.mark_read(entry)
        return Block(node if isinstance(node, Mapping) else None, path, self.context)

    def items(self, name: str) -> "Iterator[Block]":
        """Take a list of mappings."""
        entry = self.entry(name)
        if entry and isinstance(entry.value, Sequence):
            for index, item in enumerate(entry.value.items):
                if isinstance(item, Mapping):
                    yield Block(item, (*self.path, name, index), self.context)

    def convert_value(self, node: Node, path: Path) -> Plain:
        """Return a node's value with our paths and targets."""
        self.context.notes.mark_below(node)
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
            if to != (*self.path, name):
                self.context.notes.add(span, became(format_path(to), RENAMED))

    def add_note(self, name: str, outcome: Outcome) -> None:
        """Take a key and note what became of it.

        Args:
            name: The key of ESPnet3's block.
            outcome: What became of it, as the report shows it.
        """
        entry = self.entry(name)
        if entry is not None:
            self.context.notes.add(entry.key.span, outcome)

    def note_rest(self, reasons: Reasons, otherwise: Outcome = UNKNOWN) -> None:
        """Note the keys that were not taken; null needs no note.

        Args:
            reasons: What becomes of a key, by its name.
            otherwise: What becomes of all others.
        """
        for entry in self.node or ():
            if entry.name not in self.taken and not is_null(entry.value):
                self.add_note(entry.name, reasons.get(entry.name, otherwise))

    def note_root_keys(self, reasons: Reasons) -> None:
        """Note the keys at the root of a config that are known and were not taken.

        The others are variables, if the config refers to them; if not, nothing reads them.
        """
        known = _PATH_REASONS | reasons
        for entry in self.node or ():
            if entry.name in known and entry.name not in self.taken and not is_null(entry.value):
                self.add_note(entry.name, known[entry.name])


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
