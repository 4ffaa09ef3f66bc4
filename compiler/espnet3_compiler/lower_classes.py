"""The stage kinds of a System class of the recipe, read from its source without importing it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from espnet3_compiler.disk import exists, is_file, is_folder
from espnet3_compiler.kinds import OPEN
from espnet3_compiler.suggest import nearest
from espnet3_schemas import systems

_DEPTH = 16
_RECEIVES = "context"
_ROOT = "espnet3_runtime.system.System"


@dataclass(frozen=True, slots=True)
class Found:
    """A class that was found: the kinds it runs, and those that it defines itself."""

    kinds: tuple[str, ...]
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a class is no System: a half sentence, a label, and the path that was likely meant."""

    problem: str
    label: str
    near: str | None = None


@dataclass(frozen=True, slots=True)
class _Module:
    name: str
    file: Path
    tree: ast.Module


def find_class(path: str, directory: Path, depth: int = 0) -> Found | Lost:
    """Return the stage kinds of a class.

    Own kinds are its public methods that take ``context``; the others come from its bases. A base
    whose source cannot be found leaves the set open (``*``).

    Args:
        path: The dotted class.
        directory: The recipe directory; it comes before ``sys.path``.
        depth: How many imports and bases were followed already.
    """
    built_in = _built_in(path)
    if built_in:
        return built_in
    module_name, _, name = path.rpartition(".")
    module = _load(module_name, directory)
    if module is None or depth > _DEPTH:
        return _no_module(module_name, name, directory)
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _kinds(node, module, directory, depth)
    imported = _imports(module).get(name)
    if imported:
        return find_class(imported, directory, depth + 1)
    classes = [node.name for node in module.tree.body if isinstance(node, ast.ClassDef)]
    near = nearest(name, classes)
    label = f'{module_name} has no class "{name}"'
    return Lost("does not exist", label, f"{module_name}.{near}" if near else None)


def _built_in(path: str) -> Found | None:
    if path == _ROOT:
        return Found((), ())
    for entry in systems()["systems"].values():
        short = entry["class"].removeprefix("espnet3_runtime.systems.").split(".")[-1]
        if path in (entry["class"], f"espnet3_runtime.systems.{short}"):
            return Found(tuple(entry["kinds"]), ())
    return None


def _kinds(node: ast.ClassDef, module: _Module, directory: Path, depth: int) -> Found | Lost:
    methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
    own = tuple(method.name for method in methods if _is_kind(method))
    inherited = [_base(base, module, directory, depth + 1) for base in node.bases]
    if all(found is None for found in inherited):
        label = "it derives from neither BaseSystem nor ASRSystem"
        return Lost("is no System", label)
    kinds = [kind for found in inherited if found for kind in found.kinds]
    defined = [kind for found in inherited if found for kind in found.own]
    return Found(tuple(dict.fromkeys([*kinds, *own])), tuple(dict.fromkeys([*defined, *own])))


def _base(base: ast.expr, module: _Module, directory: Path, depth: int) -> Found | None:
    """Return what a base contributes: None where it is certainly no System."""
    dotted = ast.unparse(base)
    first, _, rest = dotted.partition(".")
    if dotted in ("object", "ABC", "abc.ABC", "Protocol"):
        return None
    local = any(isinstance(node, ast.ClassDef) and node.name == first for node in module.tree.body)
    start = f"{module.name}.{first}" if local else _imports(module).get(first, first)
    found = find_class(f"{start}.{rest}" if rest else start, directory, depth)
    if isinstance(found, Found):
        return found
    return None if found.problem == "is no System" else Found((OPEN,), ())


def _is_kind(node: ast.FunctionDef) -> bool:
    if node.name.startswith("_") or node.decorator_list:
        return False
    arguments = [*node.args.posonlyargs, *node.args.args]
    return len(arguments) > 1 and arguments[1].arg == _RECEIVES


def _imports(module: _Module) -> dict[str, str]:
    """Return what each imported name of a module stands for."""
    names: dict[str, str] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, module)
            names |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in node.names}
    return names


def _origin(node: ast.ImportFrom, module: _Module) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    if module.file.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def _load(name: str, directory: Path) -> _Module | None:
    for file in _files(name, directory):
        try:
            return _Module(name, file, ast.parse(file.read_bytes()))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return None


def _files(name: str, directory: Path) -> Iterator[Path]:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return
    for root in (directory, *map(Path, sys.path)):
        stem = root.joinpath(*parts)
        yield from (
            file for file in (stem / "__init__.py", stem.with_suffix(".py")) if is_file(file)
        )


def _no_module(module: str, name: str, directory: Path) -> Found | Lost:
    """Report a module that is not there; one that cannot be judged leaves the set open."""
    if any(_files(module, directory)):  # its source is broken, which is not said here
        return Found((OPEN,), ())
    parent, _, last = module.rpartition(".")
    folder = directory.joinpath(*parent.split(".")) if parent else directory
    if not is_folder(folder):
        head, _, tail = module.partition(".")
        near = nearest(head, _modules(directory))
        better = f"{near}.{tail}.{name}" if tail else f"{near}.{name}"
        where = directory / head
        if near is None and not exists(where):
            return Found((OPEN,), ())
        return Lost("does not exist", f'there is no module "{module}"', better if near else None)
    near = nearest(last, _modules(folder))
    prefix = f"{parent}." if parent else ""
    label = f'there is no module "{module}"'
    if near is None and not parent:
        return Found((OPEN,), ())
    return Lost("does not exist", label, f"{prefix}{near}.{name}" if near else None)


def _modules(folder: Path) -> list[str]:
    """Return the names that can be imported from a directory."""
    try:
        entries = [entry for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()]
    except OSError:
        return []
    return sorted({entry.stem for entry in entries if entry.stem.isidentifier()})
