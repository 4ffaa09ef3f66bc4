"""A file that is a good config, but of another role than the one in which it is read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import ConfigDecl, Recipe
from espnet3_compiler.lower import roles_of
from espnet3_compiler.source import Source
from espnet3_schemas import ROLES, load

SEVERAL = 2


class _Stranger(NamedTuple):
    config: ConfigDecl
    role: str
    meant: str
    keys: list[Diagnostic]


def told_by_role(findings: Iterable[Diagnostic], recipe: Recipe) -> tuple[Diagnostic, ...]:
    """Tell a config whose keys are all those of another role once, where its file is named."""
    found = tuple(findings)
    strangers = list(_strangers(found, recipe))
    gone = {id(key) for stranger in strangers for key in stranger.keys}
    kept = [finding for finding in found if id(finding) not in gone]
    return (*kept, *map(_finding, strangers))


def _strangers(found: tuple[Diagnostic, ...], recipe: Recipe) -> Iterator[_Stranger]:
    unknown: dict[Source, list[Diagnostic]] = {}
    for finding in found:
        if finding.code == "R601" and finding.fix is None and _is_top(finding):
            unknown.setdefault(finding.primary.span.source, []).append(finding)
    roles = roles_of(recipe) if unknown else {}
    for config in recipe.configs:
        role = roles.get(str(config.name.value))
        path = recipe.directory / str(config.file.value) if config.file else None
        for source, keys in unknown.items():
            if role and source.path == path:
                names = [finding.primary.span.text for finding in keys]
                meant = _role_of(names, role)
                if meant and (len(names) >= SEVERAL or _has_nothing_else(source, names)):
                    yield _Stranger(config, role, meant, keys)


def _is_top(finding: Diagnostic) -> bool:
    span = finding.primary.span
    return span.source.kind == "file" and span.source.line_column(span.start)[1] == 1


def _has_nothing_else(source: Source, names: list[str]) -> bool:
    lines = [line for line in source.text.splitlines() if line[:1].isalpha()]
    return all(line.partition(":")[0] in names for line in lines)


def _role_of(names: list[str], role: str) -> str | None:
    """Return the role that has more of some keys than any other; most of them at least."""
    counts = {other: len(set(names) & set(load(other)["properties"])) for other in ROLES}
    meant = max(counts, key=lambda other: counts[other])
    return meant if meant != role and counts[meant] * SEVERAL > len(names) else None


def _finding(stranger: _Stranger) -> Diagnostic:
    config, file = stranger.config, stranger.config.file
    assert file is not None
    first = stranger.keys[0].primary.span
    return Diagnostic(
        "R406",
        f'config "{config.name.value}" is read as {stranger.role}, '
        f'but "{file.value}" is written as {stranger.meant}',
        Label(file.span, f"keys of the role {stranger.meant}"),
        related=(Label(first, f"not a key of {stranger.role} configs"),),
        help=("name the file of this config",),
    )
