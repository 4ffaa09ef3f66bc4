"""Read what a System declares of itself in the YAML file beside the module of its class."""

import json
from collections.abc import Collection, Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator

import espnet3_schemas
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import is_file, lies_below, read_error, shown_path
from espnet3_compiler.manifest.recipe import ConfigRole, DeclaredFile, System
from espnet3_compiler.manifest.values import as_mapping, as_text, as_texts, mapping_entries
from espnet3_compiler.schema.repair import repair_and_validate
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation
from espnet3_compiler.syntax.read import read_file, unreadable_file
from espnet3_compiler.syntax.tree import (
    Entry,
    Mapping,
    N,
    Node,
    Scalar,
    Sequence,
    node_at,
    to_python,
)
from espnet3_compiler.syntax.unknown_name import format_names, unknown_name
from espnet3_schemas import ROLES, inline_definitions, load, vary_kinds

Kinds = MappingABC[str, dict[str, Any]]


class SystemDeclaration(NamedTuple):
    """The declaration beside one module.

    Attributes:
        tree: Its keys.
        source: Its text.
        path: Its absolute path; the files that it names lie in the same folder.
        package: The folder in an installed package, for example ``mylab/systems``; None where it
            belongs to the recipe.
    """

    tree: Mapping
    source: Source
    path: Path
    package: str | None

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.path.parent


def read_declaration(
    library: Library, module: ModuleLocation
) -> tuple[SystemDeclaration | None, tuple[Diagnostic, ...]]:
    """Return the declaration beside the module of a System class, and what is wrong with its keys.

    There is none for a module without a file, or without a YAML file of its name beside it.
    """
    key = "declaration", module.file
    if key not in library.memo:
        library.memo[key] = _read_beside(module, library.path.folder)
    found: tuple[SystemDeclaration | None, tuple[Diagnostic, ...]] = library.memo[key]
    return found


def _read_beside(
    module: ModuleLocation, recipe: Path
) -> tuple[SystemDeclaration | None, tuple[Diagnostic, ...]]:
    path = Path(module.file).with_suffix(".yaml")
    if not module.file.endswith(".py") or not is_file(path):
        return None, ()
    root = recipe if lies_below(path, recipe) else path.parent  # it must not leave by a link
    tree, source, found = read_file(path, shown_path(path), root)
    if tree is None or source is None:
        return None, found
    tree, misspelt, wrong = repair_and_validate(tree, load("system"))
    package = None if module.local else module.name.rpartition(".")[0].replace(".", "/")
    return SystemDeclaration(tree, source, path, package), (*found, *misspelt, *wrong)


@cache
def read_shipped(name: str) -> SystemDeclaration:
    """Return what a System that ships says of roles; its kinds and their order are known."""
    folder = Path(espnet3_schemas.__file__).parent / "systems"
    path = folder / f"{name}.json"
    tree, source, found = read_file(path, shown_path(path), folder)
    assert tree is not None, found
    assert source is not None
    roles = replace(tree, entries=tuple(entry for entry in tree if entry.name == "roles"))
    return SystemDeclaration(roles, source, path, f"{espnet3_schemas.__name__}/{folder.name}")


def declared_kinds(declared: SystemDeclaration) -> tuple[Scalar, ...]:
    """Return the names of the kinds that a declaration describes."""
    return tuple(entry.key for entry in mapping_entries(declared.tree.get("kinds")))


def declared_stages(declared: SystemDeclaration) -> tuple[Scalar, ...]:
    """Return the kinds that run where a manifest lists no stages."""
    return as_texts(declared.tree.get("stages"))


def declared_files(declared: SystemDeclaration) -> tuple[DeclaredFile, ...]:
    """Return the files that a declaration is made of: its own, schemas, and defaults."""
    roles = mapping_entries(declared.tree.get("roles"))
    blocks = [block for entry in roles if (block := as_mapping(entry.value))]
    names = [as_text(block.get(key)) for block in blocks for key in ("schema", "defaults")]
    files = [declared.path.name, *(str(name.value) for name in names if name)]
    package = declared.package and f"{declared.package}/"
    return tuple(
        DeclaredFile(declared.folder / name, None if package is None else f"{package}{name}")
        for name in files
        if is_file(declared.folder / name)
    )


def vary_declared(kinds: Kinds, declared: SystemDeclaration) -> dict[str, dict[str, Any]]:
    """Return stage kinds with those of a declaration, as far as these have the right types."""
    block = declared.tree.get("kinds")
    entries = block.entries if isinstance(block, Mapping) else ()
    schema = load("system")["$defs"]["kind"]
    right: dict[str, Any] = {
        entry.name: to_python(entry.value)
        for entry in entries
        if Draft202012Validator(schema).is_valid(to_python(entry.value))
    }
    return vary_kinds(kinds, right)


