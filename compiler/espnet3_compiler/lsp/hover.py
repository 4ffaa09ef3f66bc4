"""What is told about the key, name, target or reference under the pointer, in Markdown."""

from collections.abc import Iterator

from espnet3_compiler.cli.why import explain_value
from espnet3_compiler.expressions.nodes import MATRIX, Lookup
from espnet3_compiler.lsp.definition import DOTTED, referenced_node
from espnet3_compiler.lsp.names import NameUse
from espnet3_compiler.lsp.places import (
    Document,
    describe_schema,
    matrix_entries,
    place_at,
    target_of,
)
from espnet3_compiler.lsp.spot import Spot, lookup_at, lookup_names
from espnet3_compiler.lsp.targets import describe_parameter, describe_target, parameters_of
from espnet3_compiler.manifest.lower import config_roles
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.schema.descent import child_schema
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.tree import Path, format_path, node_at

MOST_LINES = 12
MOST_CONFIGS = 3


def describe_spot(document: Document, spot: Spot, offset: int, here: NameUse | None) -> str | None:
    """Return what is known about what stands at an offset, or None.

    Args:
        document: The file.
        spot: The key or value there.
        offset: The offset.
        here: The name of a config, model or stage there, if it is one.
    """
    parts: list[str] = []
    if not spot.is_key and (found := lookup_at(spot.scalar, offset)):
        parts += _of_reference(document, spot, found[0])
    elif not spot.is_key and spot.path and spot.path[-1] in DOTTED:
        parts += [describe_target(document.recipe.library, str(spot.scalar.value)) or ""]
    elif here:
        parts += _of_name(document, here)
    elif spot.is_key:
        parts += _of_key(document, spot)
    else:
        parts += [_history(document, spot)]
    return "\n\n".join(part for part in parts if part) or None


def _of_key(document: Document, spot: Spot) -> Iterator[str]:
    key, parent = str(spot.path[-1]), spot.path[:-1]
    place = place_at(document, spot.tree, parent)
    mapping = node_at(spot.tree, parent)
    target = target_of(mapping)
    for one in parameters_of(document.recipe.library, target) if target else ():
        if one.name == key:
            yield f"```python\n{describe_parameter(one)}\n```\n\nAn argument of `{target}`."
    schema = child_schema(place.schema, key)
    if schema and ("title" in schema or "description" in schema):
        yield describe_schema(schema, key)
    yield _history(document, spot)


def _history(document: Document, spot: Spot) -> str:
    """Return the value after composition and where it was set, as ``--why`` tells it."""
    place = place_at(document, spot.tree, spot.path)
    names = [name for name in (place.config, place.model) if name]
    if not document.is_manifest and document.configs:
        roles = config_roles(document.recipe)
        names = [name for name in document.configs if roles.get(name)]
        names = (names or list(document.configs))[:MOST_CONFIGS]
    lines = [line for name in names for line in _explained(document, name, place.inner)]
    if len(lines) > MOST_LINES * MOST_CONFIGS:
        lines = [*lines[: MOST_LINES * MOST_CONFIGS], "…"]
    return _text_block(lines)


def _explained(document: Document, name: str, inner: Path) -> list[str]:
    if not inner:
        return []
    text, known = explain_value(document.result, format_path((name, *inner)))
    return text.splitlines() if known else []


def _text_block(lines: list[str]) -> str:
    return "```text\n" + "\n".join(lines) + "\n```" if lines else ""


def _of_reference(document: Document, spot: Spot, lookup: Lookup) -> Iterator[str]:
    names = lookup_names(lookup) or ()
    if names[:1] == ("stages",) and len(names) > 2:  # noqa: PLR2004
        stage = document.recipe.stages_by_name.get(names[1])
        paths = outputs_of(stage, document.recipe) if stage else None
        if stage and paths and names[2] in paths:
            title = stage.spec.get("outputs", {}).get(names[2], {}).get("title", "")
            yield f"**{title}**" if title else ""
            yield f"`{paths[names[2]]}`, written by the stage `{names[1]}` ({stage_kind(stage)})"
        return
    if names[:1] == (MATRIX,) and len(names) > 1:
        rows = matrix_entries(spot.tree, spot.path)
        values = [f"`{one.value.span.text}`" for one in rows if one.name == names[1]]
        yield f"`{names[1]}` in the rows of the matrix: {', '.join(values)}" if values else ""
    resolved = document.result.resolved
    if resolved and len(names) == 1 and names[0] in resolved.globals:
        yield f"`{names[0]}` = `{resolved.globals[names[0]]}`"
    owner, inner, node = referenced_node(document, spot, lookup, names)
    if owner and node is not None:
        yield _text_block(_explained(document, owner, inner)[:MOST_LINES])


def _of_name(document: Document, here: NameUse) -> Iterator[str]:
    recipe = document.recipe
    if here.block == "stages" and (stage := recipe.stages_by_name.get(here.name)):
        kind = stage_kind(stage)
        title = stage.spec.get("title", "")
        what = f"kind `{kind}`" if kind else f"calls `{stage.call.value if stage.call else ''}`"
        yield f"**Stage {here.name}**: {what}" + (f". {title}" if title else "")
        reads = ", ".join(f"{one.config} ({one.role})" for one in stage.configs)
        yield f"reads: {reads}" if reads else ""
        writes = ", ".join(f"`{name}`" for name in outputs_of(stage, recipe) or ())
        yield f"outputs: {writes}" if writes else ""
        yield stage.description
    elif here.block == "configs":
        yield from _of_config(document, here.name)
    elif here.block == "models":
        model = next((one for one in recipe.models if one.name.value == here.name), None)
        target = target_of(model.node) if model else None
        yield f"**Model {here.name}**"
        yield (describe_target(recipe.library, target) or "") if target else ""


def _of_config(document: Document, name: str) -> Iterator[str]:
    recipe = document.recipe
    declared = next((one for one in recipe.configs if one.name.value == name), None)
    if declared is None:
        return
    role = config_roles(recipe).get(name)
    yield f"**Config {name}**" + (f", role {role}" if role else "")
    made = [f"extends `{declared.extends.value}`"] if declared.extends else []
    made += [f"file `{declared.file.value}`"] if declared.file else []
    yield ", ".join(made)
    readers = [str(s.name.value) for s in recipe.stages if any(b.config == name for b in s.configs)]
    yield f"read by: {', '.join(readers)}" if readers else "no stage reads it itself"
