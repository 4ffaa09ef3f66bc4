"""The findings about a tree that does not fit its schema, R601 to R607."""

import re
from collections.abc import Callable, Iterable

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, equally_close, is_certain_match
from espnet3_compiler.schema import keys
from espnet3_compiler.schema.class_names import path_of_class
from espnet3_compiler.schema.hints import ValueHint, quoted_like, value_hint
from espnet3_compiler.schema.types import (
    Instance,
    Schema,
    brief_value,
    describe_value,
    expected_types,
    has_type,
    json_type,
)
from espnet3_compiler.syntax.provenance import is_fixable, provenance_labels, use_location
from espnet3_compiler.syntax.span_key import is_inherited
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.unknown_name import did_you_mean
from espnet3_schemas import ROLES, TARGET, load

WORD = r"(?<=[(|])\w+(?=[)|])"
LONGEST_LIST = 60
MAX_LOCATIONS = 3
MAX_WORDS = 24


def unknown_key(
    spot: Instance,
    entry: Entry,
    schema: Schema,
    misspelt: dict[str, str],
    suits: Callable[[str], bool],
) -> Diagnostic:
    """R601: the schema has no such key here.

    Args:
        spot: The mapping.
        entry: The entry with the key.
        schema: What the mapping should be.
        misspelt: Required keys, each with the misspelt key that is written.
        suits: Whether the value could stand under another key; decides between two as near.
    """
    assert isinstance(spot.node, Mapping)
    valid = list(schema.get("properties", {}))
    source = entry.key.span.source
    given = {other.name for other in spot.node if other.key.span.source is source}
    choices = [name for name in valid if name not in given]
    wanted = next((name for name, written in misspelt.items() if written == entry.name), None)
    wanted = wanted or schema.get("x-renamed", {}).get(entry.name)
    moved = schema.get("x-moved", {}).get(entry.name) or _nested_form(entry, valid)
    named = wanted is not None
    certain = is_certain_match(entry.name, choices)
    if wanted in valid:
        nested = not isinstance(entry.value, Scalar)
        known = schema["properties"][wanted]
        certain = has_type(entry.value, known) if nested else suits(wanted)
    suggest = not moved and (
        named or certain or spot.path != "" or not _roles_with(entry.name, spot.root)
    )
    wanted = wanted or (_likeliest_key(entry.name, choices, suits) if suggest else None)
    twin = _correctly_spelt_entry(
        spot.node, entry, wanted or (closest_match(entry.name, valid) if suggest else None)
    )
    listed = ", ".join(valid)
    short = len(listed) <= LONGEST_LIST
    of_stage = _is_stage_key(entry.name, spot)
    return Diagnostic(
        "R601",
        f'{spot.name} has no key "{entry.name}"',
        Label(entry.key.span, f"not in ({listed})" if short else "no such key here"),
        related=(
            *((Label(twin.key.span, "already given here"),) if twin else ()),
            *provenance_labels(entry.key, entry.key.span),
        ),
        help=_key_help(entry.name, twin.name if twin else wanted, moved, spot),
        notes=()
        if wanted or twin or moved or short or of_stage
        else (f"the keys here: {_shorten_list(valid)}",),
        fix=None if twin else _key_fix(entry, wanted, certain=certain),
    )


def _nested_form(entry: Entry, valid: list[str]) -> str | None:
    """Return how a dotted key, as on a command line, is written in a file."""
    head, *inner = entry.name.split(".")
    if head not in valid or not all(inner) or not inner:
        return None
    value = entry.value.span.text if isinstance(entry.value, Scalar) else "…"
    value = value if value.isprintable() else "…"
    for name in reversed(inner):
        value = f"{{{name}: {value}}}"
    return f"write {head}: {value}; dotted keys are for --set"


def _likeliest_key(name: str, choices: list[str], suits: Callable[[str], bool]) -> str | None:
    near = equally_close(name, choices)
    return next(filter(suits, near), near[0]) if len(near) > 1 else next(iter(near), None)


