"""What could not be carried from an ESPnet3 recipe, or means something else now, and why."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from espnet3_compiler.diagnostics.source import Span

DEAD, DROPPED, CHANGED, MOVED = "dead", "dropped", "changed", "moved"
TITLES = {
    DEAD: "had no effect in ESPnet3 and were left out",
    DROPPED: "could not be carried",
    CHANGED: "were carried and mean something else",
    MOVED: "stand elsewhere now",
}
FORMAT = "espnet3-compile/from-espnet3"


@dataclass(frozen=True, slots=True)
class Note:
    """One key of the ESPnet3 recipe.

    Attributes:
        kind: ``dead``, ``dropped``, ``changed`` or ``moved``.
        file: Relative to the recipe directory.
        line: Counted from 1; 0 where the whole file is meant.
        key: Its dotted path; empty where the whole file is meant.
        reason: Why, and what to do instead.
    """

    kind: str
    file: str
    line: int
    key: str
    reason: str


@dataclass
class Notes:
    """Collects notes, each once."""

    found: dict[Note, None] = field(default_factory=dict)

    def add(self, kind: str, span: Span, key: str, reason: str) -> None:
        """Note a key at its place; what only ESPnet3's own defaults say is not worth a note.

        Args:
            kind: What became of the key: one of the kinds above.
            span: Where it stands.
            key: Its dotted path.
            reason: Why, as the report shows it.
        """
        if span.source.kind == "file":
            line, _ = span.source.line_column(span.start)
            self.found[Note(kind, span.source.name, line, key, reason)] = None

    def add_file(self, kind: str, file: str, reason: str) -> None:
        """Note something about a whole file.

        Args:
            kind: What became of the file: one of the kinds above.
            file: Its path below the recipe.
            reason: Why, as the report shows it.
        """
        self.found[Note(kind, file, 0, "", reason)] = None

    def in_order(self) -> list[Note]:
        """Return the notes by kind, file and line."""
        order = list(TITLES)
        return sorted(self.found, key=lambda n: (order.index(n.kind), n.file, n.line, n.key))


def render_notes(notes: Iterable[Note]) -> str:
    """Return the report for a person; empty where there is nothing to tell."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for note in notes:
        place = f"{note.file}:{note.line}" if note.line else note.file
        places.setdefault((note.kind, note.key, note.reason), []).append(place)
    lines = []
    last = None
    for (kind, key, reason), where in places.items():
        if kind != last:
            lines += ["", f"keys that {TITLES[kind]}:"]
            last = kind
        lines.append(f"  {key}: {reason}" if key else f"  {reason}")
        lines += [f"      {place}" for place in where]
    return "".join(f"{line}\n" for line in lines)


def render_notes_json(notes: Iterable[Note], written: Sequence[str], clean: bool) -> str:
    """Return the report for a machine.

    Args:
        notes: What became of keys and files.
        written: Paths of the files that were written.
        clean: Whether the checker finds no mistake in what was written.
    """
    value = {
        "format": FORMAT,
        "schema_version": 1,
        "written": list(written),
        "clean": clean,
        "notes": [
            {name: getattr(note, name) for name in ("kind", "file", "line", "key", "reason")}
            for note in notes
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
