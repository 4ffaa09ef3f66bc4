"""Completion: keys with their documentation, and the values that a place can have."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from espnet3_compiler.filesystem import find, is_file
from espnet3_compiler.lsp.completed_references import Suggestion, complete_reference
from espnet3_compiler.lsp.cursor import MARK, Cursor
from espnet3_compiler.lsp.definition import DOTTED
from espnet3_compiler.lsp.places import (
    Document,
    SchemaPlace,
    describe_schema,
    place_at,
    target_of,
    type_words,
)
from espnet3_compiler.lsp.targets import describe_parameter, members_of, parameters_of
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.signature.result import Parameter
from espnet3_compiler.syntax.tree import Mapping, node_at
from espnet3_schemas import ROLES, systems

MOST_FILES = 200
_DATA = "data_src_args"
_NAMES_OF = {"config": "configs", "model": "models", "needs": "stages", "init_from": "stages"}


class _TypedWord(NamedTuple):
    """The document, the cursor in it, and what stands there."""

    document: Document
    cursor: Cursor
    place: SchemaPlace


def complete(document: Document, cursor: Cursor) -> list[Suggestion]:
    """Return what may be typed at the cursor."""
    if cursor.kind == "reference":
        return complete_reference(document, cursor)
    typed = _TypedWord(document, cursor, place_at(document, cursor.tree, cursor.path))
    if cursor.kind == "key":
        return list(_keys(typed))
    return list(_values(typed))


def _keys(typed: _TypedWord) -> Iterator[Suggestion]:
    document, cursor, place = typed
    node = node_at(cursor.tree, cursor.path)
    entries = node.entries if isinstance(node, Mapping) else ()
    given = {entry.name for entry in entries if MARK not in entry.name}
    ending = "" if cursor.closed else ": "
    schema = place.schema
    offered: dict[str, Suggestion] = {}
    for name, path in _argument_sources(typed, node):
        parameters = parameters_of(document.recipe.library, path)
        supplied = _supplied(schema, parameters)
        for one in parameters:
            if one.name not in supplied:
                about = "" if one.required else "It has a default."
                offered[one.name] = Suggestion(
                    one.name, "argument", describe_parameter(one), f"{about} {name}".strip(), ending
                )
    for name, below in schema.get("properties", {}).items():
        about = describe_schema(below, name)
        offered.setdefault(name, Suggestion(name, "key", type_words(below), about, ending))
    for name, about in _names_as_keys(typed):
        offered.setdefault(name, Suggestion(name, "name", about, "", ending))
    yield from (one for name, one in offered.items() if name not in given)
    if document.is_manifest and cursor.path == ("stages", *cursor.path[1:2]) and len(given) == 0:
        yield from _stage_names(document)


def _supplied(schema: Schema, parameters: Sequence[Parameter]) -> set[str]:
    """Return the arguments that the runtime passes itself, by name or by place."""
    slot = schema.get("x-target", {})
    by_place = [one.name for one in parameters if one.kind == "both"][: slot.get("positional", 0)]
    return {*slot.get("supplied", ()), *by_place}


def _argument_sources(typed: _TypedWord, node: object) -> Iterator[tuple[str, str]]:
    """Yield the functions whose arguments the keys of a mapping are, each with a remark."""
    document, cursor, place = typed
    if isinstance(node, Mapping) and (path := target_of(node)):
        yield f"An argument of `{path}`.", path
    if place.inner[-1:] == (_DATA,):
        entry = node_at(cursor.tree, cursor.path[:-1])
        source = (
            getattr(entry.get("data_src"), "value", None) if isinstance(entry, Mapping) else None
        )
        module = source if isinstance(source, str) and "/" not in source else "dataset"
        yield "An argument of the data set.", f"{module}.Dataset"
    if place.inner == ("create_dataset",):
        yield "An argument of the builder.", "dataset.DatasetBuilder.build"
        yield "An argument of the builder.", "dataset.DatasetBuilder.prepare_source"
    if document.is_manifest and place.inner[-1:] == ("with",):
        stage = node_at(cursor.tree, cursor.path[:-1])
        called = getattr(stage.get("call"), "value", None) if isinstance(stage, Mapping) else None
        if isinstance(called, str):
            yield f"An argument of `{called}`.", called


def _names_as_keys(typed: _TypedWord) -> Iterator[tuple[str, str]]:
    """Yield names that are keys: of roles that a stage reads or that have no config yet."""
    document, cursor, place = typed
    if not document.is_manifest:
        return
    if cursor.path == ("configs",):
        yield from ((role, "a config of that role") for role in ROLES)
    if place.inner[:1] == ("stages",) and place.inner[2:] == ("config",):
        stage = node_at(cursor.tree, cursor.path[:2])
        kind = ""
        if isinstance(stage, Mapping):
            kind = str(getattr(stage.get("run") or stage.get("name"), "value", ""))
        spec = document.recipe.system.specs.get(kind)
        yield from ((role, f"read by {kind}") for role in (spec or {}).get("roles", ()))


def _values(typed: _TypedWord) -> Iterator[Suggestion]:
    document, cursor, place = typed
    key = next((step for step in reversed(cursor.path) if isinstance(step, str)), "")
    if key in DOTTED and cursor.path[-1] == key:
        yield from _dotted(document, cursor)
        return
    if document.is_manifest and place.config is None and place.model is None:
        yield from _manifest_values(typed)
    elif place.inner == ("extends",):
        yield from _named(document.recipe.configs, "config", place.config)
    schema = place.schema
    if place.config and place.inner == ():  # the short form of a config is a path
        yield from _files(document)
    if "x-path" in schema:
        yield from _files(document)
    yield from _literals(schema)


def _literals(schema: Schema) -> Iterator[Suggestion]:
    for value in schema.get("enum", ()):
        yield Suggestion(str(value), "value", "", schema.get("description", ""))
    kinds = schema.get("type", ())
    if "boolean" in ((kinds,) if isinstance(kinds, str) else kinds):
        for word in ("true", "false"):
            yield Suggestion(word, "value", "", schema.get("description", ""))


def _manifest_values(typed: _TypedWord) -> Iterator[Suggestion]:
    document, cursor, place = typed
    path = place.inner
    if path == ("system",):
        for name, entry in systems()["systems"].items():
            yield Suggestion(name, "value", entry["title"])
    if path[:1] != ("stages",) or path[2:3] == ("with",):
        return
    if len(path) in (1, 2) or path[2:] in (("name",), ("run",)):
        yield from _stage_names(document)
    block = _NAMES_OF.get(str(path[2])) if len(path) > 2 else None  # noqa: PLR2004
    if block == "configs":
        yield from _named(document.recipe.configs, "config", None)
    elif block == "models":
        yield from _named(document.recipe.models, "model", None)
    elif block == "stages":
        stage = node_at(cursor.tree, path[:2])
        own = str(getattr(stage.get("name"), "value", "")) if isinstance(stage, Mapping) else None
        yield from _named(document.recipe.stages, "stage", own)


def _stage_names(document: Document) -> Iterator[Suggestion]:
    system = document.recipe.system
    for kind in system.kinds:
        if kind != WILDCARD:
            spec = system.specs.get(kind, {})
            yield Suggestion(kind, "kind", spec.get("title", ""))


def _named(declared: Iterable[object], what: str, own: str | None) -> Iterator[Suggestion]:
    for one in declared:
        name = str(one.name.value)  # type: ignore[attr-defined]
        if name != own and MARK not in name:
            yield Suggestion(name, "name", what)


def _dotted(document: Document, cursor: Cursor) -> Iterator[Suggestion]:
    """Yield the names below what was typed, as whole paths: the editor replaces all of it."""
    above = cursor.word.rpartition(".")[0]
    library = document.recipe.library
    for member in members_of(library, above):
        path = f"{above}.{member.name}" if above else member.name
        found = library.find_module(path) if not above else None
        first = "0" if found and (found.local or path in ("torch", "espnet3_runtime")) else "1"
        yield Suggestion(path, member.kind, member.kind, order=first)


def _files(document: Document) -> Iterator[Suggestion]:
    directory = document.recipe.directory
    seen = 0
    for pattern in ("*.y*ml", "conf/**/*.y*ml", "*/*.y*ml"):
        for path in sorted(find(directory, pattern)):
            if is_file(path) and (seen := seen + 1) < MOST_FILES:
                yield Suggestion(path.relative_to(directory).as_posix(), "file", "")
