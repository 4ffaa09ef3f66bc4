"""Read the files of configs: inside the recipe, each once, in the right role."""

import os
import posixpath
from itertools import islice
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.filesystem import (
    NO_BUFFERS,
    Buffers,
    OutsideRoot,
    find,
    is_file,
    lies_below,
    path_exists,
    read_error,
)
from espnet3_compiler.manifest.recipe import ConfigDecl, Recipe
from espnet3_compiler.manifest.values import without_keys
from espnet3_compiler.syntax.read import read_file, unreadable_file
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean, rename_fix, spelling_fix
from espnet3_schemas import ROLES, load

MAX_CANDIDATES = 500


class ConfigFile(Struct, frozen=True):
    """The mapping and the text of a file, both None where it could not be read."""

    node: Mapping | None = None
    source: Source | None = None


class ConfigFileReader:
    """Config files by absolute path, each read once, and what is wrong with them.

    Args:
        directory: The directory of the recipe.
        manifest: The manifest, whose text names the files.
        buffers: Texts that an editor has not saved, by path.
    """

    def __init__(self, directory: Path, manifest: Source, buffers: Buffers = NO_BUFFERS) -> None:
        self.directory = directory
        self.manifest = manifest
        self.buffers = buffers
        self.read: dict[Path, ConfigFile] = {}
        self.found: list[Diagnostic] = []

    def read_declared(self, file: Scalar) -> ConfigFile:
        """Return the file that the manifest names; the path must stay inside the recipe."""
        text = str(file.value)
        if has_reference(text):
            self.found.append(_computed_path(file))
            return ConfigFile()
        inner = posixpath.normpath(text)
        if inner.startswith("..") or posixpath.isabs(text):
            self.found.append(outside_recipe(file.span, text))
            return ConfigFile()
        path = self.directory / inner
        error = None if path in self.read else read_error(path, self.directory, self.buffers)
        if error:
            finding = self._unreadable_file(file, path, error)
            self.found.append(finding)
            if not (finding.fix and finding.fix.certain):
                return ConfigFile()
            inner = finding.fix.edits[0].text  # check the file that was meant
        return self.read_inside(inner)

    def read_inside(self, inner: str) -> ConfigFile:
        """Return a file by its path from the recipe."""
        base = posixpath.dirname(self.manifest.name)
        name = posixpath.normpath(posixpath.join(base, inner))
        return self._read_once(self.directory / inner, name, self.directory)

    def read_given(self, path: Path, option: Span) -> ConfigFile:
        """Return a file from the command line: links must stay in its folder, or in the recipe."""
        name = Path(os.path.relpath(path)).as_posix()
        root = self.directory if lies_below(path, self.directory) else path.parent
        if error := read_error(path, root, self.buffers):
            self.found.append(unreadable_file(Label(option, "named here"), name, error))
            return ConfigFile()
        return self._read_once(path, name, root)

    def _read_once(self, path: Path, name: str, root: Path) -> ConfigFile:
        if path not in self.read:
            node, source, found = read_file(path, name, root, self.buffers)
            self.found += found
            self.read[path] = ConfigFile(node, source)
        return self.read[path]

    def _unreadable_file(self, file: Scalar, path: Path, error: OSError | ValueError) -> Diagnostic:
        known = _yaml_files(self.directory)
        near = closest_match(str(file.value), known)
        finding = unreadable_file(Label(file.span, "named here"), str(file.value), error)
        if near is None or isinstance(error, OutsideRoot) or path_exists(path):
            return finding
        fix = spelling_fix(file.span, str(file.value), near, known)
        return replace(finding, help=did_you_mean(near), fix=fix)


def outside_recipe(span: Span, path: str) -> Diagnostic:
    """R702: a path that leaves the recipe directory."""
    return Diagnostic(
        "R702",
        f'the path "{path}" leaves the recipe directory',
        Label(span, "outside the recipe"),
        help=("copy the file into the recipe, so that the recipe is complete",),
    )


def _computed_path(file: Scalar) -> Diagnostic:
    return Diagnostic(
        "R606",
        f'the path of a config cannot hold a reference: "{file.value}"',
        Label(file.span, "must be a plain path"),
        help=("write the path out; to choose another file use --NAME_config PATH",),
    )


def _yaml_files(directory: Path) -> list[str]:
    """Return the YAML files of a recipe and of its folders, by their paths from it."""
    patterns = ("*.yaml", "*/*.yaml", "*.yml", "*/*.yml")
    found = (path for pattern in patterns for path in find(directory, pattern))
    own = (path for path in found if is_file(path) and lies_below(path, directory))
    first = sorted(islice(own, MAX_CANDIDATES))
    return [path.relative_to(directory).as_posix() for path in first]


