"""Collect the layers of each config, and the chain of configs that it extends."""

from collections.abc import Mapping as MappingABC
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.compose.config_files import (
    ConfigFile,
    ConfigFileReader,
    file_in_role,
    wrong_role_file,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.group_names import GroupNames
from espnet3_compiler.manifest.recipe import ConfigDecl, Recipe
from espnet3_compiler.manifest.values import substitute_text, without_keys
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import unknown_name

MAX_CHAIN_LENGTH = 20


class ConfigLayers(Struct, frozen=True):
    """The layers of one declaration.

    Attributes:
        name: The key's node in the manifest.
        extends: The name of the config that it extends.
        layers: The file's mapping and the inline one, those that exist.
        source: The file's text.
        complete: False where the file could not be read.
    """

    name: Scalar
    extends: Scalar | None
    layers: tuple[Mapping, ...]
    source: Source | None
    complete: bool


def collect_layers(
    recipe: Recipe,
    roles: MappingABC[str, str | None],
    config_files: MappingABC[str, Path],
) -> tuple[dict[str, ConfigLayers], list[Diagnostic]]:
    """Return the layers of all configs by name, and what is wrong with their files.

    A config without a role is read as in the only one of those that extend it.

    Args:
        recipe: The declarations of the manifest.
        roles: The role of each config by name; None where it is not known.
        config_files: Files of the command line (``--training_config FILE``), by config name.
    """
    files = ConfigFileReader(recipe.directory, recipe.source, recipe.library.buffers)
    parts = {}
    extending: dict[object, set[str | None]] = {}
    for other in recipe.configs:
        if other.extends:
            role = roles.get(str(other.name.value))
            extending.setdefault(other.extends.value, set()).add(role)
    for declared in recipe.configs:
        name = str(declared.name.value)
        own = extending.get(name, set())
        role = roles.get(name) or (next(iter(own)) if len(own) == 1 else None)
        if name in config_files:
            file = _file_from_option(declared, role, config_files[name], files)
            declared = ConfigDecl(declared.name, None, None, None)  # noqa: PLW2901
        else:
            file = file_in_role(declared, role, recipe, files)
        parts[name] = _make_layers(declared, file, recipe.group_names, files.found)
    found = [
        _unknown_option(name, path, parts)
        for name, path in config_files.items()
        if name not in parts
    ]
    return parts, [*files.found, *found]


def _file_from_option(
    declared: ConfigDecl, role: str | None, path: Path, files: ConfigFileReader
) -> ConfigFile | None:
    option = _option_span(str(declared.name.value), path)
    file = files.read_given(path, option)
    wrong = wrong_role_file(declared, role, file, option)
    files.found += [wrong] if wrong else []
    return ConfigFile() if wrong else file


def _make_layers(
    declared: ConfigDecl, file: ConfigFile | None, groups: GroupNames, found: list[Diagnostic]
) -> ConfigLayers:
    extends, layers = declared.extends, []
    if file and file.node:
        layers.append(without_keys(file.node, "extends"))
        extends = _choose_base(declared, file.node, groups, found)
    if declared.inline:
        layers.append(declared.inline)
    base = file.node.get("extends") if file and file.node else None
    read = file is None or (file.node is not None and not (base and is_placeholder(base)))
    if file and file.node and file.node.entry("defaults"):  # Hydra's list of what it builds on
        read = False
    source = file.source if file else None
    return ConfigLayers(declared.name, extends, tuple(layers), source, declared.complete and read)


def _choose_base(
    config: ConfigDecl, node: Mapping, groups: GroupNames, found: list[Diagnostic]
) -> Scalar | None:
    own, declared = node.get("extends"), config.extends
    if own is None or is_placeholder(own):
        return declared
    if not isinstance(own, Scalar) or not isinstance(own.value, str):
        message = '"extends" must be the name of a config'
        found.append(Diagnostic("R602", message, Label(own.span, "not text")))
        return declared
    own = substitute_text(groups.base_name(str(config.name.value), own.value), own)
    if declared and declared.value != own.value:
        found.append(
            Diagnostic(
                "R607",
                f'two bases: "{declared.value}" in the manifest and "{own.value}" in the file',
                Label(declared.span, "named here"),
                related=(Label(own.span, "and here"),),
                help=("a config extends one other; remove one of the two",),
            )
        )
    return declared or own


def inheritance_chain(
    name: str, parts: dict[str, ConfigLayers], groups: GroupNames
) -> tuple[list[ConfigLayers], list[Diagnostic]]:
    """Return a config and its bases, the farthest base first; a finding ends the chain.

    Args:
        name: The config.
        parts: The layers of all configs.
        groups: What short names mean in groups.
    """
    chain, seen = [parts[name]], [name]
    found: list[Diagnostic] = []
    while not found and (extends := chain[-1].extends) is not None:
        base = str(extends.value)
        if base not in parts:
            known = groups.visible_names(("configs", seen[-1]), "configs", parts)
            known = [other for other in known if other != seen[-1]]
            message = f'"{base}" is extended but no config has this name'
            rows = groups.rows_hint("configs", base)
            found.append(unknown_name("R306", message, extends, known, rows=rows))
        elif base in seen:
            found.append(_extends_cycle(parts, seen[seen.index(base) :]))
        elif len(chain) >= MAX_CHAIN_LENGTH:
            found.append(_chain_too_long(extends))
        else:
            chain.append(parts[base])
            seen.append(base)
    return chain[::-1], found


def _extends_cycle(parts: dict[str, ConfigLayers], names: list[str]) -> Diagnostic:
    """Begin with the config that is declared first, so that a circle is reported once."""
    start = min(range(len(names)), key=lambda i: list(parts).index(names[i]))
    ordered = names[start:] + names[:start]
    places = [extends.span for name in ordered if (extends := parts[name].extends)]
    if len(names) == 1:
        return Diagnostic("R305", f'"{names[0]}" extends itself', Label(places[0], "itself"))
    return Diagnostic(
        "R305",
        f"configs extend each other in a circle: {' -> '.join([*ordered, ordered[0]])}",
        Label(places[0], "the circle begins here"),
        related=tuple(Label(place, "and goes on here") for place in places[1:]),
        help=("let one of them stand alone, and the others extend it",),
    )


def _chain_too_long(extends: Scalar) -> Diagnostic:
    return Diagnostic(
        "R105",
        f"more than {MAX_CHAIN_LENGTH} configs extend one another",
        Label(extends.span, "the chain is cut here"),
    )


def _option_span(name: str, path: Path) -> Span:
    text = f"--{name}_config {path}"
    return Span(Source("command line", text, "set"), 0, len(text))


def _unknown_option(name: str, path: Path, parts: dict[str, ConfigLayers]) -> Diagnostic:
    option = Scalar(name, _option_span(name, path))
    found = unknown_name("R309", f'no config is called "{name}"', option, parts)
    near = closest_match(name, parts)
    return replace(found, help=(f'did you mean "--{near}_config"?',) if near else (), fix=None)
