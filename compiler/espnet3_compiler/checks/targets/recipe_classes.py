"""Classes of the recipe's own code, to suggest where an object or another path was meant."""

from collections.abc import Iterable, Iterator

from espnet3_compiler.signature import classes, resolve_name
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation, names_below
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.tree import Mapping

_OTHER_FOLDERS = ("build", "exp", "tests")
_MAX_MODULES = 60
_MAX_DEPTH = 4


def class_paths(library: Library) -> tuple[str, ...]:
    """Return the dotted paths of the classes and functions that the recipe's modules define."""
    return tuple(
        f"{module.name}.{name}"
        for module in recipe_modules(library)
        for name, kind in _definitions(library, module)
        if kind in ("class", "def") and not name.startswith("_")
    )


def recipe_modules(library: Library) -> tuple[ModuleLocation, ...]:
    """Return the modules beside the manifest and below, imported or not; not all of very many."""
    tops = names_below(library.path, library.path.roots[:1])
    found = _modules_below(library, (name for name in tops if name not in _OTHER_FOLDERS), 1)
    return tuple(module for module, _ in zip(found, range(_MAX_MODULES), strict=False))


def _modules_below(library: Library, names: Iterable[str], depth: int) -> Iterator[ModuleLocation]:
    for name in names:
        module = library.find_module(name)
        if module is None or not module.local:
            continue
        if module.file:
            yield module
        if depth < _MAX_DEPTH:
            inner = names_below(library.path, module.folders)
            yield from _modules_below(library, (f"{name}.{item}" for item in inner), depth + 1)


def _definitions(library: Library, module: ModuleLocation) -> Iterator[tuple[str, str]]:
    summary = library.module(module)
    for name, bindings in summary.bindings.items() if summary else ():
        piece = bindings[-1].piece
        if piece is not None:
            yield name, piece.kind


def suited_modules(library: Library, name: str, given: Mapping, other: str) -> tuple[str, ...]:
    """Return the ``nn.Module`` classes of the recipe that take some arguments, the likeliest first.

    Args:
        library: Reads modules.
        name: The parameter that the object is for: a class of a similar name is likelier.
        given: The arguments.
        other: The path of a class that is not meant.
    """
    words = {entry.name for entry in given}
    paths = [path for path in class_paths(library) if path != other]
    suited = [path for path in paths if words and _takes(library, path, words)]
    word = name.replace("_", "").lower()
    return tuple(sorted(suited, key=lambda path: word not in path.replace("_", "").lower()))


def _takes(library: Library, path: str, words: set[str]) -> bool:
    found = resolve_name.find_definition(library, path)
    if not isinstance(found, ClassFound):
        return False
    order = resolve_name.resolution_order(library, found)
    signature = read(library, path)
    if not any(map(classes.is_torch_module, order)) or not isinstance(signature, Signature):
        return False
    missing = {item.name for item in signature.parameters if item.required} - words
    return not missing and words <= set(signature.keywords)
