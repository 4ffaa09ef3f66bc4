"""Schemas for editors: ``python -m espnet3_schemas.editor`` writes ``editor/*.schema.json``.

The schemas of this package describe a config after composition, when defaults are filled in and
references are resolved. A file that somebody types in an editor is a part of that: it may hold
``${…}`` in place of any value, delete inherited keys with ``~key``, name another config with
``extends`` and leave out what it inherits. An editor knows nothing of the ``x-`` keywords either.
"""

import json
from pathlib import Path
from typing import Any

from espnet3_schemas import ROLES, load_as_written

Schema = dict[str, Any]

REFERENCE = r"\$\{.+\}"
EXTENDS: Schema = {
    "title": "Extends",
    "description": "The config that this one varies, by its name in the manifest.",
    "type": "string",
    "minLength": 1,
}
BASE = "urn:espnet3-compile:schema:editor"
NAMES = ("recipe", *ROLES, "system")
"""The schemas that editors have a form of."""


def editor_schema(name: str) -> Schema:
    """Return the editor's form of a schema, for example ``editor_schema("training")``.

    Raises:
        FileNotFoundError: There is no schema of that name.
    """
    schema = editor_form(load_as_written(name), name, incomplete=name in ROLES)
    return _with_inline_configs(schema) if name == "recipe" else schema


def _with_inline_configs(manifest: Schema) -> Schema:
    """Let the manifest's schema know the keys of configs that stand in it, by their usual names."""
    configs, definitions = manifest["properties"]["configs"], manifest["$defs"]
    config = definitions["config"]
    configs["properties"] = {role: {"$ref": f"#/$defs/{role}"} for role in ROLES}
    for role in ROLES:
        text = json.dumps(editor_schema(role)).replace('"#/$defs/', f'"#/$defs/{role}.')
        schema = json.loads(text)
        below = schema.pop("$defs", {})
        schema |= {"type": config["type"], "minLength": config["minLength"]}
        schema["properties"] = config["properties"] | schema["properties"]
        del schema["$id"], schema["$schema"]
        definitions |= {role: schema, **{f"{role}.{key}": item for key, item in below.items()}}
    return manifest


def editor_form(original: Schema, name: str, *, incomplete: bool = True) -> Schema:
    """Return the editor's form of a schema that need not be of this package.

    Args:
        original: The schema, with its ``$ref``.
        name: Its name.
        incomplete: Whether it is of configs: required keys may come from another file.
    """
    schema = _relaxed(original, incomplete=incomplete)
    schema["$id"] = f"{BASE}:{name}"
    if "$defs" in original:
        defs = original["$defs"].items()
        schema["$defs"] = {key: _or_reference(value, incomplete=incomplete) for key, value in defs}
    if incomplete:
        schema["properties"] = {"extends": EXTENDS, **schema["properties"]}
    return schema


def _relaxed(schema: Schema, *, incomplete: bool) -> Schema:
    """Return a schema of values that are still to be composed.

    Args:
        schema: A schema of this package.
        incomplete: Whether required keys may come from another file; not so in the items of a list,
            which one file replaces completely (but definitions serve both).
    """
    kept = {key: value for key, value in schema.items() if not key.startswith("x-")}
    kept.pop("$defs", None)
    if incomplete:
        kept.pop("required", None)
    if "properties" in kept:
        kept["properties"] = {
            key: _or_reference(value, incomplete=incomplete)
            for key, value in kept["properties"].items()
        }
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = _or_reference(
            kept["additionalProperties"], incomplete=incomplete
        )
    elif incomplete and kept.get("additionalProperties") is False:
        kept["patternProperties"] = {"^~": {"description": "Deletes the inherited key."}}
    if isinstance(kept.get("items"), dict):
        kept["items"] = _or_reference(kept["items"], incomplete=False)
    for key in ("then", "else"):
        if key in kept:
            kept[key] = _relaxed(kept[key], incomplete=incomplete)
    if "prefixItems" in kept:
        kept["prefixItems"] = [
            _or_reference(item, incomplete=False) for item in kept["prefixItems"]
        ]
    return kept


def _or_reference(schema: Schema, *, incomplete: bool) -> Schema:
    """Allow ``${…}`` in place of a value.

    ``patternErrorMessage`` and ``markdownDescription`` are keywords of the language server of
    VS Code. ``anyOf`` serves for enumerations only: elsewhere an editor would report every mistake
    inside as a value that fits nothing.
    """
    relaxed = _relaxed(schema, incomplete=incomplete)
    types = relaxed.get("type", ())
    types = (types,) if isinstance(types, str) else tuple(types)
    if "enum" in relaxed:
        choice = {"enum": relaxed.pop("enum")}
        relaxed.pop("type", None)
        relaxed["anyOf"] = [choice, {"type": "string", "pattern": REFERENCE}]
    elif types and "string" not in types:
        relaxed["type"] = [*types, "string"]
        relaxed["pattern"] = REFERENCE
        relaxed["patternErrorMessage"] = f"Expected {' or '.join(types)}, or a reference ${{…}}."
    elif "pattern" in relaxed:
        relaxed["pattern"] = f"{relaxed['pattern']}|{REFERENCE}"
        relaxed["patternErrorMessage"] = f"Expected {schema['x-form']}."
    if "default" in relaxed and "description" in relaxed:
        default = json.dumps(relaxed["default"], ensure_ascii=False)
        relaxed["markdownDescription"] = f"{relaxed['description']}\n\nDefault: `{default}`"
    if "default" in relaxed and not _can_be_inserted(relaxed["default"], types):
        del relaxed["default"]
    return relaxed


def _can_be_inserted(default: object, types: tuple[str, ...]) -> bool:
    """Return whether yaml-language-server can write a default where it completes an object.

    It takes the first type for the only one and asks a default of it for its ``length``: for
    ``null`` it throws, and offers none of the keys that come after (1.20 to 1.25).
    """
    return default is not None and (types[:1] != ("string",) or isinstance(default, str))


def write(directory: Path) -> tuple[Path, ...]:
    """Write the editor's form of the manifest's and the roles' schemas."""
    directory.mkdir(exist_ok=True)
    paths = []
    for name in NAMES:
        path = directory / f"{name}.schema.json"
        path.write_text(schema_text(editor_schema(name)), encoding="utf-8")
        paths.append(path)
    return tuple(paths)


def schema_text(schema: Schema) -> str:
    """Return a schema as it is written and printed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(Path(__file__).parent / "editor")
