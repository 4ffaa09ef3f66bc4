"""Read what a System declares of itself in the YAML file beside the module of its class."""

from collections.abc import Collection, Iterator
from collections.abc import Mapping as MappingABC
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema.validators import Draft202012Validator
from msgspec import Struct
from msgspec.structs import replace

import espnet3_schemas
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.filesystem import (
    NO_BUFFERS,
    Buffers,
    is_file,
    lies_below,
    read_error,
    shown_path,
)
from espnet3_compiler.manifest.recipe import ConfigRole, System
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.manifest.values import (
    as_mapping,
    as_text,
    as_texts,
    mapping_entries,
    substitute_text,
)
from espnet3_compiler.schema.descent import child_schema
from espnet3_compiler.schema.plain_schema import plain_schema
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
from espnet3_schemas import IN_PACKAGE, ROLES, load, vary_kinds

Kinds = MappingABC[str, dict[str, Any]]


class SystemDeclaration(Struct, frozen=True):
    """The declaration beside one module.

    Attributes:
        tree: Its keys.
        source: Its text.
        path: Its absolute path; the files that it names lie in the same folder.
        package: What a build calls its folder in an installed package, for example
            ``package:mylab/systems``; None where it belongs to the recipe.
        buffers: Texts that stand in for files.
    """

    tree: Mapping
    source: Source
    path: Path
    package: str | None
    buffers: Buffers = NO_BUFFERS

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
        library.memo[key] = _read_beside(module, library)
    found: tuple[SystemDeclaration | None, tuple[Diagnostic, ...]] = library.memo[key]
    return found


def _read_beside(
    module: ModuleLocation, library: Library
) -> tuple[SystemDeclaration | None, tuple[Diagnostic, ...]]:
    path = Path(module.file).with_suffix(".yaml")
    if not module.file.endswith(".py") or not is_file(path):
        return None, ()
    recipe = library.path.folder
    root = recipe if lies_below(path, recipe) else path.parent  # it must not leave by a link
    tree, source, found = read_file(path, shown_path(path), root, library.buffers)
    if tree is None or source is None:
        return None, found
    tree, misspelt, wrong = repair_and_validate(tree, load("system"))
    wrong = wrong or tuple(_unreplaced_values(tree))
    package = None if module.local else _package_folder(module)
    return SystemDeclaration(tree, source, path, package, library.buffers), (
        *found,
        *misspelt,
        *wrong,
    )


def _unreplaced_values(tree: Mapping) -> Iterator[Diagnostic]:
    """Report ``${…}`` that would have to be something else: in a stage kind nothing replaces it."""
    judge = Draft202012Validator(load("system")["$defs"]["kind"])
    for entry in mapping_entries(tree.get("kinds")):
        for error in judge.iter_errors(to_python(entry.value)):
            node = node_at(entry.value, tuple(error.absolute_path)) or entry.value
            message = 'a "${…}" is not replaced in a stage kind'
            is_log = tuple(error.absolute_path) == ("log_dir",)
            right = "a path begins with ${exp_dir} or ${data_dir}, or with neither"
            other = "only ${data_dir}, and that alone, is a path"
            label = Label(node.span, right if is_log else other)
            yield Diagnostic("R214", message, label)


def _package_folder(module: ModuleLocation) -> str:
    """Return what a build calls the folder of a module, see ``source_path``."""
    above = module.name if module.kind == "package" else module.name.rpartition(".")[0]
    return IN_PACKAGE + (above.replace(".", "/") or f"{module.name}.py")


@cache
def read_shipped(name: str) -> SystemDeclaration:
    """Return what a System that ships says of roles; its kinds and their order are known."""
    folder = Path(espnet3_schemas.__file__).parent / "systems"
    path = folder / f"{name}.json"
    tree, source, found = read_file(path, shown_path(path), folder)
    assert tree is not None, found
    assert source is not None
    roles = replace(tree, entries=tuple(entry for entry in tree if entry.name == "roles"))
    package = f"{IN_PACKAGE}{espnet3_schemas.__name__}/{folder.name}"
    return SystemDeclaration(roles, source, path, package)


def declared_kinds(declared: SystemDeclaration) -> tuple[Scalar, ...]:
    """Return the names of the kinds that a declaration describes."""
    return tuple(entry.key for entry in mapping_entries(declared.tree.get("kinds")))


