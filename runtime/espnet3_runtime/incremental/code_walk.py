"""Follow names through the code of a recipe: what counts is hashed, unused code is not."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from espnet3_runtime.incremental.code_module import (
    Imported,
    Module,
    Parts,
    Statement,
    locate_module,
    only_method,
    read_module,
)
from espnet3_runtime.incremental.hashing import iter_files
from espnet3_runtime.incremental.held_code import outside_root, read_code


@dataclass(frozen=True, slots=True)
class Code:
    """The code that counts.

    Attributes:
        modules: Digest of the code that counts, by path of the file.
        texts: String constants of that code, each with the directory of its file.
        packages: Top-level packages with a version that the code uses.
    """

    modules: dict[str, str]
    texts: frozenset[tuple[str, Path]]
    packages: frozenset[str]


@dataclass
class _CodeWalk:
    """The state of one walk."""

    base: Path
    aside: tuple[Path, ...]
    outside: bool
    _names: dict[str, Module | None] = field(default_factory=dict)
    _included: dict[str, set[int]] = field(default_factory=dict)
    _queue: list[tuple[str, int]] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _packages: set[str] = field(default_factory=set)
    _texts: set[tuple[str, Path]] = field(default_factory=set)
    _unparsed: set[Path] = field(default_factory=set)
    _located: dict[Parts, Path | None] = field(default_factory=dict)
    _reduced: dict[tuple[str, int], Statement] = field(default_factory=dict)
    _hooks: bool = False

    def need_dotted_name(self, parts: Parts) -> None:
        """Count the object of an absolute dotted name."""
        module, rest = self._split(parts)
        if module is None:
            self._packages.add(parts[0])
            return
        self._visit_module(module)
        if rest:
            self._need_symbol(module, rest)
        else:
            self._need_module(module)

    def need_method(self, owner: str, method: str) -> None:
        """Count a class as far as one of its methods reaches."""
        parts = tuple(owner.split("."))
        name, rest = self._split(parts)
        if name is not None:
            self._visit_module(name)
        module = self._names.get(name or "")
        indices = module.bindings.get(rest[0], ()) if module and len(rest) == 1 else ()
        if name is None or module is None or len(indices) != 1:
            self.need_dotted_name(parts)
            return
        statement = module.statements[indices[0]]
        reduced = only_method(statement, self._package_name(name), method)
        self._reduced[name, indices[0]] = reduced
        self._follow(name, reduced)

    def run(self) -> None:
        """Follow the statements that count until no new one turns up."""
        while self._queue or self._include_subclasses():
            name, index = self._queue.pop()
            module = self._names[name]
            assert module is not None
            self._follow(name, module.statements[index])

    def code(self) -> Code:
        """Return the code that counts."""
        modules = {}
        for name, indices in self._included.items():
            module = self._names[name]
            statements = [module.statements[index] for index in sorted(indices)] if module else []
            statements += [
                reduced for (owner, _), reduced in self._reduced.items() if owner == name
            ]
            if statements:
                digests = "".join(statement.digest for statement in statements)
                file = self._recipe_path(self._file(name))
                modules[file] = hashlib.sha256(digests.encode()).hexdigest()
        for path in self._unparsed:
            modules[self._recipe_path(path)] = hashlib.sha256(read_code(path)).hexdigest()
        return Code(modules, frozenset(self._texts), frozenset(self._packages))

    def _follow(self, name: str, statement: Statement) -> None:
        inner: dict[str, list[Imported]] = {}
        for bound, found in statement.imports:
            inner.setdefault(bound, []).append(found)
            self._visit_import(found)
        for chain in statement.chains:
            for found in inner.get(chain[0], ()):
                self._need_import(found, chain[1:])
            if chain[0] not in inner:
                self._need_name(name, chain)
        for found in (found for bound, found in statement.imports if bound == found.module):
            self.need_dotted_name(tuple(found.module.split(".")))
        directory = self._file(name).parent
        self._texts.update((text, directory) for text in statement.texts)
        if statement.uses_all:
            self._need_module(name)
        if statement.imports_any:
            self._need_all_files(name)

    def _need_name(self, name: str, chain: Parts) -> None:
        """Count the object of a chain of names used in a module; unknown names are local."""
        module = self._names[name]
        assert module is not None
        if chain[0] in module.bindings or chain[0] in module.imports:
            self._need_symbol(name, chain)
            return
        for star in module.stars:
            target, rest = self._split(tuple(star.split(".")))
            if target is None:
                self._packages.add(star.partition(".")[0])
            elif not rest and self._defines_symbol(target, chain[0]):
                self._need_symbol(target, chain)

    def _need_symbol(self, name: str, rest: Parts) -> None:
        if (name, ".".join(rest)) in self._seen:
            return
        self._seen.add((name, ".".join(rest)))
        module = self._names[name]
        if module is None:
            return  # its bytes are hashed
        indices = module.bindings.get(rest[0], ())
        found = module.imports.get(rest[0])
        for index in indices:
            self._include_statement(name, index)
        if found is not None:
            self._need_import(found, rest[1:])
        if found is None and not indices:
            before = len(self._seen)
            self._need_name(name, rest)
            if len(self._seen) == before:
                self._need_module(name)

    def _need_import(self, found: Imported, rest: Parts) -> None:
        parts = _parts_of(found)
        self.need_dotted_name((*(parts[:1] if found.chained else parts), *rest))

    def _need_module(self, name: str) -> None:
        module = self._names.get(name)
        for index in range(len(module.statements) if module else 0):
            self._include_statement(name, index)
        for found in module.imports.values() if module else ():
            if found.attribute is not None:
                self._need_import(found, ())

    def _need_all_files(self, name: str) -> None:
        inside = self._file(name).is_relative_to(self.base)
        package = self._file(name.partition(".")[0])
        top = self.base if inside else package.parent if package.stem == "__init__" else package
        found = iter_files(top, {str(folder) for folder in self.aside}.__contains__)
        self._unparsed.update(top / file for file, _ in found if file.endswith(".py"))

    def _include_statement(self, name: str, index: int) -> None:
        if index not in self._included[name]:
            self._included[name].add(index)
            self._queue.append((name, index))

    def _visit_module(self, name: str) -> None:
        """Count the effects of importing a module and the packages around it."""
        if name in self._names:
            return
        parent = name.rpartition(".")[0]
        if parent:
            self._visit_module(parent)
        file = self._file(name)
        self._names[name] = module = self._read(file, name)
        self._included[name] = set()
        if module is None:
            return
        for index in module.always:
            self._include_statement(name, index)
        for found in (*module.imports.values(), *(Imported(star) for star in module.stars)):
            self._visit_import(found)
        if any(statement.has_hook for statement in module.statements):  # any class may register
            self._hooks = True

    def _visit_import(self, found: Imported) -> None:
        module, _ = self._split(_parts_of(found))
        if module is not None:
            self._visit_module(module)

    def _include_subclasses(self) -> bool:
        """Count all derived classes where some class has ``__init_subclass__``."""
        for name, module in self._names.items() if self._hooks else ():
            for index, statement in enumerate(module.statements if module else ()):
                if statement.bases and (name, index) not in self._reduced:
                    self._include_statement(name, index)
        return bool(self._queue)

    def _defines_symbol(self, name: str, symbol: str) -> bool:
        self._visit_module(name)
        module = self._names[name]
        return module is not None and (
            symbol in module.bindings or symbol in module.imports or bool(module.stars)
        )

    def _read(self, file: Path, name: str) -> Module | None:
        if file.is_dir():
            return Module()
        if file.suffix == ".py":
            module = read_module(file, self._package_name(name))
            if module is not None:
                return module
        self._unparsed.add(file)
        return None

    def _package_name(self, name: str) -> str:
        """Return the name by which relative imports in a module are understood."""
        return f"{name}.__init__" if self._file(name).name == "__init__.py" else name

    def _split(self, parts: Parts) -> tuple[str | None, Parts]:
        """Return the longest prefix that is a module of the recipe, and the rest."""
        count = 0
        while count < len(parts) and self._locate(parts[: count + 1]) is not None:
            count += 1
        return (".".join(parts[:count]) if count else None), parts[count:]

    def _file(self, name: str) -> Path:
        file = self._locate(tuple(name.split(".")))
        assert file is not None
        return file

    def _locate(self, parts: Parts) -> Path | None:
        if parts not in self._located:
            root = None if locate_module(self.base, parts[:1]) else self._outside_root(parts[0])
            self._located[parts] = locate_module(root or self.base, parts)
        return self._located[parts]

    def _recipe_path(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.base)).as_posix()

    def _outside_root(self, package: str) -> Path | None:
        return outside_root(package) if self.outside else None


def _parts_of(found: Imported) -> Parts:
    attribute = () if found.attribute in (None, "*") else (str(found.attribute),)
    return (*found.module.split("."), *attribute)


def collect_code(
    roots: Iterable[str],
    base: Path,
    aside: Iterable[Path] = (),
    method: tuple[str, str] | None = None,
    *,
    outside: bool = False,
) -> Code:
    """Follow dotted names through the files of a recipe.

    Args:
        roots: Names of classes, functions or modules.
        base: The recipe's directory: where ``import`` looks first.
        aside: Directories that hold no code of the recipe (build, exp, data).
        method: A class and the one method of it that is called from outside.
        outside: Follow packages without a fixed version, too.
    """
    walk = _CodeWalk(base, tuple(aside), outside)
    if method is not None:
        walk.need_method(*method)
    for root in sorted(set(roots)):
        walk.need_dotted_name(tuple(root.split(".")))
    walk.run()
    return walk.code()
