"""Keys of a config that its schema does not have: nobody reads what stands below them."""

from typing import Any

from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.schema_parts import resolved
from espnet3_compiler.tree import Mapping, Node, Path, Sequence
from espnet3_schemas import ROLES, load


def strangers(config: Mapping, role: str) -> tuple[Path, ...]:
    """Return the paths of unknown keys; none for a role without a schema."""
    if role not in ROLES:
        return ()
    schema = load(role)
    return tuple(_strangers(config, schema, schema, ()))


def _strangers(node: Node, schema: Any, root: dict[str, Any], path: Path) -> list[Path]:
    if not isinstance(schema, dict):
        return []
    schema = resolved(schema, root, node)
    if isinstance(node, Sequence):
        return [
            found
            for index, item in enumerate(node.items)
            for found in _strangers(item, schema.get("items", {}), root, (*path, index))
        ]
    if not isinstance(node, Mapping):
        return []
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    found: list[Path] = []
    for entry in node:
        below = properties.get(entry.name, others)
        here = (*path, entry.name)
        if below is False or is_stand_in(entry.key):
            found.append(here)
        else:
            found += _strangers(entry.value, below, root, here)
    return found
