"""The trees that hold references and that references lead to, by owner."""

from collections.abc import Mapping as MappingABC

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.expressions.nodes import MATRIX
from espnet3_compiler.manifest.recipe import Composed, Recipe
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Path, Scalar

GLOBALS: Path = ("globals",)
DATA_DIR: Path = ("data_dir",)
"""Where the data lie is a matter of the machine that runs the stages."""

Roots = dict[Path, Mapping]


def collect_roots(recipe: Recipe, configs: MappingABC[str, Composed]) -> Roots:
    """Return all trees by owner, in the order in which they are resolved and reported."""
    constants = (_named_entry("recipe", recipe.name), _named_entry("recipe_dir", _constant(".")))
    settings = Mapping((*constants, *recipe.globals.entries), recipe.globals.span)
    roots: Roots = {GLOBALS: settings}
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
    return roots | {(MATRIX, *owner): row for owner, row in recipe.rows.items()}


def display_path(owner: Path, path: Path) -> str:
    """Return how messages call a node, for example ``training.optimizer.lr``."""
    return ".".join(str(step) for step in (*owner[1:], *path))


def _named_entry(name: str, node: Node) -> Entry:
    return Entry(_constant(name), node)


def _constant(text: str) -> Scalar:
    return Scalar(text, Span(Source("the manifest's names", text, "schema"), 0, len(text)))
