"""Targets that exist and are no classes or functions: methods of objects, and modules."""

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.signature import resolve_name
from espnet3_compiler.signature.definitions import ClassFound, FunctionFound, ModuleFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Scalar

_MAX_CLASSES = 3


def method_of_objects(path: Scalar, library: Library) -> Diagnostic | None:
    """R505: a method that is called on an object, which a target does not have; None for others."""
    found = resolve_name.find_definition(library, str(path.value))
    if not isinstance(found, FunctionFound) or found.owner is None:
        return None
    function = library.function(found.location, found.pieces[-1])
    if function is None or function.decorators:
        return None
    if [item.name for item in function.params[:1]] != ["self"]:
        return None
    owner = str(path.value).rpartition(".")[0]
    message = f'"{path.value}" is a method of objects, not a class or function'
    advice = (f'write the class, "{owner}", or a function that makes an object and calls it',)
    return value_finding("R505", message, path, "needs an object", advice=advice)


def classes_inside(path: Scalar, library: Library) -> tuple[str, ...]:
    """Return the paths of the classes that a module of the recipe defines, at most three."""
    found = resolve_name.find_definition(library, str(path.value))
    if not isinstance(found, ModuleFound) or not found.location.local:
        return ()
    module = library.module(found.location)
    paths = (f"{path.value}.{name}" for name in (module.bindings if module else ()))
    own = [
        item
        for item in paths
        if isinstance(inner := resolve_name.find_definition(library, item), ClassFound)
        and inner.location == found.location
    ]
    return tuple(own[:_MAX_CLASSES])
