"""The recipe's own code: copy it into a bundle, and check that none of it is missing there."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.build.model_node import TASK, is_task
from espnet3_runtime.build.recipe_globs import select_files
from espnet3_runtime.config import ConfigView, iter_leaves
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.code_module import is_local
from espnet3_runtime.incremental.code_walk import Code, collect_code
from espnet3_schemas import TARGET


def copy_code(recipe_dir: Path, pack: ConfigView, target: Path) -> list[str]:
    """Copy the files that the globs select; return their names, relative to the recipe.

    Args:
        recipe_dir: The recipe's directory.
        pack: The block with ``include``, globs of the files to copy, and ``exclude``, globs of
            files among them that are left out.
        target: The directory to copy into.

    Raises:
        UserError: A glob leaves the recipe.
    """
    names = sorted(
        set(
            select_files(
                recipe_dir, pack["include"], pack["exclude"], where=f"{pack.where}.include"
            )
        )
    )
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recipe_dir / name, target / name)
    return names


def collect_targets(*nodes: Mapping[str, Any] | None) -> list[str]:
    """Return every ``_target_`` in the nodes, and the ``task`` of a model, each once."""
    found = (
        leaf
        for node in nodes
        if node is not None
        for path, leaf in iter_leaves(node)
        if isinstance(leaf, str)
        and (path.rpartition(".")[2] == TARGET or (path == TASK and is_task(node)))
    )
    return list(dict.fromkeys(found))


def check_code(recipe_dir: Path, targets: Iterable[str], packed: Sequence[str]) -> Code:
    """Check that all code that the targets lead to is packed, and the files that it names.

    Args:
        recipe_dir: The recipe's directory.
        targets: Dotted paths in the configs of the bundle.
        packed: Names of the packed files, relative to the recipe.

    Raises:
        UserError: Some files are not packed; the message names them all.
    """
    code = collect_code([target for target in targets if is_local(target, recipe_dir)], recipe_dir)
    missing = sorted(set(code.modules) - set(packed))
    if missing:
        raise UserError(
            f"the bundle would lack code that it runs: {', '.join(missing)}",
            where="pack_model.include",
            hint="add it to include, or take it out of exclude",
        )
    files = sorted(set(_named_files(recipe_dir, code, packed)))
    if files:
        raise UserError(
            f"the code of the bundle opens files that would not be inside: {', '.join(files)}",
            where="pack_model.include",
            hint="give the path as an argument in the config, which packs the file, or open it "
            "relative to __file__ and include it",
        )
    return code


def _named_files(recipe_dir: Path, code: Code, packed: Sequence[str]) -> Iterator[str]:
    """Yield files of the recipe that string constants name and that a moved bundle cannot find."""
    for text, directory in code.texts:
        relative = not text.startswith(("/", "~")) and text.isprintable()
        if not relative or "." not in text or text.endswith(".py"):
            continue
        beside = directory / text
        # Unlike Path.is_file, this is false for texts that are too long for a name.
        if os.path.isfile(beside) and beside.is_relative_to(recipe_dir):  # noqa: PTH113
            name = os.path.relpath(beside, recipe_dir)  # "src/../a.txt" is "a.txt"
            if name not in packed:
                yield name
        elif "/" in text and os.path.isfile(recipe_dir / text):  # noqa: PTH113
            yield text
