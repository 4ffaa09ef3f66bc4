"""Read modules of a recipe, or beside it, as text, and follow their imports."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.filesystem import is_file
from espnet3_compiler.syntax.read import load_source

MAX_STEPS = 20


class ParsedModule(Struct, frozen=True):
    """A module as text.

    Attributes:
        name: Its dotted name, as the recipe imports it.
        tree: Its syntax tree.
        source: Its text.
    """

    name: str
    tree: ast.Module
    source: Source

    def span(self, node: ast.AST) -> Span:
        """Return where a node begins."""
        lines = self.source.text.splitlines(keepends=True)
        start = sum(map(len, lines[: getattr(node, "lineno", 1) - 1]))
        return Span(self.source, start, start)

    def assigned(self, name: str, before: ast.expr | None = None) -> ast.expr | None:
        """Return the value of the last assignment to a name, at any depth, above an expression."""
        found = None
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                is_above = before is None or node.lineno < before.lineno
                if is_above and any(isinstance(x, ast.Name) and x.id == name for x in targets):
                    found = node.value
        return found

    def imported_path(self, text: str) -> str:
        """Return the dotted path that a name or attribute refers to."""
        first, _, rest = text.partition(".")
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = self._from(node)
                for alias in node.names:
                    if (alias.asname or (alias.name if module else None)) == first:
                        return ".".join(filter(None, (module, alias.name, rest)))
        return text

    def _from(self, node: ast.Import | ast.ImportFrom) -> str | None:
        if isinstance(node, ast.Import):
            return None
        above = self.name.split(".")[: -node.level] if node.level else []
        return ".".join(filter(None, (*above, node.module)))


class ModuleFinder(Struct, frozen=True):
    """Finds modules: those of the recipe, in the folders above it, and on Python's path.

    Attributes:
        directory: The recipe.
    """

    directory: Path

    def read(self, name: str) -> ParsedModule | None:
        """Return a module by its dotted name, or None."""
        for root, below in self._places(name):
            for file in (f"{below}.py", f"{below}/__init__.py"):
                if is_file(root / file):
                    return read_module(root / file, file, root, name)
        return None

    def _places(self, name: str) -> Iterator[tuple[Path, str]]:
        own = f"egs3.{self.directory.parent.name}.{self.directory.name}.".replace("-", "_")
        yield self.directory, name.removeprefix(own).replace(".", "/")
        for root in (*self.directory.parents, *(Path(entry or ".") for entry in sys.path)):
            yield root, name.replace(".", "/")

    def find_class(
        self, module: ParsedModule, text: str
    ) -> tuple[ast.ClassDef, ParsedModule] | str:
        """Return the class that a name in a module refers to, or its dotted path if unreadable."""
        found = self._find_definition(module, text)
        if isinstance(found, str):
            return found
        return (found[0], found[1]) if isinstance(found[0], ast.ClassDef) else text

    def find_function(
        self, module: ParsedModule, text: str
    ) -> tuple[ast.FunctionDef, ParsedModule] | None:
        """Return the function that a name in a module refers to; None if it cannot be read."""
        found = self._find_definition(module, text)
        if isinstance(found, str) or not isinstance(found[0], ast.FunctionDef):
            return None
        return found[0], found[1]

    def _find_definition(
        self, module: ParsedModule, text: str
    ) -> tuple[ast.ClassDef | ast.FunctionDef, ParsedModule] | str:
        for _ in range(MAX_STEPS):
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == text:
                    return node, module
            path = module.imported_path(text)
            name, _, text = path.rpartition(".")
            found = self.read(name) if name else None
            if found is None:
                return path
            module = found
        return text


def read_module(path: Path, name: str, root: Path, dotted: str) -> ParsedModule | None:
    """Read a file of Python; None where it cannot be read.

    Args:
        path: The file.
        name: Its name in reports.
        root: The folder that it must lie in.
        dotted: The name of the module.
    """
    source, wrong = load_source(path, name, root)
    if source is None or wrong:
        return None
    try:
        return ParsedModule(dotted, ast.parse(source.text), source)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
