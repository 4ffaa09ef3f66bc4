"""The resolvers ``${name:argument,…}`` that are computed while compiling.

Their meanings are ESPnet3's (202611), with two differences.  A path stays a path inside the recipe:
relative to the recipe directory, in which stages run, and not absolute as in ESPnet3, so that a
build does not depend on the machine.  The name of the corpus and task comes from the manifest, not
from the path of the recipe.
"""

import os
import posixpath
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.compose.config_files import outside_recipe
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions import messages as findings
from espnet3_compiler.filesystem import read_error
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.syntax.read import load_source, unreadable_file
from espnet3_compiler.syntax.tree import Node, Scalar, Sequence

MAX_LINES = 100_000


class ResolverRequest(Struct, frozen=True):
    """A call of a resolver.

    Attributes:
        recipe: The recipe.
        source: The text that the call stands in.
        arguments: The arguments as texts.
        span: The whole ``${…}``.
    """

    recipe: Recipe
    source: Source
    arguments: tuple[str, ...]
    span: Span


class ResolverResult(Struct, frozen=True):
    """The value of a resolver, or a finding; and the file that it read."""

    node: Node | None = None
    finding: Diagnostic | None = None
    source: Source | None = None


class Resolver(Struct, frozen=True):
    """A resolver; ``form`` shows how it is written."""

    form: str
    arguments: int
    function: Callable[[ResolverRequest], ResolverResult]


def self_name(request: ResolverRequest) -> ResolverResult:
    """Return the stem of the YAML file that holds the reference."""
    path = request.source.path or request.recipe.source.path
    stem = path.stem if path else posixpath.splitext(posixpath.basename(request.source.name))[0]
    return ResolverResult(Scalar(stem, request.span))


def config_path(request: ResolverRequest) -> ResolverResult:
    """Return a path that is written relative to the YAML file, relative to the recipe directory."""
    path = _recipe_path(request)
    if isinstance(path, Diagnostic):
        return ResolverResult(finding=path)
    return ResolverResult(Scalar(path, request.span))


def load_line(request: ResolverRequest) -> ResolverResult:
    """Return the lines of a text file, stripped, as a list; the recipe brings that file."""
    if posixpath.isabs(request.arguments[0]):  # what it reads goes into builds and bundles
        return ResolverResult(finding=outside_recipe(request.span, request.arguments[0]))
    path = _recipe_path(request)
    if isinstance(path, Diagnostic):
        return ResolverResult(finding=path)
    full = request.recipe.directory / path
    name = posixpath.join(posixpath.dirname(request.recipe.source.name), path)
    place = Label(request.span, "read here")
    # an absolute path is that of a config from the command line, which brings its own files
    given = request.source.path if posixpath.isabs(path) else None
    root = given.parent if given else request.recipe.root or request.recipe.directory
    buffers = request.recipe.library.buffers
    if error := read_error(full, root, buffers):
        return ResolverResult(finding=unreadable_file(place, path, error))
    source, found = load_source(full, posixpath.normpath(name), root, buffers)
    if source is None or found:
        return ResolverResult(finding=found[0])
    lines = source.text.splitlines()
    if len(lines) > MAX_LINES:
        return ResolverResult(
            finding=findings.too_large(request.span, f"read more than {MAX_LINES} lines")
        )
    items = tuple(Scalar(line.strip(), request.span) for line in lines)
    return ResolverResult(Sequence(items, request.span), source=source)


def set_corpus_and_system(request: ResolverRequest) -> ResolverResult:
    """Return the name of the recipe with ``_`` for ``/``."""
    return ResolverResult(Scalar(str(request.recipe.name.value).replace("/", "_"), request.span))


RESOLVERS_BY_NAME = {
    "self_name": Resolver("${self_name:}", 0, self_name),
    "config_path": Resolver("${config_path:PATH}", 1, config_path),
    "load_line": Resolver("${load_line:PATH}", 1, load_line),
    "set_corpus_and_system": Resolver("${set_corpus_and_system:}", 0, set_corpus_and_system),
}


def _recipe_path(request: ResolverRequest) -> str | Diagnostic:
    """Return the argument as a path from the recipe directory; absolute ones stay as they are."""
    argument = request.arguments[0]
    if posixpath.isabs(argument):
        return argument
    directory = request.recipe.directory
    base = request.source.path.parent if request.source.path else directory
    path = Path(os.path.relpath(base / argument, directory)).as_posix()
    from_outside = os.path.relpath(base, directory).startswith("..")
    if not path.startswith(".."):
        return path
    if from_outside:  # a config that was given on the command line may bring its own files
        return (base / argument).as_posix()
    return outside_recipe(request.span, argument)