def declared_log_dirs(declared: SystemDeclaration) -> dict[str, Scalar]:
    """Return ``log_dir`` of the kinds that a declaration describes, by kind."""
    kinds = mapping_entries(declared.tree.get("kinds"))
    found = {entry.name: as_text(node_at(entry.value, ("log_dir",))) for entry in kinds}
    return {kind: written for kind, written in found.items() if written}


def declared_stages(declared: SystemDeclaration, kinds: Collection[str]) -> tuple[Scalar, ...]:
    """Return the kinds that run where a manifest lists no stages, as far as there are such kinds.

    Args:
        declared: The declaration.
        kinds: The kinds that its class runs.
    """
    written = as_texts(declared.tree.get("stages"))
    if WILDCARD in kinds:
        return written
    names = {str(one.value): one for one in written}
    meant = {name if name in kinds else closest_match(name, kinds): names[name] for name in names}
    return tuple(substitute_text(kind, one) for kind, one in meant.items() if kind)


def declared_files(declared: SystemDeclaration) -> dict[Path, str | None]:
    """Return the files of a declaration (its own, schemas, defaults), as in ``System.files``."""
    roles = mapping_entries(declared.tree.get("roles"))
    blocks = [block for entry in roles if (block := as_mapping(entry.value))]
    names = [as_text(block.get(key)) for block in blocks for key in ("schema", "defaults")]
    files = [declared.path.name, *(str(name.value) for name in names if name)]
    return {
        declared.folder / name: declared.package and f"{declared.package}/{name}"
        for name in files
        if is_file(declared.folder / name)
    }


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
    names = declared_kinds(declared)
    known = dict.fromkeys((*kinds, *methods, *(str(name.value) for name in names)))
    for name in names:
        if name.value not in methods:
            message = f'the system declares a stage kind "{name.value}", but has no such method'
            hint = f"write in the class: def {name.value}(self, context: StageContext) -> Outputs"
            yield unknown_name("R214", message, name, methods, hint)
    for name in as_texts(declared.tree.get("stages")):
        if name.value not in methods:
            message = f'the system has no stage kind "{name.value}"'
            yield unknown_name("R214", message, name, methods)
    for entry in mapping_entries(declared.tree.get("kinds")):
        block = as_mapping(entry.value)
        for name in as_texts(block.get("consumes")) if block else ():
            if name.value not in known:
                message = f'"{entry.name}" consumes a stage kind "{name.value}" that is not known'
                yield unknown_name("R214", message, name, known)


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
            for key in as_texts(node_at(use.value, ("reads",))):
                if key.value != WILDCARD and child_schema(schema, str(key.value)) is None:
                    message = f'configs in the role "{use.name}" have no key "{key.value}"'
                    yield unknown_name("R214", message, key, schema.get("properties", ()))


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
    path, label = declared.folder / str(name.value), Label(name.span, "named here")
    if error := read_error(path, declared.folder):
        return None, [unreadable_file(label, str(name.value), error)]
    try:
        schema = plain_schema(path.read_text(encoding="utf-8"))
    except OSError as error:
        return None, [unreadable_file(label, str(name.value), error)]
    except ValueError as error:
        message = f'"{name.value}" cannot be used as JSON Schema: {error}'
        return None, [Diagnostic("R214", message, label)]
    return {"title": f"{role.value} config", **schema}, []


def _read_defaults(
    node: Node | None, declared: SystemDeclaration
) -> tuple[tuple[Mapping, ...], tuple[Diagnostic, ...]]:
    name = as_text(node)
    if name is None:
        return _as_defaults(node, declared.source), ()
    path = declared.folder / str(name.value)
    if error := read_error(path, declared.folder, declared.buffers):
        wrong = unreadable_file(Label(name.span, "named here"), str(name.value), error)
        return _as_defaults(node, declared.source), (wrong,)
    tree, source, found = read_file(path, shown_path(path), declared.folder, declared.buffers)
    return (_as_defaults(tree, source) if source else _as_defaults(node, declared.source)), found


def _as_defaults(node: Node | None, source: Source) -> tuple[Mapping, ...]:
    """Return a mapping whose spans say that it holds defaults, alone; an empty one in its place."""
    if node is None:
        return ()
    node = node if isinstance(node, Mapping) else Mapping((), node.span)
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
