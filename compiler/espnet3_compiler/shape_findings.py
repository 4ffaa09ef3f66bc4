"""What to say about a tree that does not have the form of its schema."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from espnet3_compiler import shape_keys as keys
from espnet3_compiler.chain import is_mendable, related_labels, use_place
from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.lower_report import did_you_mean
from espnet3_compiler.places import inherited
from espnet3_compiler.shape_hints import Hint, hint, quoted_like
from espnet3_compiler.shape_types import Spot, brief, expected, kind_of, shown
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import equally_near, is_sure, nearest
from espnet3_compiler.tree import Entry, Mapping, Node, Scalar
from espnet3_schemas import ROLES, load

Schema = dict[str, Any]

WORD = re.compile(r"(?<=[(|])\w+(?=[)|])")
LONGEST_LIST = 60
MOST_PLACES = 3
MOST_WORDS = 24


def unknown_key(
    spot: Spot,
    entry: Entry,
    schema: Schema,
    root: Schema,
    slips: dict[str, str],
    suits: Callable[[str], bool] = bool,
) -> Diagnostic:
    """R601: the schema has no such key here.

    Args:
        spot: The mapping.
        entry: The entry with the key.
        schema: What the mapping should be.
        root: The whole schema.
        slips: Required keys and what stands in their place.
        suits: Whether the value could stand under another key; decides between two as near.
    """
    assert isinstance(spot.node, Mapping)
    valid = list(schema.get("properties", {}))
    choices = keys.candidates(spot.node, entry, schema)
    wanted = next((name for name, slip in slips.items() if slip == entry.name), None)
    wanted = wanted or schema.get("x-renamed", {}).get(entry.name)
    moved = schema.get("x-moved", {}).get(entry.name)
    sure = wanted is not None or is_sure(entry.name, choices)
    guess = not moved and (sure or spot.path != "" or not _roles_with(entry.name, root))
    wanted = wanted or (_likeliest(entry.name, choices, suits) if guess else None)
    twin = _twin(spot.node, entry, wanted or (nearest(entry.name, valid) if guess else None))
    listed = ", ".join(valid)
    short = len(listed) <= LONGEST_LIST
    return Diagnostic(
        "R601",
        f'{spot.name} has no key "{entry.name}"',
        Label(entry.key.span, f"not in ({listed})" if short else "no such key here"),
        related=(*_twin_labels(twin), *related_labels(entry.key, entry.key.span)),
        help=_key_help(entry.name, twin.name if twin else wanted, moved, root),
        notes=() if wanted or twin or moved or short else (f"the keys here: {_cut(valid)}",),
        fix=None if twin else _key_fix(entry, wanted, sure=sure),
    )


def _likeliest(name: str, choices: list[str], suits: Callable[[str], bool]) -> str | None:
    near = equally_near(name, choices)
    return next(filter(suits, near), near[0]) if len(near) > 1 else next(iter(near), None)


def _cut(words: list[str]) -> str:
    """Return words as a list that a person still reads."""
    more = len(words) - MOST_WORDS
    return ", ".join(words[:MOST_WORDS]) + (f" and {more} more" if more > 0 else "")


def _twin(node: Mapping, entry: Entry, wanted: str | None) -> Entry | None:
    """Return the rightly spelt key where it stands beside the wrong one."""
    twin = node.entry(wanted) if wanted else None
    return twin if twin and twin.key.span.source is entry.key.span.source else None


def _twin_labels(twin: Entry | None) -> tuple[Label, ...]:
    return (Label(twin.key.span, "already given here"),) if twin else ()


def _key_help(name: str, wanted: str | None, moved: str | None, root: Schema) -> tuple[str, ...]:
    if moved:
        return (moved,)
    if wanted:
        return did_you_mean(wanted)
    places = keys.elsewhere(root, name)
    if 0 < len(places) <= MOST_PLACES:
        return (f'"{name}" is a key of {" and of ".join(_parent(place) for place in places)}',)
    roles = _roles_with(name, root)
    if roles and not places:
        return (f'"{name}" is a key of a config in the role {" or ".join(roles)}',)
    return ()


def _roles_with(name: str, root: Schema) -> list[str]:
    """Return the other roles whose configs have a key: it may stand in a file of one of them."""
    return [role for role in ROLES if root is not load(role) and name in load(role)["properties"]]


def _parent(path: str) -> str:
    return f'"{path.rpartition(".")[0]}"'


def _key_fix(entry: Entry, wanted: str | None, *, sure: bool) -> Fix | None:
    if wanted is None or entry.key.span.source.kind != "file":
        return None
    edit = Edit(entry.key.span, quoted_like(entry.key, wanted))
    return Fix(f'write "{wanted}"', (edit,), certain=sure)


def wrong_type(spot: Spot, schema: Schema) -> Diagnostic:
    """R602: a value of another type than the schema allows."""
    found = hint(spot.node, schema)
    return Diagnostic(
        "R602",
        f"{spot.name} must be {expected(schema)}, not {shown(spot.node)}",
        Label(_value_place(spot), f"expected {expected(schema)}"),
        related=related_labels(spot.node),
        help=found.help,
        fix=_value_fix(spot.node, found),
    )


def _value_place(spot: Spot) -> Span:
    """Return the place of a value; of a mapping or list its key, which fits on a line."""
    place = use_place(spot.node)
    if place is spot.node.span and ("\n" in place.text or not place.text.strip()):
        return spot.heading if kind_of(spot.node) in ("object", "array") else _key_or(spot, place)
    return place


def _key_or(spot: Spot, place: Span) -> Span:
    empty = not place.text.strip()
    return spot.key.span if empty and spot.key is not None else place


def _value_fix(node: Node, found: Hint) -> Fix | None:
    if found.text is None or not is_mendable(node):
        return None
    return Fix(f"write {found.text}", (Edit(node.span, found.text),), certain=found.sure)


def missing_key(spot: Spot, name: str, schema: Schema) -> Diagnostic:
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
        related=related_labels(spot.node),
        help=(f"{name}: {described}",) if described else (),
    )


def missing_one(spot: Spot, names: Iterable[str]) -> Diagnostic:
    """R603: none of some keys is there."""
    listed = " or ".join(f'"{name}"' for name in names)
    return Diagnostic(
        "R603",
        f"{spot.name} needs the key {listed}",
        Label(spot.heading, f"{listed} is missing here"),
        related=related_labels(spot.node),
    )


def needs(spot: Spot, entry: Entry, other: str) -> Diagnostic:
    """R603: a key makes sense only together with another one.

    Args:
        spot: The mapping.
        entry: The key that is given.
        other: The key that it needs.
    """
    return Diagnostic(
        "R603",
        f'"{entry.name}" of {spot.name} needs the key "{other}"',
        Label(entry.key.span, f'only together with "{other}"'),
        related=related_labels(entry.key),
    )


def not_allowed(spot: Spot, allowed: list[Any]) -> Diagnostic:
    """R604: a value that is none of a list."""
    node = spot.node
    assert isinstance(node, Scalar)
    words = list(dict.fromkeys("null" if value is None else str(value) for value in allowed))
    texts = [value for value in allowed if isinstance(value, str)]
    wanted = nearest(brief(node).strip('"'), texts)
    listed = f"{'one of ' if len(words) > 1 else ''}{', '.join(words)}"
    short = len(listed) <= LONGEST_LIST
    return Diagnostic(
        "R604",
        f"{spot.name} {f'must be {listed}, not' if short else 'cannot be'} {brief(node)}",
        Label(use_place(node), f"expected {listed}" if short else "not allowed"),
        related=related_labels(node),
        help=did_you_mean(wanted),
        notes=() if short else (f"allowed: {', '.join(words)}",),
        fix=_word_fix(node, wanted, texts),
    )


def _word_fix(node: Scalar, wanted: str | None, words: list[str]) -> Fix | None:
    if wanted is None:
        return None
    sure = isinstance(node.value, str) and is_sure(node.value, words)
    return _value_fix(node, Hint((), quoted_like(node, wanted), sure))


def out_of_range(spot: Spot, schema: Schema, words: str, limit: float) -> Diagnostic:
    """R605: a number beyond a limit.

    Args:
        spot: The number.
        schema: Its schema.
        words: How it must be, for example ``at least``.
        limit: The limit.
    """
    assert isinstance(spot.node, Scalar)
    return Diagnostic(
        "R605",
        f"{spot.name} must be {words} {limit}, not {spot.node.value}",
        Label(use_place(spot.node), f"{words} {limit}"),
        related=related_labels(spot.node),
        help=_null_help(schema),
        fix=_limit_fix(spot.node, words, limit),
    )


def _null_help(schema: Schema) -> tuple[str, ...]:
    return ("write null for none",) if "null" in schema.get("type", ()) else ()


def _limit_fix(node: Node, words: str, limit: float) -> Fix | None:
    inclusive = words in ("at least", "at most")
    return _value_fix(node, Hint((), str(limit))) if inclusive else None


def wrong_length(spot: Spot, schema: Schema, length: int) -> Diagnostic:
    """R605: a list with too few or too many items.

    Args:
        spot: The list.
        schema: Its schema.
        length: How many items it has.
    """
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    wanted = f"{least}" if least == most else f"at least {least}"
    wanted = f"at most {most}" if most is not None and least != most and length > most else wanted
    items = "item" if wanted.endswith(" 1") or wanted == "1" else "items"
    return Diagnostic(
        "R605",
        f"{spot.name} must have {wanted} {items}, not {length}",
        Label(_value_place(spot), f"{wanted} {items}"),
        related=related_labels(spot.node),
        help=_item_help(schema),
    )


def flat_list(spot: Spot, item: Schema) -> Diagnostic:
    """R602: one item of a list of lists, without brackets of its own."""
    text = spot.node.span.text
    flow = f"[{text}]" if text.startswith("[") else None
    fix = _value_fix(spot.node, Hint((), flow, sure=True))
    return Diagnostic(
        "R602",
        f"{spot.name} must be a list of lists",
        Label(_value_place(spot), "this is one of its items"),
        related=related_labels(spot.node),
        help=(f"write {flow}" if flow else "begin the item with a dash of its own",),
        notes=_item_help(item),
        fix=fix,
    )


def wrong_order(spot: Spot, schema: Schema, order: tuple[Node, ...]) -> Diagnostic:
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
        Label(_value_place(spot), "in the wrong order"),
        related=related_labels(spot.node),
        help=(f"write {text}",),
        notes=_item_help(schema),
        fix=_value_fix(spot.node, Hint((), flow, sure=True)),
    )


def _item_help(schema: Schema) -> tuple[str, ...]:
    names = [place.get("title", "").lower() for place in schema.get("prefixItems", ())]
    return (f"its items are [{', '.join(names)}]",) if names else ()


def empty_text(spot: Spot) -> Diagnostic:
    """R605: a text without a character."""
    return Diagnostic(
        "R605",
        f"{spot.name} must not be empty",
        Label(use_place(spot.node), "empty"),
        related=related_labels(spot.node),
    )


def bad_form(spot: Spot, schema: Schema) -> Diagnostic:
    """R606: a text that does not have the form of a name, a path or the like."""
    assert isinstance(spot.node, Scalar)
    form = schema.get("x-form", f"matching {schema['pattern']}")
    words = WORD.findall(schema["pattern"]) if "|" in schema["pattern"] else []
    wanted = nearest(str(spot.node.value), words)
    return Diagnostic(
        "R606",
        f"{spot.name} must be {form}, not {brief(spot.node)}",
        Label(use_place(spot.node), f"expected {form}"),
        related=related_labels(spot.node),
        help=did_you_mean(wanted),
        fix=_word_fix(spot.node, wanted, words),
    )


def conflicting(spot: Spot, first: Entry, second: Entry) -> Diagnostic:
    """R607: two keys that exclude each other.

    Args:
        spot: The mapping.
        first: The key that is written first.
        second: The key that excludes it.
    """
    return Diagnostic(
        "R607",
        f'{spot.name} has both "{first.name}" and "{second.name}"',
        Label(second.key.span, f'excludes "{first.name}"'),
        related=(Label(first.key.span, "also given here"), *related_labels(second.key)),
        help=(f"keep one of the two{_or_delete(first, second)}",),
    )


def _or_delete(first: Entry, second: Entry) -> str:
    """Say how to get rid of a key that another config gave."""
    other = first if inherited(first.value) else second
    if not inherited(other.value):
        return ""
    return f'; the inherited one goes away with "~{other.name}:"'
