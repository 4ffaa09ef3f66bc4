"""The files that configs name: found inside the recipe, read once."""

import os
import posixpath
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.disk import exists, is_file
from espnet3_compiler.expression import has_reference
from espnet3_compiler.lower_report import did_you_mean, spelling_fix
from espnet3_compiler.read import read_file, unreadable
from espnet3_compiler.source import Source, Span
from espnet3_compiler.suggest import nearest
from espnet3_compiler.tree import Mapping, Scalar

MAX_CANDIDATES = 500


class ConfigFile(NamedTuple):
    """What came of a file: its mapping and its text, both None where it could not be read."""

    node: Mapping | None = None
    source: Source | None = None


@dataclass
class Files:
    """Config files by absolute path, each read once, and what is wrong with them."""

    directory: Path
    manifest: Source
    read: dict[Path, ConfigFile] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def declared(self, file: Scalar) -> ConfigFile:
        """Return the file that the manifest names; the path must stay inside the recipe."""
        text = str(file.value)
        if has_reference(text):
            self.found.append(_computed(file))
            return ConfigFile()
        inner = posixpath.normpath(text)
        if inner.startswith("..") or posixpath.isabs(text):
            self.found.append(outside(file.span, text))
            return ConfigFile()
        path = self.directory / inner
        if path not in self.read and not is_file(path):
            finding = self._missing(file, path)
            self.found.append(finding)
            if not (finding.fix and finding.fix.certain):
                return ConfigFile()
            inner = finding.fix.edits[0].text  # what is wrong in the file that was meant counts too
        return self.inside(inner)

    def inside(self, inner: str) -> ConfigFile:
        """Return a file by its path from the recipe."""
        base = posixpath.dirname(self.manifest.name)
        name = posixpath.normpath(posixpath.join(base, inner))
        return self._load(self.directory / inner, name)

    def given(self, path: Path, option: Span) -> ConfigFile:
        """Return a file from the command line, which may lie anywhere."""
        name = Path(os.path.relpath(path)).as_posix()
        if not is_file(path):
            self.found.append(_unreadable(Label(option, "named here"), name, path))
            return ConfigFile()
        return self._load(path, name)

    def _load(self, path: Path, name: str) -> ConfigFile:
        if path not in self.read:
            node, source, found = read_file(path, name)
            self.found += found
            self.read[path] = ConfigFile(node, source)
        return self.read[path]

    def _missing(self, file: Scalar, path: Path) -> Diagnostic:
        known = yaml_files(self.directory)
        near = nearest(str(file.value), known)
        finding = _unreadable(Label(file.span, "named here"), str(file.value), path)
        if near is None or exists(path):
            return finding
        return Diagnostic(
            finding.code,
            finding.message,
            finding.primary,
            help=did_you_mean(near),
            fix=spelling_fix(file.span, str(file.value), near, known),
        )


def outside(place: Span, path: str) -> Diagnostic:
    """R702: a path that leaves the recipe directory."""
    return Diagnostic(
        "R702",
        f'the path "{path}" leaves the recipe directory',
        Label(place, "outside the recipe"),
        help=("copy the file into the recipe, so that the recipe is complete in itself",),
    )


def _computed(file: Scalar) -> Diagnostic:
    return Diagnostic(
        "R606",
        f'the path of a config cannot hold a reference: "{file.value}"',
        Label(file.span, "must be a plain path"),
        help=("write the path out; to choose another file use --NAME_config PATH",),
    )


def _unreadable(place: Label, name: str, path: Path) -> Diagnostic:
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        return unreadable(place, name, error)
    return Diagnostic("R701", f'the file "{name}" is not an ordinary file', place)


def yaml_files(directory: Path) -> list[str]:
    """Return the YAML files of a recipe, and of the folders in it, by their paths from it."""
    patterns = ("*.yaml", "*/*.yaml", "*.yml", "*/*.yml")
    found = (path for pattern in patterns for path in directory.glob(pattern))
    first = sorted(islice(found, MAX_CANDIDATES))
    return [path.relative_to(directory).as_posix() for path in first]
