"""The keys of a mapping against its schema: unknown, misspelt, missing, conflicting."""

from collections.abc import Iterator

from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.schema.descent import SchemaNode, child_schema, walk_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.tree import Entry, Mapping, Path, Scalar
from espnet3_schemas import ROLES, TARGET, load


def find_unknown_keys(node: Mapping, schema: Schema) -> tuple[str, ...]:
    """Return the keys that a closed schema does not have."""
    return tuple(entry.name for entry in node if child_schema(schema, entry.name) is None)


def find_missing_keys(node: Mapping, schema: Schema) -> tuple[str, ...]:
    """Return the required keys that are absent, unless one may be a key that could not be read."""
    absent = tuple(name for name in schema.get("required", ()) if node.entry(name) is None)
    return absent if absent and has_certain_keys(node) else ()


def find_misspelt_keys(node: Mapping, schema: Schema) -> dict[str, str]:
    """Return required keys that are absent because they are misspelt, with what stands there.

    In an open mapping (the arguments of a target) every key is allowed, so that only this shows
    ``_taget_`` to be misspelt.
    """
    known = schema.get("properties", {})
    if all(entry.name in known for entry in node):
        return {}
    absent = list(find_missing_keys(node, schema))
    one_of = schema.get("x-requires-one", ())
    if not any(node.entry(name) for name in one_of):
        absent.extend(one_of)
    renamed = schema.get("x-renamed", {})
    special = [name for name in _reserved_keys(node, known) if node.entry(name) is None]
    found: dict[str, str] = {}
    for entry in node:
        if entry.name not in known:
            likely = [*absent, *special] if "_" in (entry.name[:1], entry.name[-1:]) else absent
            wanted = (
                renamed.get(entry.name) or closest_match(entry.name, likely) if likely else None
            )
            if wanted in likely and wanted not in found:
                found[wanted] = entry.name
    return found


def _reserved_keys(node: Mapping, known: Schema) -> list[str]:
    """Return the keys of a target that no argument is called like."""
    if TARGET not in known:
        return []
    return [name for name in known if name.startswith("_")] if node.entry(TARGET) else [TARGET]


def find_conflicting_keys(node: Mapping, schema: Schema) -> Iterator[tuple[Entry, Entry]]:
    """Return pairs of keys that exclude each other, in the order of the text."""
    given = [entry for entry in node if _is_given(entry)] if "x-exclusive" in schema else []
    for pair in schema.get("x-exclusive", ()):
        present = [entry for entry in given if entry.name in pair]
        if len(present) > 1:
            yield present[0], present[1]


def _is_given(entry: Entry) -> bool:
    """Return whether a key was written, and not just to switch something off."""
    off = isinstance(entry.value, Scalar) and entry.value.value is None
    return not off and not entry.key.span.source.holds_defaults


def find_missing_dependencies(node: Mapping, schema: Schema) -> Iterator[tuple[Entry, str]]:
    """Return keys that need another one which is absent."""
    for name, needed in schema.get("dependentRequired", {}).items():
        entry = node.entry(name)
        if entry is not None:
            yield from ((entry, other) for other in needed if node.entry(other) is None)


def find_property_paths(schema: Schema, name: str) -> list[str]:
    """Return the paths of properties called ``name`` inside the properties of a schema."""
    return list(dict.fromkeys(_property_paths(schema, name, "")))


def _property_paths(schema: Schema, name: str, path: str) -> Iterator[str]:
    for key, below in schema.get("properties", {}).items():
        if key == name and path:
            yield f"{path}.{key}"
        yield from _property_paths(below, name, f"{path}.{key}" if path else key)
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _property_paths(items, name, f"{path}[]")


def schema_nodes(config: Mapping, schema: Schema, library: Library) -> list[SchemaNode]:
    """Return what ``walk_schema`` finds in a config, which several ask for.

    Args:
        config: The values of a config.
        schema: The schema of its role.
        library: Remembers it for the compilation.
    """
    key = "schema nodes", id(config), id(schema)
    if key not in library.memo:
        library.memo[key] = config, schema, walk_schema(config, schema)
    nodes: list[SchemaNode] = library.memo[key][2]
    return nodes


def unknown_key_paths(config: Mapping, role: str, library: Library) -> tuple[Path, ...]:
    """Return the paths of unknown keys; none for a role without a schema.

    Args:
        config: The values of a config.
        role: Its role.
        library: Remembers the walk for the compilation.
    """
    found = schema_nodes(config, load(role), library) if role in ROLES else ()
    return tuple(path for path, _, schema in found if schema is None)