def _shorten_list(words: list[str]) -> str:
    """Return words as a list that a person still reads."""
    more = len(words) - MAX_WORDS
    return ", ".join(words[:MAX_WORDS]) + (f" and {more} more" if more > 0 else "")


def _correctly_spelt_entry(node: Mapping, entry: Entry, wanted: str | None) -> Entry | None:
    """Return the rightly spelt key where it stands beside the wrong one."""
    twin = node.entry(wanted) if wanted else None
    return twin if twin and twin.key.span.source is entry.key.span.source else None


def _key_help(name: str, wanted: str | None, moved: str | None, spot: Instance) -> tuple[str, ...]:
    root = spot.root
    if moved:
        return (moved,)
    if wanted:
        return did_you_mean(wanted)
    if _is_stage_key(name, spot):
        return (f"it is a key of a stage: write {{run: …, {name}: …}} in the manifest",)
    if name == TARGET:
        return ("the runtime constructs it itself; remove the key",)
    parents = [f'"{path.rpartition(".")[0]}"' for path in keys.find_property_paths(root, name)]
    if 0 < len(parents) <= MAX_LOCATIONS:
        return (f'"{name}" is a key of {" and of ".join(parents)}',)
    roles = _roles_with(name, root)
    if roles and not parents:
        return (f'"{name}" is a key of a config in the role {" or ".join(roles)}',)
    return ()


def _is_stage_key(name: str, spot: Instance) -> bool:
    """Return whether a key at the top of a config is one of a stage of the manifest."""
    stage = load("recipe")["properties"]["stages"]["items"]["else"]["properties"]
    return spot.path == "" and name in stage and spot.root is not load("recipe")


def _roles_with(name: str, root: Schema) -> list[str]:
    """Return the other roles whose configs have a key: it may stand in a file of one of them."""
    return [role for role in ROLES if root is not load(role) and name in load(role)["properties"]]


def _key_fix(entry: Entry, wanted: str | None, *, certain: bool) -> Fix | None:
    if wanted is None or entry.key.span.source.kind != "file":
        return None
    edit = Edit(entry.key.span, quoted_like(entry.key, wanted))
    return Fix(f'write "{wanted}"', (edit,), certain=certain)


def broken_rule(spot: Instance, reason: str) -> Diagnostic:
    """R602: a value that breaks a rule of a System's own schema."""
    message = f"{spot.name} does not fit the schema of its role: {reason}"
    return Diagnostic("R602", message, Label(use_location(spot.node), "not allowed"))


def wrong_type(spot: Instance, schema: Schema) -> Diagnostic:
    """R602: a value of another type than the schema allows."""
    found = value_hint(spot.node, schema)
    return Diagnostic(
        "R602",
        f"{spot.name} must be {expected_types(schema)}, not {describe_value(spot.node)}",
        Label(_value_span(spot), f"expected {expected_types(schema)}"),
        related=provenance_labels(spot.node),
        help=found.help,
        fix=_value_fix(spot.node, found),
    )


def _value_span(spot: Instance) -> Span:
    """Return where a value stands; of a mapping or list its key, which fits on a line."""
    span = use_location(spot.node)
    empty = not span.text.strip()
    if span is not spot.node.span or not (empty or "\n" in span.text):
        return span
    if json_type(spot.node) in ("object", "array"):
        return spot.heading
    return spot.key.span if empty and spot.key is not None else span


def _value_fix(node: Node, found: ValueHint) -> Fix | None:
    if found.text is None or not is_fixable(node):
        return None
    return Fix(f"write {found.text}", (Edit(node.span, found.text),), certain=found.certain)


