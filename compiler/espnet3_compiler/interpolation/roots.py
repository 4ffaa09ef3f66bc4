"""The trees that references stand in and lead to, each with a name."""

from collections.abc import Mapping as MappingABC

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.manifest.recipe import Composed, Recipe
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar

GLOBALS: Path = ("globals",)

Roots = dict[Path, Mapping]


def collect_roots(recipe: Recipe, configs: MappingABC[str, Composed]) -> Roots:
    """Return all trees by owner, in the order in which they are resolved and reported."""
    roots: Roots = {GLOBALS: _globals_tree(recipe)}
    for model in recipe.models:
        roots["models", str(model.name.value)] = model.node
    for name, config in configs.items():
        roots["configs", name] = config.node
    for stage in recipe.stages:
        parts: list[tuple[str, Node | None]] = [
            ("with", stage.arguments if stage.call else None),
            ("outputs", stage.outputs if stage.call else None),
            ("init_from", stage.init_from),
        ]
        entries = [_named_entry(name, node) for name, node in parts if node is not None]
        if entries or stage.call:
            roots["stages", str(stage.name.value)] = Mapping(tuple(entries), stage.node.span)
    rows: Roots = {(MATRIX, *owner): row for owner, row in recipe.rows.items()}
    return {**roots, **rows}


def display_path(owner: Path, path: Path) -> str:
    """Return how a place is called in messages, for example ``training.optimizer.lr``."""
    steps = [*owner[1:], *path]
    return ".".join(str(step) for step in steps)


def _globals_tree(recipe: Recipe) -> Mapping:
    constants = (
        Entry(_key_scalar("recipe"), recipe.name),
        _named_entry("recipe_dir", _constant_scalar(".")),
    )
    return Mapping((*constants, *recipe.globals.entries), recipe.globals.span)


def _named_entry(name: str, node: Node) -> Entry:
    return Entry(_key_scalar(name), node)


def _key_scalar(name: str) -> Scalar:
    return Scalar(name, Span(Source("the manifest's names", name, "schema"), 0, len(name)))


def _constant_scalar(text: str) -> Scalar:
    return Scalar(text, Span(Source("the manifest's names", text, "schema"), 0, len(text)))
