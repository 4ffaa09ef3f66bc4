"""Find the System that a recipe builds on, and the stage kinds that it runs."""

import re
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.suggest import closest_match, is_slip
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.manifest.names import is_identifier
from espnet3_compiler.manifest.recipe import ConfigDecl, System
from espnet3_compiler.manifest.stage_kinds import WILDCARD
from espnet3_compiler.manifest.system_class import (
    ANY_KIND,
    ClassKinds,
    class_kinds,
    runtime_kinds,
)
from espnet3_compiler.manifest.system_declaration import (
    check_kinds,
    check_reads,
    declared_files,
    declared_log_dirs,
    declared_stages,
    read_roles,
    vary_declared,
)
from espnet3_compiler.manifest.values import as_text, substitute_text
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.definitions import (
    ClassFound,
    ModuleFound,
)
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import names_below
from espnet3_compiler.signature.result import Missing, NotAnalyzable
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, rename_fix, unknown_name
from espnet3_schemas import SYSTEMS, systems

_FALLBACK_SYSTEM = "asr"
"""Used where the system is missing or unknown: it knows every kind."""
_ESPNET3 = ("espnet3", "espnetez", "espnet2", "espnet")
_OTHER_SYSTEMS = {
    "cls": r"cls|classif|lid|spk|speaker",
    "enh": r"enh|tse",
    "tts": r"tts|svs",
    "ssl": r"ssl|hubert|beats",
    "base": r"base|codec",
}
"""Words in the names of ESPnet3's Systems by the System here that has most of their stages."""
_HINT = f"write {', '.join(SYSTEMS)}, or the dotted class of a System of the recipe"


class _NotASystem(Struct, frozen=True):
    """Why a class is no System: half a sentence, a label, and the path that was likely meant.

    ``certain`` says whether that path is what is written but for a slip.
    """

    problem: str
    label: str
    near: str | None = None
    certain: bool = False


def lower_system(root: Mapping, library: Library) -> tuple[System, tuple[Diagnostic, ...]]:
    """Return the System of a manifest and what is wrong with its name.

    Args:
        root: The manifest.
        library: Reads the modules of the recipe, where its own classes are looked for.
    """
    name = as_text(root.get("system"))
    if name is None:
        return _built_in(substitute_text(_FALLBACK_SYSTEM, root)), ()
    if str(name.value) in systems()["systems"]:
        return _built_in(name), ()
    parts = str(name.value).split(".")
    if len(parts) > 1 and all(map(is_identifier, parts)):
        return _own_class(name, library)
    message = f'there is no system "{name.value}"'
    found = unknown_name("R206", message, name, systems()["systems"], _HINT)
    near = closest_match(str(name.value), systems()["systems"])
    return _built_in(substitute_text(near, name)) if near else _system_with_any_kind(name), (found,)


def _built_in(name: Scalar) -> System:
    path = systems()["systems"][name.value]["class"]
    return _declared_system(name, path, runtime_kinds(path) or ANY_KIND)[0]


def _system_with_any_kind(name: Scalar) -> System:
    """Return a System that runs every kind, because its own kinds are unknown."""
    fallback = _built_in(substitute_text(_FALLBACK_SYSTEM, name))
    return replace(fallback, kinds=(*fallback.kinds, WILDCARD))


def _own_class(name: Scalar, library: Library) -> tuple[System, tuple[Diagnostic, ...]]:
    path = str(name.value)
    runs = _find_kinds(library, path)
    if isinstance(runs, ClassKinds):
        return _declared_system(name, path, runs)
    found = Diagnostic(
        code="R206",
        message=f'the system "{name.value}" {runs.problem}',
        primary=Label(name.span, runs.label),
        help=did_you_mean(runs.near, _HINT),
        fix=rename_fix(name, runs.near, certain=runs.certain) if runs.near else None,
    )
    if runs.near in systems()["systems"]:
        return _system_with_any_kind(name), (found,)
    near = _find_kinds(library, runs.near) if runs.near else runs
    if isinstance(near, ClassKinds):
        system, more = _declared_system(name, str(runs.near), near)
        return system, (found, *more)
    return _system_with_any_kind(name), (found,)