def missing_key(spot: Instance, name: str, schema: Schema) -> Diagnostic:
    """R603: a required key is absent.

    Args:
        spot: The mapping that lacks the key.
        name: The key.
        schema: The schema of the mapping.
    """
    described = schema.get("properties", {}).get(name, {}).get("description", "")
    return Diagnostic(
        "R603",
        f'{spot.name} needs the key "{name}"',
        Label(spot.heading, f'"{name}" is missing here'),
        related=provenance_labels(spot.node),
        help=(f"{name}: {described}",) if described else (),
    )


def missing_alternative(spot: Instance, names: Iterable[str]) -> Diagnostic:
    """R603: none of some keys is there."""
    listed = " or ".join(f'"{name}"' for name in names)
    return Diagnostic(
        "R603",
        f"{spot.name} needs the key {listed}",
        Label(spot.heading, f"{listed} is missing here"),
        related=provenance_labels(spot.node),
    )


def missing_dependency(spot: Instance, pair: tuple[Entry, str]) -> Diagnostic:
    """R603: a key that is given makes sense only together with another one."""
    entry, other = pair
    return Diagnostic(
        "R603",
        f'"{entry.name}" of {spot.name} needs the key "{other}"',
        Label(entry.key.span, f'only together with "{other}"'),
        related=provenance_labels(entry.key),
    )


def _value_help(schema: Schema, node: Scalar, wanted: str | None) -> tuple[str, ...]:
    """Return what to write for a value of another tool, or for a misspelt one."""
    meant = schema.get("x-values", {}).get(str(node.value))
    if "dotted path" in schema.get("x-form", ""):
        wanted = path_of_class(str(node.value)) or wanted
    return (meant,) if meant else did_you_mean(wanted)


def not_in_enum(spot: Instance, schema: Schema) -> Diagnostic:
    """R604: a value that is none of a list."""
    node, allowed = spot.node, schema["enum"]
    assert isinstance(node, Scalar)
    words = list(dict.fromkeys("null" if value is None else str(value) for value in allowed))
    texts = [value for value in allowed if isinstance(value, str)]
    other = str(node.value) in schema.get("x-values", {})
    wanted = None if other else closest_match(brief_value(node).strip('"'), texts)
    listed = f"{'one of ' if len(words) > 1 else ''}{', '.join(words)}"
    short = len(listed) <= LONGEST_LIST
    return Diagnostic(
        "R604",
        f"{spot.name} {f'must be {listed}, not' if short else 'cannot be'} {brief_value(node)}",
        Label(use_location(node), f"expected {listed}" if short else "not allowed"),
        related=provenance_labels(node),
        help=_value_help(schema, node, wanted),
        notes=() if short else (f"allowed: {', '.join(words)}",),
        fix=_closest_word_fix(node, wanted, texts),
    )


def _closest_word_fix(node: Scalar, wanted: str | None, words: list[str]) -> Fix | None:
    if wanted is None:
        return None
    certain = isinstance(node.value, str) and is_certain_match(node.value, words)
    return _value_fix(node, ValueHint((), quoted_like(node, wanted), certain))


def out_of_range(spot: Instance, schema: Schema, words: str, limit: float) -> Diagnostic:
    """R605: a number beyond a limit.

    Args:
        spot: The number.
        schema: Its schema.
        words: How it must be, for example ``at least``.
        limit: The limit.
    """
    assert isinstance(spot.node, Scalar)
    inclusive, value = words in ("at least", "at most"), spot.node.value
    nearest, advice = limit, ("write null for none",) if "null" in schema.get("type", ()) else ()
    if schema.get("x-unit") == "Hz" and isinstance(value, int | float) and value > 0:
        nearest, advice = round(value * 1000), ("it is in Hz",)
    return Diagnostic(
        "R605",
        f"{spot.name} must be {words} {limit}, not {value}",
        Label(use_location(spot.node), f"{words} {limit}"),
        related=provenance_labels(spot.node),
        help=advice,
        fix=_value_fix(spot.node, ValueHint((), str(nearest))) if inclusive else None,
    )


