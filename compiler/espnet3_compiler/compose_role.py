"""The file of a config: whether it is written in its role, and if not, which one was meant."""

import posixpath
from pathlib import PurePosixPath
from typing import NamedTuple

from espnet3_compiler.compose_files import ConfigFile, Files, yaml_files
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import ConfigDecl, Recipe
from espnet3_compiler.lower_report import did_you_mean, rename
from espnet3_compiler.read import read_file
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import is_sure
from espnet3_compiler.tree import Mapping, Scalar
from espnet3_schemas import ROLES, load


class _Stranger(NamedTuple):
    """A file of another role: that role, and the first key that shows it, spelt rightly."""

    role: str
    key: Span | None


def file_in_role(
    declared: ConfigDecl, role: str | None, recipe: Recipe, files: Files
) -> ConfigFile | None:
    """Return what is read for a config: its file, or the one that was meant.

    A file of another role is reported once, instead of each of its keys, and what was probably
    meant is read in its place; so it is where nothing of the declaration could be read.

    Args:
        declared: The config.
        role: The role in which stages read it, if any.
        recipe: The manifest.
        files: Reads files, and takes what is found.

    Returns:
        The file, empty where none can be read; None where the config names none.
    """
    file = files.declared(declared.file) if declared.file else None
    strange = _stranger(file, role)
    if role is None or not (strange or _is_lost(declared)):
        return file
    meant = _meant(str(declared.name.value), role, recipe)
    if declared.file and strange:
        files.found.append(_wrong_role(declared, declared.file, role, strange, meant))
    return files.inside(meant) if meant else ConfigFile()


def role_finding(
    declared: ConfigDecl, role: str | None, file: ConfigFile, option: Span
) -> Diagnostic | None:
    """Return R406 if a file from the command line is written in another role.

    Args:
        declared: The config of the manifest that the file takes the place of.
        role: Its role; None where it is not known.
        file: The file of the command line.
        option: The option on the command line, for the message.
    """
    strange = _stranger(file, role)
    if role is None or strange is None:
        return None
    path = Scalar(option.text.partition(" ")[2], option)
    return _wrong_role(declared, path, role, strange, None)


def _is_lost(declared: ConfigDecl) -> bool:
    """Return whether nothing of a declaration could be read."""
    inline = declared.inline.entries if declared.inline else ()
    return not (declared.whole or declared.extends or declared.file or inline)


def _stranger(file: ConfigFile | None, role: str | None) -> _Stranger | None:
    if role is None or file is None or file.node is None:
        return None
    known = load(role)["properties"]
    if all(entry.name in known for entry in file.node):
        return None
    written = _role_of(file.node, role)
    others = set(load(written)["properties"]) - set(known)
    first = next((entry.key.span for entry in file.node if entry.name in others), None)
    return _Stranger(written, first) if written != role else None


def _role_of(node: Mapping, preferred: str) -> str:
    """Return the role that knows most keys of a mapping; of several the preferred one."""
    return max((preferred, *ROLES), key=lambda role: _known(node, role))


def _known(node: Mapping, role: str) -> int:
    """Return how many keys of a mapping a role knows; slips count."""
    known = load(role)["properties"]
    return sum(entry.name in known or is_sure(entry.name, known) for entry in node)


def _meant(name: str, role: str, recipe: Recipe) -> str | None:
    """Return the file that has the name of a config or of its role, or else the only one left."""
    known = yaml_files(recipe.directory)
    for word in (name, role):
        for path in known:
            if PurePosixPath(path).stem == word and _fits(path, role, recipe, least=0):
                return path
    fitting = [path for path in known if _fits(path, role, recipe, least=1)]
    named = {posixpath.normpath(str(one.file.value)) for one in recipe.configs if one.file}
    left = [path for path in fitting if path not in named]
    return left[0] if len(left) == 1 else None


def _fits(path: str, role: str, recipe: Recipe, *, least: int) -> bool:
    """Return whether a file may be a config of a role: no other knows more keys, nor it too few."""
    node, _, _ = read_file(recipe.directory / path, path)
    if node is None or _role_of(node, role) != role:
        return False
    return _known(node, role) >= least * max(len(node.entries) / 2, 1)


def _wrong_role(
    declared: ConfigDecl, file: Scalar, role: str, strange: _Stranger, meant: str | None
) -> Diagnostic:
    name = str(declared.name.value)
    return Diagnostic(
        "R406",
        f'config "{name}" is read as {role}, but "{file.value}" is written as {strange.role}',
        Label(file.span, f"keys of the role {strange.role}"),
        related=(Label(strange.key, f"not a key of {role} configs"),) if strange.key else (),
        help=did_you_mean(meant, "name the file of this config"),
        fix=rename(file, meant, certain=PurePosixPath(meant).stem == name) if meant else None,
    )