def check_kinds(
    declared: SystemDeclaration, methods: Collection[str], kinds: Kinds
) -> Iterator[Diagnostic]:
    """Report kinds without a method, and names of kinds that are none.

    Args:
        declared: The declaration.
        methods: The methods of its class, inherited ones too, that a stage can run.
        kinds: All kinds that are known, its own too.
    """
    for name in declared_kinds(declared):
        if name.value not in methods:
            message = f'the system declares a stage kind "{name.value}", but has no such method'
            hint = f"write in the class: def {name.value}(self, context: StageContext) -> Outputs"
            yield unknown_name("R214", message, name, methods, hint)
    for name in declared_stages(declared):
        if name.value not in methods:
            message = f'the system has no stage kind "{name.value}"'
            yield unknown_name("R214", message, name, methods)
    for entry in mapping_entries(declared.tree.get("kinds")):
        block = as_mapping(entry.value)
        for name in as_texts(block.get("consumes")) if block else ():
            if name.value not in kinds:
                message = f'"{entry.name}" consumes a stage kind "{name.value}" that is not known'
                yield unknown_name("R214", message, name, kinds)


def check_reads(declared: SystemDeclaration, system: System) -> Iterator[Diagnostic]:
    """Report keys that a kind reads and that configs of the role cannot have.

    Args:
        declared: The declaration.
        system: The System with it.
    """
    for kind in mapping_entries(declared.tree.get("kinds")):
        roles = node_at(kind.value, ("roles",))
        for use in mapping_entries(roles):
            schema = system.role_schema(use.name)
            known = ("*", *schema.get("properties", ()))
            reads = node_at(use.value, ("reads",))
            for key in as_texts(reads) if schema.get("additionalProperties") is False else ():
                if key.value not in known:
                    message = f'configs in the role "{use.name}" have no key "{key.value}"'
                    yield unknown_name("R214", message, key, known)


def read_roles(
    declared: SystemDeclaration, roles: MappingABC[str, ConfigRole]
) -> tuple[dict[str, ConfigRole], tuple[Diagnostic, ...]]:
    """Return the roles of a System with those of a declaration, and what is wrong with its files.

    Roles that only a kind names are added as they are.

    Args:
        declared: The declaration.
        roles: The roles that base classes declare.
    """
    result = dict(roles)
    found: list[Diagnostic] = []
    for entry in mapping_entries(declared.tree.get("roles")):
        block = as_mapping(entry.value) or Mapping((), entry.value.span)
        before = result.get(entry.name, ConfigRole())
        file = as_text(block.get("file"))
        schema, more = _read_schema(entry.key, block.get("schema"), declared)
        layer, others = _read_defaults(block.get("defaults"), declared)
        found += [*more, *others]
        result[entry.name] = ConfigRole(
            file=str(file.value) if file else before.file,
            schema=schema or before.schema,
            defaults=(*before.defaults, *layer),
        )
    for kind in mapping_entries(declared.tree.get("kinds")):
        uses = as_mapping(kind.value)
        for use in mapping_entries(uses.get("roles") if uses else None):
            result.setdefault(use.name, ConfigRole())
    return result, tuple(found)


def _read_schema(
    role: Scalar, node: Node | None, declared: SystemDeclaration
) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    name = as_text(node)
    if name is None:
        return None, []
    if role.value in ROLES:
        message = f'the role "{role.value}" has a schema already'
        hint = f"leave it out, or name another role than {format_names(ROLES)}"
        return None, [
            Diagnostic("R214", message, Label(name.span, "not for this role"), (), (hint,))
        ]
    path = declared.folder / str(name.value)
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        return {"title": f"{role.value} config", **inline_definitions(schema)}, []
    except OSError as error:
        return None, [unreadable_file(Label(name.span, "named here"), str(name.value), error)]
    except (ValueError, SchemaError, KeyError, TypeError, AttributeError) as error:
        reason = str(getattr(error, "message", error)).partition("\n")[0]
        message = f'"{name.value}" is no JSON Schema: {reason}'
        return None, [Diagnostic("R214", message, Label(name.span, "named here"))]


def _read_defaults(
    node: Node | None, declared: SystemDeclaration
) -> tuple[tuple[Mapping, ...], tuple[Diagnostic, ...]]:
    name = as_text(node)
    if name is None:
        return _as_defaults(node, declared.source), ()
    path = declared.folder / str(name.value)
    if error := read_error(path, declared.folder):
        return (), (unreadable_file(Label(name.span, "named here"), str(name.value), error),)
    tree, source, found = read_file(path, shown_path(path), declared.folder)
    return (_as_defaults(tree, source) if source else ()), found


def _as_defaults(node: Node | None, source: Source) -> tuple[Mapping, ...]:
    """Return a mapping whose spans say that it holds defaults, alone; nothing for another node."""
    if not isinstance(node, Mapping):
        return ()
    return (_moved_to(node, Source(source.name, source.text, "system", source.path)),)


def _moved_to(node: N, source: Source) -> N:
    """Return a node with its spans, keys too, in another source of the same text."""
    span = Span(source, node.span.start, node.span.end)
    if isinstance(node, Mapping):
        pairs = [Entry(_moved_to(e.key, source), _moved_to(e.value, source)) for e in node]
        return replace(node, entries=tuple(pairs), span=span)
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_moved_to(x, source) for x in node.items), span=span)
    return replace(node, span=span)
