"""Hashes of the code that a stage can run, found in syntax trees without importing anything.

From the targets of a config the walk follows names, as the interpreter would: a function brings
the functions, classes and constants that it names, in its own file and in other files of the
recipe; importing a file brings whatever acts at import time.  Code that nothing leads to does not
count, nor do comments, layout and docstrings.  Where names cannot be followed (``globals()``, an
import whose name is computed) the whole file, or every file of the recipe, counts.
"""

from collections.abc import Iterable
from pathlib import Path

from espnet3_runtime.code_files import is_local
from espnet3_runtime.code_walk import Code, Walk

__all__ = ["Code", "collect", "is_local"]


def collect(
    roots: Iterable[str],
    base: Path,
    aside: Iterable[Path] = (),
    method: tuple[str, str] | None = None,
) -> Code:
    """Follow dotted names through the files of a recipe.

    Args:
        roots: Names of classes, functions or modules.
        base: The recipe's directory: where ``import`` looks first.
        aside: Directories that hold no code of the recipe (build, exp, data).
        method: A class and the one method of it that is called from outside.
    """
    walk = Walk(base, tuple(aside))
    if method is not None:
        walk.need_method(*method)
    for root in sorted(set(roots)):
        walk.need(tuple(root.split(".")))
    walk.run()
    return walk.code()
