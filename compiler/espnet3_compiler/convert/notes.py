"""What becomes of each key of an ESPnet3 recipe: carried, changed, or not carried.

While configs are translated, every key that is used is marked, and what happens to the others is
noted. ``key_lists`` then goes through the files and puts each key into one of the three lists; a
key that is neither marked nor noted was read by nobody: it is not carried.
"""

from msgspec import Struct, field

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.syntax.tree import Entry, Node, children
from espnet3_compiler.syntax.tree import Mapping as Tree

CARRIED, CHANGED, NOT_CARRIED = "carried", "changed", "not carried"
LEFT_OUT = "left out"
Place = tuple[str, int]
"""A file and the offset of a key in it."""


class Outcome(Struct, frozen=True):
    """What becomes of a key.

    Attributes:
        list: ``carried``, ``changed`` or ``not carried``.
        to: What it is now; empty for a key that is carried as it is, or not at all.
        why: The reason, and what to do instead.
    """

    list: str
    to: str = ""
    why: str = ""


KEPT = Outcome(CARRIED)


def became(to: str, why: str) -> Outcome:
    """Return that a key is another one now."""
    return Outcome(CHANGED, to, why)


def left_out(why: str) -> Outcome:
    """Return that a key is left out, and that nothing is lost by that."""
    return Outcome(CHANGED, LEFT_OUT, why)


def lost(why: str) -> Outcome:
    """Return that a key is not carried."""
    return Outcome(NOT_CARRIED, "", why)


class KeyNote(Struct, frozen=True):
    """One key of the ESPnet3 recipe, or something in its code.

    Attributes:
        outcome: What becomes of it.
        file: Relative to the recipe directory.
        line: Counted from 1; 0 for a note on the file.
        key: Its dotted path; empty for a note on the file.
        text: Its value as it is written; empty for a mapping and for code.
    """

    outcome: Outcome
    file: str
    line: int
    key: str
    text: str = ""


class Notes(Struct):
    """Collects what becomes of keys.

    Attributes:
        keys: What was noted of a key of a config.
        others: Notes on files and on code.
        read: The keys that a translation used.
        referred: The keys whose values stand where others refer to them.
        overridden: Keys that another file replaces, and the key there.
        uses: The keys that a method of the recipe's System reads.
        trees: The configs as they are written, by their files.
        paths: The dotted path of each of their keys.
    """

    keys: dict[Place, dict[Outcome, None]] = field(default_factory=dict)
    others: dict[KeyNote, None] = field(default_factory=dict)
    read: set[Place] = field(default_factory=set)
    referred: set[Place] = field(default_factory=set)
    overridden: dict[Place, Span] = field(default_factory=dict)
    uses: dict[Place, Outcome] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    paths: dict[Place, str] = field(default_factory=dict)

    def add(self, span: Span, outcome: Outcome) -> None:
        """Note what becomes of the key at a span; keys of ESPnet3's own defaults are left out."""
        if span.source.kind in ("file", "system"):
            self.keys.setdefault(key_place(span), {})[outcome] = None

    def add_other(self, span: Span, what: str, outcome: Outcome) -> None:
        """Note something in the code of the recipe.

        Args:
            span: The location.
            what: A stage, a flag or another name.
            outcome: What becomes of it.
        """
        line, _ = span.source.line_column(span.start)
        self.others[KeyNote(outcome, span.source.name, line, what)] = None

    def add_file(self, file: str, outcome: Outcome) -> None:
        """Note something about a file, given by its path below the recipe."""
        self.others[KeyNote(outcome, file, 0, "")] = None

    def mark_read(self, entry: Entry) -> None:
        """Mark a key, with all keys below it, as used."""
        self.read.add(key_place(entry.key.span))
        self.mark_below(entry.value)

    def mark_below(self, node: Node) -> None:
        """Mark all keys in a value as used."""
        self.read.update(_places_below(node))

    def mark_referred(self, node: Node | Entry) -> None:
        """Mark keys as referred to by others."""
        if isinstance(node, Entry):
            self.referred.add(key_place(node.key.span))
            node = node.value
        self.referred.update(_places_below(node))

    def mark_used(self, entry: Entry, outcome: Outcome) -> None:
        """Mark a key, with all keys below it, as read by a method of the recipe's System."""
        places = {key_place(entry.key.span), *_places_below(entry.value)}
        self.uses.update(dict.fromkeys(places, outcome))


def key_place(span: Span) -> Place:
    """Return the place of a key."""
    return span.source.name, span.start


def _places_below(node: Node) -> set[Place]:
    found = {key_place(entry.key.span) for entry in node} if isinstance(node, Tree) else set()
    return found.union(*(_places_below(child) for _, child in children(node)))