def wrong_length(spot: Instance, schema: Schema) -> Diagnostic:
    """R605: a list with too few or too many items."""
    assert isinstance(spot.node, Sequence)
    length = len(spot.node.items)
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    wanted = f"{least}" if least == most else f"at least {least}"
    wanted = f"at most {most}" if most is not None and least != most and length > most else wanted
    items = "item" if wanted.endswith(" 1") or wanted == "1" else "items"
    return Diagnostic(
        "R605",
        f"{spot.name} must have {wanted} {items}, not {length}",
        Label(_value_span(spot), f"{wanted} {items}"),
        related=provenance_labels(spot.node),
        help=_item_help(schema),
    )


def flat_list(spot: Instance, item: Schema) -> Diagnostic:
    """R602: one item of a list of lists, without brackets of its own."""
    text = spot.node.span.text
    flow = f"[{text}]" if text.startswith("[") else None
    return Diagnostic(
        "R602",
        f"{spot.name} must be a list of lists",
        Label(_value_span(spot), "this is one of its items"),
        related=provenance_labels(spot.node),
        help=(f"write {flow}" if flow else "begin the item with a dash of its own",),
        notes=_item_help(item),
        fix=_value_fix(spot.node, ValueHint((), flow, certain=True)),
    )


def wrong_order(spot: Instance, schema: Schema, order: tuple[Node, ...]) -> Diagnostic:
    """R602: the items of a list stand in another order than the schema says.

    Args:
        spot: The list.
        schema: Its schema.
        order: The items in the right order.
    """
    text = f"[{', '.join(item.span.text for item in order)}]"
    flow = text if spot.node.span.text.startswith("[") else None
    return Diagnostic(
        "R602",
        f"the items of {spot.name} stand in another order",
        Label(_value_span(spot), "in the wrong order"),
        related=provenance_labels(spot.node),
        help=(f"write {text}",),
        notes=_item_help(schema),
        fix=_value_fix(spot.node, ValueHint((), flow, certain=True)),
    )


def _item_help(schema: Schema) -> tuple[str, ...]:
    names = [item.get("title", "").lower() for item in schema.get("prefixItems", ())]
    return (f"its items are [{', '.join(names)}]",) if names else ()


def empty_text(spot: Instance) -> Diagnostic:
    """R605: a text without a character."""
    return Diagnostic(
        "R605",
        f"{spot.name} must not be empty",
        Label(use_location(spot.node), "empty"),
        related=provenance_labels(spot.node),
    )


def pattern_mismatch(spot: Instance, schema: Schema) -> Diagnostic:
    """R606: a text that does not have the form of a name, a path or the like."""
    assert isinstance(spot.node, Scalar)
    form = schema.get("x-form", f"matching {schema['pattern']}")
    words = re.findall(WORD, schema["pattern"]) if "|" in schema["pattern"] else []
    other = str(spot.node.value) in schema.get("x-values", {})
    wanted = None if other else closest_match(str(spot.node.value), words)
    return Diagnostic(
        "R606",
        f"{spot.name} must be {form}, not {brief_value(spot.node)}",
        Label(use_location(spot.node), f"expected {form}"),
        related=provenance_labels(spot.node),
        help=_value_help(schema, spot.node, wanted),
        fix=_closest_word_fix(spot.node, wanted, words),
    )


def conflicting_keys(spot: Instance, pair: tuple[Entry, Entry]) -> Diagnostic:
    """R607: two keys that exclude each other, in the order of the text."""
    first, second = pair
    other = first if is_inherited(first.value) else second
    inherited = f'; the inherited one goes away with "~{other.name}:"'
    return Diagnostic(
        "R607",
        f'{spot.name} has both "{first.name}" and "{second.name}"',
        Label(second.key.span, f'excludes "{first.name}"'),
        related=(Label(first.key.span, "also given here"), *provenance_labels(second.key)),
        help=(f"keep one of the two{inherited if is_inherited(other.value) else ''}",),
    )
