"""Symbolic links in the code of a recipe that lead nowhere.

Passes: ``src`` as a link to ``../asr/src``, or as a copy of that directory.
Fails: ``src`` as a file that holds ``../asr/src``, which git and unpacked archives put in the place
of a link where there are none; ``src`` as a link in a recipe that was copied without ``../asr``.

The code behind such a link is not judged: ``signature.locate`` says that anything may be in it.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.checks.targets.datasets import data_modules
from espnet3_compiler.checks.targets.nodes import find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.filesystem import broken_link
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.provenance import provenance_labels, use_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import format_names
from espnet3_schemas import TARGET

_ENDINGS = ("", ".py")
"""Endings of what may be a link to a package or to a module."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A broken link: where it is, where it should lead, and a name that leads through it."""

    path: Path
    leads: str
    name: Scalar


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R705, once for a recipe: one checkout or copy has lost all its links."""
    packages: dict[Path, list[Scalar]] = {}
    for folder, name in _uses(recipe, resolved):
        package = str(name.value).partition(".")[0]
        if package.isidentifier():
            packages.setdefault(folder / package, []).append(name)
    links = [link for path, names in packages.items() for link in _links(path, names)]
    if links:
        yield _finding(links)


def _uses(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[Path, Scalar]]:
    """Yield the names that may lead into the code of a recipe, each with the recipe's directory."""
    named = (target.node.get(TARGET) for target in find_targets(recipe, resolved))
    for name in (recipe.system.name, *named, *(stage.call for stage in recipe.stages)):
        if isinstance(name, Scalar):
            yield recipe.directory, name
    yield from data_modules(recipe, resolved)


def _links(package: Path, names: list[Scalar]) -> Iterator[_Link]:
    files = [package.with_suffix(ending) for ending in _ENDINGS]
    for folder, _, inner in os.walk(package):
        files += [Path(folder, name) for name in sorted(inner) if Path(name).suffix in _ENDINGS]
    for file in files:
        leads = broken_link(file)
        if leads is not None:
            dotted = ".".join(file.relative_to(package.parent).with_suffix("").parts)
            through = (name for name in names if f"{name.value}.".startswith(f"{dotted}."))
            yield _Link(file, leads, next(through, names[0]))


def _finding(links: list[_Link]) -> Diagnostic:
    first, *others = links
    if first.path.is_symlink():
        what = f'is a link to "{first.leads}", which is not there'
    else:
        what = f'is a file that holds "{first.leads}": this checkout has no symbolic links'
    return Diagnostic(
        "R705",
        f'"{_shown(first.path)}" {what}',
        Label(use_location(first.name), "this code is not here"),
        related=provenance_labels(first.name),
        help=_advice(links),
        notes=(f"so are {format_names(_shown(link.path) for link in others)}",) if others else (),
    )


def _advice(links: list[_Link]) -> tuple[str, ...]:
    first = links[0]
    source, path = first.path.parent / first.leads, _shown(first.path)
    if not source.exists():
        return ("copy the recipe again, with what its links lead to: cp -rL",)
    paths = " ".join(_shown(link.path) for link in links)
    others = ", likewise the others" if len(links) > 1 else ""
    return (
        f"git config core.symlinks true && git checkout -- {paths}",
        f"or put a copy in its place: rm {path} && cp -r {_shown(source)} {path}{others}",
    )


def _shown(path: Path) -> str:
    """Return a path from the working directory, in which commands are given."""
    return Path(os.path.relpath(path)).as_posix()