class _RoleMismatch(Struct, frozen=True):
    """The role that a file is written in, and the first key that shows it."""

    role: str
    key: Span | None


def file_in_role(
    declared: ConfigDecl, role: str | None, recipe: Recipe, files: ConfigFileReader
) -> ConfigFile | None:
    """Return the file of a config; None where the config names none.

    A file of another role is reported once, instead of each of its keys, and the file that was
    probably meant is read instead; the same where nothing of the declaration could be read.

    Args:
        declared: The config.
        role: The role in which stages read it, if any.
        recipe: The manifest.
        files: Reads files and collects findings.
    """
    file = files.read_declared(declared.file) if declared.file else None
    mismatch = _find_role_mismatch(file, role)
    inline = declared.inline.entries if declared.inline else ()
    readable = declared.complete or declared.extends or declared.file or inline
    if role not in ROLES or (readable and not mismatch):
        return file
    meant = _suggest_file(str(declared.name.value), role, recipe)
    if declared.file and mismatch:
        files.found.append(_wrong_role(declared, declared.file, role, mismatch, meant))
    return files.read_inside(meant) if meant else ConfigFile()


def wrong_role_file(
    declared: ConfigDecl, role: str | None, file: ConfigFile, option: Span
) -> Diagnostic | None:
    """Return R406 if a file from the command line is written in another role.

    Args:
        declared: The config that the file replaces.
        role: Its role; None where it is not known.
        file: The file of the command line.
        option: The option on the command line.
    """
    mismatch = _find_role_mismatch(file, role)
    if role is None or mismatch is None:
        return None
    path = Scalar(option.text.partition(" ")[2], option)
    return _wrong_role(declared, path, role, mismatch, None)


def _find_role_mismatch(file: ConfigFile | None, role: str | None) -> _RoleMismatch | None:
    if role not in ROLES or file is None or file.node is None:
        return None
    known = load(role)["properties"]
    keys = without_keys(file.node, "extends")  # which configs of all roles may have
    if all(entry.name in known for entry in keys):
        return None
    written = _best_role(keys, role)
    others = set(load(written)["properties"]) - set(known)
    first = next((entry.key.span for entry in keys if entry.name in others), None)
    return _RoleMismatch(written, first) if written != role else None


def _best_role(node: Mapping, preferred: str) -> str:
    """Return the role that knows most keys of a mapping; of several the preferred one."""
    return max((preferred, *ROLES), key=lambda role: _count_known_keys(node, role))


def _count_known_keys(node: Mapping, role: str) -> int:
    """Return how many keys of a mapping a role knows; plain misspellings count."""
    known = load(role)["properties"]
    return sum(entry.name in known or is_certain_match(entry.name, known) for entry in node)


def _suggest_file(name: str, role: str, recipe: Recipe) -> str | None:
    """Return the file named after a config or its role, or else the only unused one."""
    known = _yaml_files(recipe.directory)
    for word in (name, role):
        for path in known:
            if PurePosixPath(path).stem == word and _is_role_file(path, role, recipe, least=0):
                return path
    fitting = [path for path in known if _is_role_file(path, role, recipe, least=1)]
    named = {posixpath.normpath(str(one.file.value)) for one in recipe.configs if one.file}
    left = [path for path in fitting if path not in named]
    return left[0] if len(left) == 1 else None


def _is_role_file(path: str, role: str, recipe: Recipe, *, least: int) -> bool:
    """Return whether a file may be a config of a role: no other role knows more of its keys."""
    node, _, _ = read_file(recipe.directory / path, path, recipe.directory, recipe.library.buffers)
    if node is None or _best_role(node, role) != role:
        return False
    return _count_known_keys(node, role) >= least * max(len(node.entries) / 2, 1)


def _wrong_role(
    declared: ConfigDecl, file: Scalar, role: str, mismatch: _RoleMismatch, meant: str | None
) -> Diagnostic:
    name = str(declared.name.value)
    return Diagnostic(
        "R406",
        f'config "{name}" is read as {role}, but "{file.value}" is written as {mismatch.role}',
        Label(file.span, f"keys of the role {mismatch.role}"),
        related=(Label(mismatch.key, f"not a key of {role} configs"),) if mismatch.key else (),
        help=did_you_mean(meant, "name the file of this config"),
        fix=rename_fix(file, meant, certain=PurePosixPath(meant).stem == name) if meant else None,
    )
