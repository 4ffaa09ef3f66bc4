"""Questions about the keys of a mapping that a schema asks."""

from collections.abc import Iterator
from typing import Any

from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.schema.types import resolve_schema
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar, Sequence, map_keys
from espnet3_schemas import ROLES, TARGET, load

Schema = dict[str, Any]

ONLY_TARGET = [TARGET]


def find_unknown_keys(node: Mapping, schema: Schema) -> tuple[str, ...]:
    """Return the keys that a closed schema does not have."""
    if schema.get("additionalProperties", True) is not False:
        return ()
    known = schema.get("properties", {})
    return tuple(entry.name for entry in node if entry.name not in known)


def find_missing_keys(node: Mapping, schema: Schema) -> tuple[str, ...]:
    """Return the required keys that are absent, unless one may be a key that was not legible."""
    absent = tuple(name for name in schema.get("required", ()) if node.entry(name) is None)
    return absent if absent and has_certain_keys(node) else ()


def find_misspelt_keys(
    node: Mapping, schema: Schema, unknown_keys: tuple[str, ...]
) -> dict[str, str]:
    """Return required keys that are absent because they are misspelt, with what stands there.

    In an open mapping (the arguments of a target) every key is allowed, so that only this shows
    ``_taget_`` to be a slip.

    Args:
        node: The mapping.
        schema: Its schema.
        unknown_keys: Keys that the schema does not allow.
    """
    known = schema.get("properties", {})
    if all(entry.name in known for entry in node) and not unknown_keys:
        return {}
    absent = list(find_missing_keys(node, schema))
    one_of = schema.get("x-requires-one", ())
    if not any(node.entry(name) for name in one_of):
        absent.extend(one_of)
    renamed = schema.get("x-renamed", {})
    special = [name for name in _reserved_keys(node, known) if node.entry(name) is None]
    found: dict[str, str] = {}
    for entry in node:
        if entry.name in unknown_keys or entry.name not in known:
            likely = [*absent, *special] if "_" in (entry.name[:1], entry.name[-1:]) else absent
            wanted = renamed.get(entry.name) or closest_match(entry.name, likely)
            if wanted in likely and wanted not in found:
                found[wanted] = entry.name
    return found


def _reserved_keys(node: Mapping, known: Schema) -> list[str]:
    """Return the keys of a target that no argument is called like."""
    if TARGET not in known:
        return []
    return [name for name in known if name.startswith("_")] if node.entry(TARGET) else ONLY_TARGET


def with_corrected_keys(node: Node, schema: Schema) -> Node:
    """Return a mapping with the key that an ``if`` asks for spelt right, where it is misspelt."""
    if "if" not in schema or not isinstance(node, Mapping):
        return node
    meant = {slip: name for name, slip in find_misspelt_keys(node, schema["if"], ()).items()}
    return map_keys(node, lambda key: meant.get(str(key.value), str(key.value)))


def candidate_keys(node: Mapping, entry: Entry, schema: Schema) -> list[str]:
    """Return the keys that may have been meant: those not given beside the unknown one.

    Args:
        node: The mapping.
        entry: The unknown key.
        schema: The schema of the mapping.
    """
    source = entry.key.span.source
    given = {other.name for other in node if other.key.span.source is source}
    return [name for name in schema.get("properties", {}) if name not in given]


def find_conflicting_keys(node: Mapping, schema: Schema) -> Iterator[tuple[Entry, Entry]]:
    """Return pairs of keys that exclude each other, in the order of the text."""
    for pair in schema.get("x-exclusive", ()):
        present = [entry for entry in node if entry.name in pair and _is_given(entry)]
        if len(present) > 1:
            yield present[0], present[1]


def _is_given(entry: Entry) -> bool:
    """Tell whether a key was written, and not just to switch something off."""
    off = isinstance(entry.value, Scalar) and entry.value.value is None
    return not off and entry.key.span.source.kind != "schema"


def find_missing_dependencies(node: Mapping, schema: Schema) -> Iterator[tuple[Entry, str]]:
    """Return keys that need another one which is absent."""
    for name, needed in schema.get("dependentRequired", {}).items():
        entry = node.entry(name)
        if entry is not None:
            yield from ((entry, other) for other in needed if node.entry(other) is None)


def find_property_paths(root: Schema, name: str) -> list[str]:
    """Return the paths of properties called ``name`` in a whole schema."""
    found: list[str] = []
    _collect_property_paths(root, root, name, "", found)
    return list(dict.fromkeys(found))


def _collect_property_paths(
    schema: Schema, root: Schema, name: str, path: str, found: list[str]
) -> None:
    if "$ref" in schema:
        _collect_property_paths(
            root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, name, path, found
        )
    for key, below in schema.get("properties", {}).items():
        if key == name and path:
            found.append(f"{path}.{key}")
        _collect_property_paths(below, root, name, f"{path}.{key}" if path else key, found)
    items = schema.get("items")
    if isinstance(items, dict):
        _collect_property_paths(items, root, name, f"{path}[]", found)


def unknown_key_paths(config: Mapping, role: str) -> tuple[Path, ...]:
    """Return the paths of unknown keys; none for a role without a schema."""
    if role not in ROLES:
        return ()
    schema = load(role)
    return tuple(_collect_unknown_paths(config, schema, schema, ()))


def _collect_unknown_paths(node: Node, schema: Any, root: dict[str, Any], path: Path) -> list[Path]:
    if not isinstance(schema, dict):
        return []
    schema = resolve_schema(schema, root, node)
    if isinstance(node, Sequence):
        return [
            found
            for index, item in enumerate(node.items)
            for found in _collect_unknown_paths(item, schema.get("items", {}), root, (*path, index))
        ]
    if not isinstance(node, Mapping):
        return []
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    found: list[Path] = []
    for entry in node:
        below = properties.get(entry.name, others)
        here = (*path, entry.name)
        if below is False or is_placeholder(entry.key):
            found.append(here)
        else:
            found += _collect_unknown_paths(entry.value, below, root, here)
    return found
