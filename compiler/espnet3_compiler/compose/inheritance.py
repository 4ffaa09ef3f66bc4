"""Which configs a config consists of: itself, what it extends, what that extends."""

from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import NamedTuple

from espnet3_compiler.compose.config_files import (
    ConfigFile,
    ConfigFileReader,
    file_in_role,
    wrong_role_file,
)
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.manifest.recipe import ConfigDecl, Recipe
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, spelling_fix

MAX_CHAIN_LENGTH = 20


class ConfigLayers(NamedTuple):
    """What one declaration contributes.

    Attributes:
        name: The key's node in the manifest.
        extends: The name of the config it builds on.
        layers: The file's mapping and the inline one, as far as there are any.
        source: The file's text.
        whole: False where the file could not be read.
    """

    name: Scalar
    extends: Scalar | None
    layers: tuple[Mapping, ...]
    source: Source | None
    whole: bool = True


def collect_layers(
    recipe: Recipe,
    roles: MappingABC[str, str | None],
    config_files: MappingABC[str, Path],
) -> tuple[dict[str, ConfigLayers], list[Diagnostic]]:
    """Return the parts of all configs by name, and what is wrong with their files.

    Args:
        recipe: The declarations of the manifest.
        roles: The role of each config by name; None where it is not known.
        config_files: Files of the command line (``--training_config FILE``), by config name.
    """
    files = ConfigFileReader(recipe.directory, recipe.source)
    parts = {}
    for declared in recipe.configs:
        name = str(declared.name.value)
        role = _effective_role(name, recipe, roles)
        if name in config_files:
            file = _file_from_option(declared, role, config_files[name], files)
            parts[name] = _make_layers(
                ConfigDecl(declared.name, None, None, None), file, files.found
            )
        else:
            parts[name] = _make_layers(
                declared, file_in_role(declared, role, recipe, files), files.found
            )
    found = [_unknown_option(name, path, parts) for name, path in config_files.items()]
    return parts, [*files.found, *(finding for finding in found if finding)]


def _effective_role(name: str, recipe: Recipe, roles: MappingABC[str, str | None]) -> str | None:
    """Return the role of a config, or the only one of those that extend it."""
    extending = {
        roles.get(str(other.name.value))
        for other in recipe.configs
        if other.extends and other.extends.value == name
    }
    return roles.get(name) or (extending.pop() if len(extending) == 1 else None)


def _file_from_option(
    declared: ConfigDecl, role: str | None, path: Path, files: ConfigFileReader
) -> ConfigFile:
    option = _option_span(str(declared.name.value), path)
    file = files.read_given(path, option)
    wrong = wrong_role_file(declared, role, file, option)
    files.found += [wrong] if wrong else []
    return ConfigFile() if wrong else file


def _make_layers(
    declared: ConfigDecl, file: ConfigFile | None, found: list[Diagnostic]
) -> ConfigLayers:
    extends, layers = declared.extends, []
    if file and file.node:
        layers.append(_without_extends(file.node))
        extends = _choose_base(extends, file.node, found)
    if declared.inline:
        layers.append(declared.inline)
    read = file is None or (file.node is not None and not _has_incomplete_base(file.node))
    whole = declared.whole and read
    return ConfigLayers(declared.name, extends, tuple(layers), file.source if file else None, whole)


def _has_incomplete_base(node: Mapping) -> bool:
    base = node.get("extends")
    return base is not None and is_placeholder(base)


def _without_extends(node: Mapping) -> Mapping:
    kept = tuple(entry for entry in node if entry.name != "extends")
    return Mapping(kept, node.span, node.via) if len(kept) < len(node.entries) else node


def _choose_base(declared: Scalar | None, node: Mapping, found: list[Diagnostic]) -> Scalar | None:
    own = node.get("extends")
    if own is None or is_placeholder(own):
        return declared
    if not isinstance(own, Scalar) or not isinstance(own.value, str):
        found.append(
            Diagnostic(
                "R602", '"extends" must be the name of a config', Label(own.span, "not text")
            )
        )
        return declared
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
        return declared
    return declared or own


def inheritance_chain(
    name: str, parts: dict[str, ConfigLayers]
) -> tuple[list[ConfigLayers], Diagnostic | None]:
    """Return a config's parts, the farthest base first, and what is wrong with the chain.

    A circle or an unknown base ends the chain.
    """
    chain, seen = [parts[name]], [name]
    while (extends := chain[-1].extends) is not None:
        base = str(extends.value)
        if base not in parts:
            return chain[::-1], _unknown_base(extends, parts, chain[-1])
        if base in seen:
            return chain[::-1], _extends_cycle(parts, seen[seen.index(base) :])
        if len(chain) >= MAX_CHAIN_LENGTH:
            return chain[::-1], _chain_too_long(extends)
        chain.append(parts[base])
        seen.append(base)
    return chain[::-1], None


def _extends_cycle(parts: dict[str, ConfigLayers], names: list[str]) -> Diagnostic:
    """Name the members from the one that is declared first, so that a circle is one finding."""
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


def _unknown_base(
    extends: Scalar, parts: dict[str, ConfigLayers], owner: ConfigLayers
) -> Diagnostic:
    name = str(extends.value)
    known = [other for other in parts if other != owner.name.value]
    near = closest_match(name, known)
    return Diagnostic(
        "R306",
        f'"{name}" is extended but no config has this name',
        Label(extends.span, f"known are {', '.join(known[:8])}" if known else "no other config"),
        help=did_you_mean(near),
        fix=spelling_fix(extends.span, name, near, known),
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


def _unknown_option(name: str, path: Path, parts: dict[str, ConfigLayers]) -> Diagnostic | None:
    if name in parts:
        return None
    near = closest_match(name, parts)
    return Diagnostic(
        "R309",
        f'no config is called "{name}"',
        Label(_option_span(name, path), f"known are {', '.join(list(parts)[:8])}"),
        help=(f'did you mean "--{near}_config"?',) if near else (),
    )
