"""A good recipe, a mistake to plant in it, and where its report belongs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.diagnostics.source import Source
from espnet3_compiler.manifest.recipe import Recipe
from espnet3_compiler.pipeline import compile_manifest
from espnet3_compiler.syntax.read import read_file
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence
from espnet3_compiler.syntax.tree import Path as TreePath


@dataclass(frozen=True)
class Document:
    """A YAML file of a recipe; ``role`` is "recipe" for the manifest."""

    name: str
    role: str
    source: Source
    root: Mapping


@dataclass(frozen=True)
class GoodRecipe:
    """A recipe that checks clean."""

    directory: Path
    manifest: str
    recipe: Recipe
    documents: tuple[Document, ...]


@dataclass(frozen=True)
class Mutation:
    """One mistake: a stretch of a file replaced by other text.

    Attributes:
        kind: The class of mistake.
        file: The file, relative to the recipe directory.
        start: First code point of the good text that is replaced.
        end: The code point after it.
        text: What stands there instead.
        place: Where the report must point, as offsets in the replacement (may be outside of it:
            negative, or beyond its end).
        codes: Codes that name this mistake rightly.
        right: The good text that a right fix restores, None where it cannot be known.
    """

    kind: str
    file: str
    start: int
    end: int
    text: str
    place: tuple[int, int]
    codes: frozenset[str]
    right: str | None = None


@dataclass(frozen=True)
class Spot:
    """A key with its value somewhere in a document."""

    document: Document
    path: TreePath
    entry: Entry


def load_recipe(manifest: Path) -> GoodRecipe | None:
    """Return a recipe and its files, or None if it does not check clean.

    One that imports a package that is not installed here has a warning.
    """
    outcome = compile_manifest(manifest)
    if outcome.diagnostics or outcome.recipe is None:
        return None
    roles = {b.config: b.role for stage in outcome.recipe.stages for b in stage.configs}
    documents = [_document(manifest, manifest.name, "recipe")]
    for config in outcome.recipe.configs:
        if config.file is not None:
            role = roles.get(str(config.name.value), "")
            documents.append(_document(manifest, str(config.file.value), role))
    return GoodRecipe(manifest.parent, manifest.name, outcome.recipe, tuple(documents))


def _document(manifest: Path, name: str, role: str) -> Document:
    root, source, found = read_file(manifest.parent / name, name, manifest.parent)
    if root is None or source is None or found:
        raise ValueError(f"{name} of {manifest} is not a good file")
    return Document(name, role, source, root)


def spots(document: Document) -> Iterator[Spot]:
    """Yield every key of a document, from top to bottom."""
    yield from _spots(document, document.root, ())


def _spots(document: Document, node: Node, path: TreePath) -> Iterator[Spot]:
    if isinstance(node, Mapping):
        for entry in node:
            here = (*path, entry.name)
            yield Spot(document, here, entry)
            yield from _spots(document, entry.value, here)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from _spots(document, item, (*path, index))


def scalars(document: Document) -> Iterator[tuple[TreePath, Scalar]]:
    """Yield every value that is a scalar, items of lists included."""
    yield from _scalars(document.root, ())


def _scalars(node: Node, path: TreePath) -> Iterator[tuple[TreePath, Scalar]]:
    if isinstance(node, Scalar):
        yield path, node
    elif isinstance(node, Mapping):
        for entry in node:
            yield from _scalars(entry.value, (*path, entry.name))
    else:
        for index, item in enumerate(node.items):
            yield from _scalars(item, (*path, index))
