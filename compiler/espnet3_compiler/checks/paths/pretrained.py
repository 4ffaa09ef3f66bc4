"""Directories that ``from_pretrained`` of Hugging Face's libraries reads.

Passes: ``pretrained_model_name_or_path: models/small`` where the recipe has that directory; the
name of a repository on the hub, such as ``facebook/wav2vec2-base``; what a stage makes; absolute
paths.
Fails: ``pretrained_model_name_or_path: ./model`` or ``modles/small`` where there is none.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.checks.paths.files import leaves_root, produced_paths
from espnet3_compiler.checks.targets.nodes import TargetNode, find_targets
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.filesystem import find, path_exists
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Node, Scalar, Sequence
from espnet3_schemas import TARGET

_METHOD = ".from_pretrained"
_NAME = "pretrained_model_name_or_path"
_CONFIGS = ("config.json", "preprocessor_config.json", "tokenizer_config.json")
"""Files by which a directory of Hugging Face's libraries is known."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R701 for directories that the recipe does not have."""
    made = produced_paths(recipe, resolved)
    yield from first_per_location(
        found
        for target in find_targets(recipe, resolved)
        if (name := _pretrained_name(target)) is not None
        for found in _check_name(name, recipe.directory, made)
    )


def _pretrained_name(target: TargetNode) -> Scalar | None:
    path, given = target.node.get(TARGET), target.node.get(_NAME)
    if not isinstance(path, Scalar) or not str(path.value).endswith(_METHOD):
        return None
    args = target.node.get("_args_")
    first: Node | None = args.items[0] if isinstance(args, Sequence) and args.items else None
    name = given if given is not None else first
    known = isinstance(name, Scalar) and isinstance(name.value, str) and not is_unresolved(name)
    return name if known and isinstance(name, Scalar) else None


def _check_name(
    name: Scalar, directory: Path, made: AbstractSet[PurePosixPath]
) -> Iterator[Diagnostic]:
    text = str(name.value)
    path = PurePosixPath(text)
    inside = not leaves_root(path) and made.isdisjoint((path, *path.parents))
    if not inside or text.startswith("~") or path_exists(directory / path):
        return
    known = _known_directories(directory)
    if closest_match(str(path), known) or not _may_be_on_hub(text, directory):
        yield unknown_value(
            "R701",
            f'the recipe has no directory "{text}"',
            name,
            known,
            label="does not exist",
            hints=("paths start at the recipe directory; a name on the hub is OWNER/NAME",),
        )


def _may_be_on_hub(text: str, directory: Path) -> bool:
    """Return whether a text has the form OWNER/NAME or NAME, and means nothing in the recipe."""
    parts = PurePosixPath(text).parts
    known = path_exists(directory / parts[0]) if parts else True
    return not text.startswith(".") and len(parts) <= len(("OWNER", "NAME")) and not known


def _known_directories(directory: Path) -> list[str]:
    found = {
        file.parent.relative_to(directory).as_posix()
        for name in _CONFIGS
        for pattern in (f"*/{name}", f"*/*/{name}")
        for file in find(directory, pattern)
    }
    return sorted(found)
