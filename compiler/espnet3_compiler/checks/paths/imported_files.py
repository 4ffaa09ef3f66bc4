"""The files of a recipe that a target needs: its module, and what that imports unconditionally."""

from functools import partial

from espnet3_compiler.signature.definitions import absolute_module
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.locate import ModuleLocation


def imported_files(library: Library, path: str) -> list[str]:
    """Return the files of the recipe that importing a dotted path reads, without packages' own.

    Args:
        library: Reads modules.
        path: The dotted path of a class or function.
    """
    first = _module_of(library, path)
    waiting, seen = [first] if first else [], dict[str, None]()
    while waiting:
        location = waiting.pop(0)
        if location.local and location.kind == "source" and location.shown not in seen:
            seen[location.shown] = None
            key = ("imports of", location.name)  # targets have modules in common
            waiting += library.remember(key, [], partial(_imports_of, library, location))
    return list(seen)


def _module_of(library: Library, path: str) -> ModuleLocation | None:
    parts = path.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    if not all(parts):
        return None
    return next((found for name in names if (found := library.find_module(name))), None)


def _imports_of(library: Library, location: ModuleLocation) -> list[ModuleLocation]:
    imports: list[ModuleLocation] = []
    module = library.module(location)
    for name in module.bindings if module else ():
        for binding in module.bindings[name] if module else ():
            if binding.level != "plain" or binding.kind not in ("import", "module"):
                continue
            source = absolute_module(location, binding.source)
            for dotted in (f"{source}.{binding.value}", source):
                found = library.find_module(dotted) if not dotted.endswith(".") else None
                if found:
                    imports.append(found)
                    break
    return imports
