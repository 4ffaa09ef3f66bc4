"""Which configs a config consists of: itself, what it extends, what that extends."""

from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import NamedTuple

from espnet3_compiler.compose_files import ConfigFile, Files
from espnet3_compiler.compose_role import file_in_role, role_finding
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import ConfigDecl, Recipe
from espnet3_compiler.lower_report import did_you_mean, spelling_fix
from espnet3_compiler.read_steps import is_stand_in
from espnet3_compiler.source import Source, Span
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping, Scalar

MAX_CHAIN = 20


class Part(NamedTuple):
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


def parts_of(
    recipe: Recipe,
    roles: MappingABC[str, str | None],
    config_files: MappingABC[str, Path],
) -> tuple[dict[str, Part], list[Diagnostic]]:
    """Return the parts of all configs by name, and what is wrong with their files.

    Args:
        recipe: The declarations of the manifest.
        roles: The role of each config by name; None where it is not known.
        config_files: Files of the command line (``--training_config FILE``), by config name.
    """
    files = Files(recipe.directory, recipe.source)
    parts = {}
    for declared in recipe.configs:
        name = str(declared.name.value)
        role = _role(name, recipe, roles)
        if name in config_files:
            file = _given(declared, role, config_files[name], files)
            parts[name] = _part(ConfigDecl(declared.name, None, None, None), file, files.found)
        else:
            parts[name] = _part(declared, file_in_role(declared, role, recipe, files), files.found)
    found = [_unknown_option(name, path, parts) for name, path in config_files.items()]
    return parts, [*files.found, *(finding for finding in found if finding)]


def _role(name: str, recipe: Recipe, roles: MappingABC[str, str | None]) -> str | None:
    """Return the role of a config, or the only one of those that extend it."""
    extending = {
        roles.get(str(other.name.value))
        for other in recipe.configs
        if other.extends and other.extends.value == name
    }
    return roles.get(name) or (extending.pop() if len(extending) == 1 else None)


def _given(declared: ConfigDecl, role: str | None, path: Path, files: Files) -> ConfigFile:
    option = _option(str(declared.name.value), path)
    file = files.given(path, option)
    wrong = role_finding(declared, role, file, option)
    files.found += [wrong] if wrong else []
    return ConfigFile() if wrong else file


def _part(declared: ConfigDecl, file: ConfigFile | None, found: list[Diagnostic]) -> Part:
    extends, layers = declared.extends, []
    if file and file.node:
        layers.append(_without_extends(file.node))
        extends = _one_base(extends, file.node, found)
    if declared.inline:
        layers.append(declared.inline)
    read = file is None or (file.node is not None and not _has_lost_base(file.node))
    whole = declared.whole and read
    return Part(declared.name, extends, tuple(layers), file.source if file else None, whole)


def _has_lost_base(node: Mapping) -> bool:
    base = node.get("extends")
    return base is not None and is_stand_in(base)


def _without_extends(node: Mapping) -> Mapping:
    kept = tuple(entry for entry in node if entry.name != "extends")
    return Mapping(kept, node.span, node.via) if len(kept) < len(node.entries) else node


def _one_base(declared: Scalar | None, node: Mapping, found: list[Diagnostic]) -> Scalar | None:
    own = node.get("extends")
    if own is None or is_stand_in(own):
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


def chain_of(name: str, parts: dict[str, Part]) -> tuple[list[Part], Diagnostic | None]:
    """Return a config's parts, the farthest base first, and what is wrong with the chain.

    A circle or an unknown base ends the chain.
    """
    chain, seen = [parts[name]], [name]
    while (extends := chain[-1].extends) is not None:
        base = str(extends.value)
        if base not in parts:
            return chain[::-1], _unknown_base(extends, parts, chain[-1])
        if base in seen:
            return chain[::-1], _cycle(parts, seen[seen.index(base) :])
        if len(chain) >= MAX_CHAIN:
            return chain[::-1], _too_long(extends)
        chain.append(parts[base])
        seen.append(base)
    return chain[::-1], None


def _cycle(parts: dict[str, Part], names: list[str]) -> Diagnostic:
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


def _unknown_base(extends: Scalar, parts: dict[str, Part], owner: Part) -> Diagnostic:
    name = str(extends.value)
    known = [other for other in parts if other != owner.name.value]
    near = nearest(name, known)
    return Diagnostic(
        "R306",
        f'"{name}" is extended but no config has this name',
        Label(extends.span, f"known are {', '.join(known[:8])}" if known else "no other config"),
        help=did_you_mean(near),
        fix=spelling_fix(extends.span, name, near, known),
    )


def _too_long(extends: Scalar) -> Diagnostic:
    return Diagnostic(
        "R105",
        f"more than {MAX_CHAIN} configs extend one another",
        Label(extends.span, "the chain is cut here"),
    )


def _option(name: str, path: Path) -> Span:
    text = f"--{name}_config {path}"
    return Span(Source("command line", text, "set"), 0, len(text))


def _unknown_option(name: str, path: Path, parts: dict[str, Part]) -> Diagnostic | None:
    if name in parts:
        return None
    near = nearest(name, parts)
    return Diagnostic(
        "R309",
        f'no config is called "{name}"',
        Label(_option(name, path), f"known are {', '.join(list(parts)[:8])}"),
        help=(f'did you mean "--{near}_config"?',) if near else (),
    )
