"""Broken symbolic links in the code of a recipe.

Passes: ``src`` as a link to ``../asr/src``, or as a copy of that directory.
Fails: ``src`` as a file that holds ``../asr/src``, which git and unpacked archives write instead
of a link where links are not supported; ``src`` as a link in a recipe copied without ``../asr``.

The code behind such a link is not checked: ``signature.locate`` takes it as not analyzable.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.checks.code.modules import imported_names
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.filesystem import broken_link, shown_path
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import format_names

_ENDINGS = ("", ".py")
"""Endings of what may be a link to a package or to a module."""


class _Link(Struct, frozen=True):
    """A broken link: its path, its target, and a name of the recipe that is imported through it."""

    path: Path
    target: str
    name: Scalar


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R705, once for a recipe: a checkout or copy without links has none of them."""
    packages: dict[Path, list[Scalar]] = {}
    for folder, name in imported_names(recipe, resolved):
        package = str(name.value).partition(".")[0]
        if package.isidentifier():
            packages.setdefault(folder / package, []).append(name)
    links = [link for path, names in packages.items() for link in _broken_links(path, names)]
    if links:
        yield _link_finding(links)


def _broken_links(package: Path, names: list[Scalar]) -> Iterator[_Link]:
    files = [package.with_suffix(ending) for ending in _ENDINGS]
    for folder, _, inner in os.walk(package):
        files += [Path(folder, name) for name in sorted(inner) if Path(name).suffix in _ENDINGS]
    for file in files:
        target = broken_link(file)
        if target is not None:
            dotted = ".".join(file.relative_to(package.parent).with_suffix("").parts)
            through = (name for name in names if f"{name.value}.".startswith(f"{dotted}."))
            yield _Link(file, target, next(through, names[0]))


def _link_finding(links: list[_Link]) -> Diagnostic:
    first, *others = links
    problem = f'is a file that holds "{first.target}": this checkout has no symbolic links'
    if first.path.is_symlink():
        problem = f'is a link to "{first.target}", which is not there'
    return value_finding(
        "R705",
        f'"{shown_path(first.path)}" {problem}',
        first.name,
        "this code is not here",
        advice=_repair_commands(links),
        notes=(f"so are {format_names(shown_path(link.path) for link in others)}",)
        if others
        else (),
    )


def _repair_commands(links: list[_Link]) -> tuple[str, ...]:
    first = links[0]
    source, path = first.path.parent / first.target, shown_path(first.path)
    if not source.exists():
        return ("copy the recipe again, with what its links lead to: cp -rL",)
    paths = " ".join(shown_path(link.path) for link in links)
    others = ", likewise the others" if len(links) > 1 else ""
    return (
        f"git config core.symlinks true && git checkout -- {paths}",
        f"or put a copy in its place: rm {path} && cp -r {shown_path(source)} {path}{others}",
    )