def _declared_system(
    name: Scalar, path: str, runs: ClassKinds
) -> tuple[System, tuple[Diagnostic, ...]]:
    """Return the System of a class with what declarations say, and what is wrong with these."""
    shipped = {kind: spec for kind, spec in systems()["kinds"].items() if kind not in runs.renewed}
    system = System(
        *(name, path, runs.kinds, shipped, runs.own, runs.varied, runs.renewed),
        uncallable=runs.uncallable,
    )
    found = list(runs.found)
    for declared in runs.declared:
        roles, more = read_roles(declared, system.roles)
        system = replace(
            system,
            specs=vary_declared(system.specs, declared),
            roles=roles,
            stages=declared_stages(declared, runs.kinds) or system.stages,
            files={**system.files, **declared_files(declared)},
            log_dirs={**system.log_dirs, **declared_log_dirs(declared)},
        )
        found += more
        if WILDCARD not in runs.kinds:  # else a base that cannot be read may have any of them
            found += check_kinds(declared, runs.kinds, system.specs)
        found += check_reads(declared, system)
    return system, tuple(found)


def system_configs(system: System, directory: Path) -> tuple[ConfigDecl, ...]:
    """Return the configs that a System gives to a recipe that declares none of their names.

    Those are the files that it names for its roles, where they are there, and its defaults.
    """
    found = []
    for name, role in system.roles.items():
        file = role.file if role.file and is_file(directory / role.file) else None
        if file or role.defaults:
            inline = None if file else Mapping((), system.name.span)
            path = substitute_text(file, system.name) if file else None
            found.append(ConfigDecl(substitute_text(name, system.name), None, path, inline))
    return tuple(found)


def _find_kinds(library: Library, path: str) -> ClassKinds | _NotASystem:
    """Return the kinds of a dotted class; a class that cannot be read may run any kind."""
    kinds = _read_kinds(library, path)
    is_system = isinstance(kinds, ClassKinds) and WILDCARD not in kinds.kinds
    foreign = path.partition(".")[0] in _ESPNET3 and not is_system
    return _system_of_espnet3(path) if foreign else kinds


def _read_kinds(library: Library, path: str) -> ClassKinds | _NotASystem:
    built_in = runtime_kinds(path)
    found = None if built_in else resolve_name.find_definition(library, path)
    if isinstance(found, ClassFound):
        label = "it derives from neither BaseSystem nor ASRSystem"
        return class_kinds(library, found, 0) or _NotASystem("is no System", label)
    if isinstance(found, Missing):
        return _missing_class(library, path, found)
    if built_in or isinstance(found, NotAnalyzable):
        return built_in or ANY_KIND
    if isinstance(found, ModuleFound):
        near = _systems_in(library, found, path)
        return _NotASystem("is a module", "name the class in it", near)
    return _NotASystem("is no class", "a System is a class")


def _system_of_espnet3(path: str) -> _NotASystem:
    """Return the System here that has the stages of one of ESPnet3's, by its name."""
    named = (n for n, words in _OTHER_SYSTEMS.items() if re.search(words, path, re.IGNORECASE))
    near = next(named, "asr")
    return _NotASystem("is one of ESPnet3", "no System of this runtime", near)


def _systems_in(library: Library, module: ModuleFound, path: str) -> str | None:
    """Return the only System that a module defines, or None."""
    summary = library.module(module.location)
    names = [name for name, rows in (summary.bindings.items() if summary else ()) if rows[-1].piece]
    found = [resolve_name.find_definition(library, f"{path}.{name}") for name in names]
    kept = [
        f"{path}.{item.name}"
        for item in found
        if isinstance(item, ClassFound) and class_kinds(library, item, 0)
    ]
    return kept[0] if len(kept) == 1 else None


def _is_class(library: Library, package: str, path: str) -> bool:
    top = library.find_module(f"{package}.{path.partition('.')[0]}")
    found = resolve_name.find_definition(library, f"{package}.{path}") if top else None
    return isinstance(found, ClassFound)


def _missing_class(library: Library, path: str, missing: Missing) -> ClassKinds | _NotASystem:
    """Report a path that leads to nothing; a package that is not installed may hold any class."""
    modules = names_below(library.path, library.path.roots[:1])
    near = closest_match(missing.part, missing.near if missing.prefix else modules)
    if not missing.prefix:
        whole = next((f"{name}.{path}" for name in modules if _is_class(library, name, path)), None)
        if whole:
            label = "paths start in the recipe directory"
            return _NotASystem("does not exist", label, whole)
    if near is None and not missing.prefix:
        return ANY_KIND
    parts = path.split(".")
    if missing.position == len(parts) - 1:
        label = f'{missing.prefix} has no class "{missing.part}"'
    else:
        label = f'there is no module "{".".join(parts[: missing.position + 1])}"'
    parts[missing.position] = near or ""
    certain = bool(near) and is_slip(missing.part, near or "")
    return _NotASystem("does not exist", label, ".".join(parts) if near else None, certain)
