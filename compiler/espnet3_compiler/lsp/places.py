"""What a place in a manifest or a config is: its schema, the config it belongs to, its target."""

import json
import re
from pathlib import Path as FilePath
from typing import Any

from msgspec import Struct

from espnet3_compiler.filesystem import real_path
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.manifest.values import as_mapping, as_text
from espnet3_compiler.result import CompileResult
from espnet3_compiler.schema.descent import child_schema, effective_schema
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Sequence, node_at
from espnet3_schemas import ROLES, TARGET, load

_SCHEMA_LINE = re.compile(r"\$schema=\S*?(\w+)\.schema\.json")
_DECLARED = ("configs", "models")


class Document(Struct, frozen=True):
    """A YAML file of a recipe.

    Attributes:
        result: What its manifest was compiled to.
        configs: The configs that it is a file of, those with a role first; empty for a manifest.
        role: Their role.
        is_manifest: Whether it is the manifest.
    """

    result: CompileResult
    configs: tuple[str, ...]
    role: str | None
    is_manifest: bool

    @property
    def recipe(self) -> Recipe:
        """The recipe of its manifest."""
        assert self.result.recipe
        return self.result.recipe


def document_of(path: FilePath, text: str, result: CompileResult) -> Document:
    """Return what a file is in a recipe.

    Args:
        path: The file.
        text: Its text, whose first line may name its schema.
        result: What a manifest was compiled to; its recipe could be read.
    """
    if real_path(path) == real_path(result.path):
        return Document(result, (), None, is_manifest=True)
    assert result.recipe
    roles = config_roles(result.recipe)
    configs = result.composition.configs if result.composition else {}
    mine = [
        name
        for name, config in configs.items()
        if any(
            source.path and real_path(source.path) == real_path(path) for source in config.sources
        )
    ]
    mine.sort(key=lambda name: roles.get(name) is None)
    role = roles.get(mine[0]) if mine else None
    named = _SCHEMA_LINE.search(text[:400])
    if role is None and named and named[1] in ROLES:
        role = named[1]
    return Document(result, tuple(mine), role, is_manifest=False)


class SchemaPlace(Struct, frozen=True):
    """A place in a document.

    Attributes:
        schema: What may stand there; empty where anything goes.
        config: The config that it belongs to, or None.
        model: The model that it belongs to, or None.
        inner: The path below the config, model or document.
    """

    schema: Schema
    config: str | None
    model: str | None
    inner: Path


def place_at(document: Document, tree: Mapping, path: Path) -> SchemaPlace:
    """Return what stands at a path of a document.

    Args:
        document: The file.
        tree: Its text as it was read.
        path: The path in it.
    """
    recipe = document.recipe
    if not document.is_manifest:
        schema = recipe.system.role_schema(document.role) if document.role else {}
        name = document.configs[0] if document.configs else None
        return SchemaPlace(_descend(_with_extends(schema), tree, path), name, None, path)
    base = 2 if path[:1] == ("stages",) and path[2:3] and path[2] in _DECLARED else 0
    if len(path) > base + 1 and path[base] in _DECLARED:
        name, inner = str(path[base + 1]), path[base + 2 :]
        below = node_at(tree, path[: base + 2])
        if path[base] == "models":
            schema = _descend(load("recipe")["$defs"]["model"], below, inner)
            return SchemaPlace(schema, None, name, inner)
        role = _role_of(name, recipe)
        schema = recipe.system.role_schema(role) if role else {}
        return SchemaPlace(
            _descend(_with_extends(schema, file=True), below, inner), name, None, inner
        )
    return SchemaPlace(_descend(load("recipe"), tree, path), None, None, path)


def _role_of(name: str, recipe: Recipe) -> str | None:
    """Return the role of a config; of a template of names that of the first row."""
    roles = config_roles(recipe)
    if "${" in name:
        pattern = re.compile(".*".join(map(re.escape, re.split(r"\$\{[^}]*\}", name))))
        name = next((one for one in roles if pattern.fullmatch(one)), name)
    found = roles.get(name)
    return found or (name if name in ROLES else None)


def _with_extends(schema: Schema, *, file: bool = False) -> Schema:
    """Return the schema of a role with the keys that say what a config is made of."""
    own: dict[str, Any] = load("recipe")["$defs"]["config"]["properties"]
    more = {key: own[key] for key in (("extends", "file") if file else ("extends",))}
    return {**schema, "properties": {**schema.get("properties", {}), **more}}


def _descend(schema: Schema, node: Node | None, path: Path) -> Schema:
    for step in path:
        schema = child_schema(effective_schema(schema, node), step) or {}
        node = node_at(node, (step,)) if node else None
    return effective_schema(schema, node)


def matrix_entries(tree: Mapping, path: Path) -> list[Entry]:
    """Return what the matrix of the group around a path gives names to, row by row.

    Args:
        tree: A manifest.
        path: A path in it.
    """
    group = node_at(tree, path[:2]) if path[:1] == ("stages",) else None
    matrix = group.get("matrix") if isinstance(group, Mapping) else None
    rows = matrix.items if isinstance(matrix, Sequence) else (matrix,)
    return [entry for row in rows if isinstance(row, Mapping) for entry in row]


def target_of(node: Node | None) -> str | None:
    """Return the dotted path of the target or function that a mapping names, or None."""
    mapping = as_mapping(node) if node else None
    found = as_text(mapping.get(TARGET)) if mapping else None
    return str(found.value) if found else None


def describe_schema(schema: Schema, key: str) -> str:
    """Return what a schema says about a key, for a person, in Markdown."""
    lines = [f"**{schema['title']}** (`{key}`)" if "title" in schema else f"`{key}`"]
    if "description" in schema:
        lines.append(schema["description"])
    facts = []
    if kind := type_words(schema):
        facts.append(f"type: {kind}")
    if "enum" in schema:
        facts.append("one of " + ", ".join(f"`{_written(one)}`" for one in schema["enum"]))
    if "default" in schema:
        facts.append(f"default: `{_written(schema['default'])}`")
    return "\n\n".join([*lines, "; ".join(facts)] if facts else lines)


def type_words(schema: Schema) -> str:
    """Return the types that a schema allows."""
    kinds = schema.get("type", ())
    return " or ".join((kinds,) if isinstance(kinds, str) else kinds)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
