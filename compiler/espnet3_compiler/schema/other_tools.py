"""Keys of another tool: one finding for all of a mapping, with what to write here."""

from collections.abc import Iterable, Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.schema.types import Instance, Schema
from espnet3_compiler.syntax.provenance import provenance_labels
from espnet3_compiler.syntax.tree import Entry, Mapping, Node
from espnet3_schemas import TARGET, habits

MAX_NAMED = 3


def keys_of_other_tools(
    node: Mapping, schema: Schema, unknown: Iterable[str]
) -> Iterator[tuple[str, dict[str, str], list[Entry]]]:
    """Yield a tool, what to write for its keys, and the unknown keys that are the tool's.

    A key of several tools counts for the one that most of the keys belong to.

    Args:
        node: The mapping.
        schema: Its schema.
        unknown: The keys that the schema does not have.
    """
    known = schema.get("properties", {})
    left = {one for one in unknown if not (_is_object(node.get(one)) and closest_match(one, known))}
    habit = schema.get("x-habits") if left else None
    tools: dict[str, dict[str, str]] = habits()["keys"].get(habit, {}) if habit else {}
    while left and tools:
        tool = max(tools, key=lambda name: len(left & tools[name].keys()))
        own = left & tools[tool].keys()
        if not own:
            return
        yield tool, tools[tool], [entry for entry in node if entry.name in own]
        left -= own


def _is_object(node: Node | None) -> bool:
    """Return whether a value is an object as it is written here."""
    return isinstance(node, Mapping) and node.entry(TARGET) is not None


def foreign_keys(
    spot: Instance, tool: str, advice: dict[str, str], entries: list[Entry]
) -> Diagnostic:
    """R601: keys of another tool.

    Args:
        spot: The mapping.
        tool: What the tool is called.
        advice: What to write, by key.
        entries: The keys, in the order of the text.
    """
    names = [f'"{entry.name}"' for entry in entries]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    listed = f"{', '.join(names[:MAX_NAMED])}{more}"
    first, others = entries[0], entries[1:]
    return Diagnostic(
        "R601",
        f"{spot.name} has no key{'s' if others else ''} {listed}",
        Label(first.key.span, f"as in {tool}"),
        related=(
            *(Label(entry.key.span, "likewise") for entry in others),
            *provenance_labels(first.key, first.key.span),
        ),
        help=tuple(f"for {entry.name} write {advice[entry.name]}" for entry in entries),
    )
