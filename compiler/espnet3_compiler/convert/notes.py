"""Notes on keys of an ESPnet3 recipe that were not carried or changed, and their report."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from espnet3_compiler.diagnostics.source import Span

DEAD, DROPPED, CHANGED, MOVED = "dead", "dropped", "changed", "moved"
TITLES = {
    DEAD: "had no effect in ESPnet3 and were left out",
    DROPPED: "could not be carried",
    CHANGED: "were carried and mean something else",
    MOVED: "are elsewhere now",
}
FORMAT = "espnet3-compile/from-espnet3"


@dataclass(frozen=True, slots=True)
class Note:
    """One key of the ESPnet3 recipe.

    Attributes:
        kind: ``dead``, ``dropped``, ``changed`` or ``moved``.
        file: Relative to the recipe directory.
        line: Counted from 1; 0 for a note on the file.
        key: Its dotted path; empty for a note on the file.
        reason: The reason, and what to do instead.
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
        """Note a key of the recipe; keys of ESPnet3's own defaults are left out.

        Args:
            kind: One of the kinds above.
            span: The location of the key.
            key: Its dotted path.
            reason: Why, as the report shows it.
        """
        if span.source.kind == "file":
            line, _ = span.source.line_column(span.start)
            self.found[Note(kind, span.source.name, line, key, reason)] = None

    def add_file(self, kind: str, file: str, reason: str) -> None:
        """Note something about a file.

        Args:
            kind: One of the kinds above.
            file: Its path below the recipe.
            reason: Why, as the report shows it.
        """
        self.found[Note(kind, file, 0, "", reason)] = None

    def in_order(self) -> list[Note]:
        """Return the notes by kind, file and line."""
        order = list(TITLES)
        return sorted(self.found, key=lambda n: (order.index(n.kind), n.file, n.line, n.key))


def render_notes(notes: Iterable[Note]) -> str:
    """Return the report for a person; empty without notes."""
    locations: dict[tuple[str, str, str], list[str]] = {}
    for note in notes:
        location = f"{note.file}:{note.line}" if note.line else note.file
        locations.setdefault((note.kind, note.key, note.reason), []).append(location)
    lines = []
    last = None
    for (kind, key, reason), where in locations.items():
        if kind != last:
            lines += ["", f"keys that {TITLES[kind]}:"]
            last = kind
        lines.append(f"  {key}: {reason}" if key else f"  {reason}")
        lines += [f"      {location}" for location in where]
    return "".join(f"{line}\n" for line in lines)


def render_notes_json(notes: Iterable[Note], written: Sequence[str], clean: bool) -> str:
    """Return the report as JSON.

    Args:
        notes: The notes on keys and files.
        written: The paths of the files that were written.
        clean: Whether the checker finds no mistake in them.
    """
    value = {
        "format": FORMAT,
        "schema_version": 1,
        "written": list(written),
        "clean": clean,
        "notes": [asdict(note) for note in notes],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
