"""Texts of ``data_src`` that name neither a module nor a recipe.

Passes: ``data_src: digits/asr``; ``data_src: src.corpus``.
Fails: ``digits.asr``; ``egs3.mini_an4.asr.dataset``; ``dataset/dataset.py``;
``src.corpus.Dataset``; ``/data/corpus``.
"""

from pathlib import Path, PurePosixPath

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.filesystem import is_directory, path_exists
from espnet3_compiler.schema.class_names import dotted_path
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.syntax.provenance import is_fixable
from espnet3_compiler.syntax.tree import Scalar
from espnet3_compiler.syntax.unknown_name import did_you_mean

_OF_ESPNET3 = "egs3."
_EXPECTED = "a module of the recipe, or CORPUS/TASK"
_OF_THE_RECIPE = "the package dataset is taken where data_src is left out"


def misnamed_source(library: Library, source: Scalar) -> Diagnostic | None:
    """Return R501 for a ``data_src`` that is another thing than a module or a recipe.

    Args:
        library: The modules of the recipe itself.
        source: The text.
    """
    text, directory = str(source.value), library.path.folder
    if "/" not in text:
        return _misnamed_module(library, source)
    if _is_recipe(directory, text):
        return None
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~"):
        hint = "give the folder of the data in data_src_args, or as data_dir of the recipe"
        return _finding(source, "is a path, not a module or recipe", None, hint)
    module = _module_at(library, text)
    if module or path.suffix == ".py" or path_exists(directory / text):
        return _finding(source, "is a path, not a module or recipe", module)
    return None


def _misnamed_module(library: Library, source: Scalar) -> Diagnostic | None:
    text, directory = str(source.value), library.path.folder
    if library.find_module(text):
        return None
    beside = "/".join(text.split(".")[1:3])
    if text.startswith(_OF_ESPNET3) and _is_recipe(directory, beside):
        return _finding(source, "is a module of ESPnet3's tree, and there is this recipe", beside)
    beside = text.replace(".", "/", 1)
    if _is_recipe(directory, beside):
        return _finding(source, "is no module, but there is a recipe of this name", beside)
    found = find_definition(library, text) if "." in text else None
    if not isinstance(found, ClassFound):
        return None
    module, _, name = text.rpartition(".")
    if name == "Dataset":
        return _finding(source, "is a class, and data_src names its module", module)
    hint = f"write {module} and name the class Dataset there: Dataset = {name}"
    return _finding(source, "is a class, and data_src names its module", None, hint)


def _is_recipe(directory: Path, name: str) -> bool:
    return "/" in name and is_directory(directory.resolve().parent.parent / name / "dataset")


def _module_at(library: Library, path: str) -> str | None:
    """Return the module of a path of the recipe; None for its package ``dataset``."""
    module = dotted_path(path.rstrip("/")) or path.strip("./")
    return module if library.find_module(module) and module != "dataset" else None


def _finding(
    source: Scalar, problem: str, near: str | None, hint: str = _OF_THE_RECIPE
) -> Diagnostic:
    fix = Fix(f'write "{near}"', (Edit(source.span, quoted_like(source, near)),)) if near else None
    return value_finding(
        "R501",
        f'"{source.value}" {problem}',
        source,
        f"expected {_EXPECTED}",
        advice=did_you_mean(near, hint),
        fix=fix if is_fixable(source) else None,
    )
