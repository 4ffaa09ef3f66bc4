"""Directories of a recipe that are files, or that hold its code; data that nothing makes.

Passes: ``data_dir: corpus``, there or made by ``create_dataset``; ``exp_dir: /scratch/exp``.
Fails: ``exp_dir: recipe.yaml``; ``data_dir: src``; a missing ``data_dir`` that the ``Dataset``
reads, in a recipe with a ``DatasetBuilder`` and without a stage that would run it.
"""

from collections.abc import Iterator
from pathlib import Path

from espnet3_compiler.checks.code.modules import recipe_modules
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.filesystem import is_file, real_path, shown_path
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.tree import Scalar

_BUILD = "build"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R707 for exp_dir and data_dir that cannot be directories of their own."""
    for name in ("exp_dir", "data_dir"):
        node, value = recipe.globals.get(name), resolved.globals.get(name, "")
        written = isinstance(node, Scalar) and not node.span.source.holds_defaults
        if isinstance(node, Scalar) and written and value and not has_reference(value):
            yield from _check_directory(name, node, Path(value), recipe, resolved)


def _check_directory(
    name: str, node: Scalar, value: Path, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    path = recipe.directory / value
    file = next((item for item in (path, *path.parents) if is_file(item)), None)
    folder, build = real_path(path), real_path(recipe.directory / _BUILD)
    if file is not None:
        label, message = "not a directory", f'{name} is "{value}", and {shown_path(file)} is a file'
    elif folder.is_relative_to(build):
        label = "replaced by every compile"
        message = f'{name} is "{value}", which lies in the build of the recipe'
    elif folder in _folders_of_code(recipe, resolved, beside_data=name == "data_dir"):
        label = "code of the recipe lies here"
        message = f'{name} is "{value}", where the recipe has its own files'
    else:
        return
    advice = (f"give it a directory of its own, for example {name}: {name.partition('_')[0]}",)
    yield value_finding("R707", message, node, label, advice=advice)


def _folders_of_code(recipe: Recipe, resolved: Resolved, *, beside_data: bool) -> set[Path]:
    """Return the folders below the recipe in which its modules and configs lie.

    Args:
        recipe: The recipe.
        resolved: The values of its configs.
        beside_data: Whether those may lie beside the package ``dataset``, which reads them.
    """
    found = recipe_modules(recipe, resolved)
    modules = [
        Path(module.file.name)
        for module in found
        if not (beside_data and module.location.name.partition(".")[0] == "dataset")
    ]
    files = [config.file.value for config in recipe.configs if config.file]
    configs = [recipe.directory / str(file) for file in files]
    folders = {real_path(file).parent for file in (*modules, *configs)}
    return folders - {real_path(recipe.directory)}
