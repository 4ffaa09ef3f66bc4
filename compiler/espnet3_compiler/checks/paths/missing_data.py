"""Data that are not there and that no stage makes.

Passes: ``data_dir`` that is there; one that ``create_dataset`` or a call may make; a ``Dataset``
that takes no ``data_dir``.
Fails: a ``DatasetBuilder`` that would make the missing ``data_dir``, in a recipe without the stage
``create_dataset``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.targets.datasets import data_modules
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import has_reference
from espnet3_compiler.filesystem import find, is_file, path_exists
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import sample_readers, stage_kind
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.tree import walk_scalars

_MAKER = rb"\bcreate_dataset\b"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R708 at the first stage that would read the data."""
    kinds = [stage_kind(stage) for stage in recipe.stages]
    readers = [stage for stage in recipe.stages if stage_kind(stage) in sample_readers()]
    if not readers or not recipe.complete or recipe.system.own or "create_dataset" in kinds:
        return
    folder = resolved.globals.get("data_dir", "data")
    is_there = has_reference(folder) or path_exists(recipe.directory / folder)
    if is_there or any(stage.call for stage in recipe.stages) or _is_made_beside(recipe):
        return
    if _builder_makes_it(recipe, resolved):
        yield Diagnostic(
            "R708",
            f'there is no "{folder}", and no stage makes it',
            Label(readers[0].name.span, "reads data that are not there"),
            help=(f"add the stage create_dataset before {readers[0].name.value}",),
        )


def _is_made_beside(recipe: Recipe) -> bool:
    """Return whether another manifest of the directory may make the data."""
    files = [path for path in find(recipe.directory, "*.yaml") if path != recipe.source.path]
    return any(re.search(_MAKER, path.read_bytes()) for path in files if is_file(path))


def _builder_makes_it(recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether all data are of the package ``dataset``, which reads and builds data_dir."""
    named = {(folder, str(module.value)) for folder, module in data_modules(recipe, resolved)}
    if named != {(recipe.directory, "dataset")}:
        return False
    trees = list(resolved.configs.values())
    if any("data_dir" in path for tree in trees for path, _ in walk_scalars(tree)):
        return False
    signature = read(recipe.library, "dataset.Dataset")
    builder = find_definition(recipe.library, "dataset.DatasetBuilder")
    takes = isinstance(signature, Signature) and signature.find("data_dir") is not None
    return takes and isinstance(builder, ClassFound)
