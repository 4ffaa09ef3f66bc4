"""The modules of a recipe's search path, read as texts and remembered."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet3_compiler.signature import cache, locate, module_summary, split_source
from espnet3_compiler.signature.locate import ModuleLocation, SearchPath
from espnet3_compiler.signature.module_summary import ClassSummary, FunctionSummary, ModuleSummary
from espnet3_compiler.signature.split_source import ModuleText, Piece


@dataclass
class ModuleFile:
    """A Python file and what was read of it so far.

    Attributes:
        name: Its absolute path.
        stamp: Its size and time of change when it was read.
        key: The SHA-256 of its content.
        content: Its bytes.
        module: Its bindings; None when it is not Python.
        wrong: The line at which it is not Python, and what Python says.
        functions: Summaries by piece.
        classes: Summaries by piece.
        changed: Whether there is something that the cache does not have.
    """

    name: str
    stamp: tuple[int, int]
    key: str
    content: bytes
    module: ModuleSummary | None = None
    wrong: tuple[int, str] | None = None
    functions: dict[Piece, FunctionSummary] = field(default_factory=dict)
    classes: dict[Piece, ClassSummary] = field(default_factory=dict)
    changed: bool = False
    _text: ModuleText | None = None

    @property
    def text(self) -> ModuleText:
        """The decoded text."""
        if self._text is None:
            decoded = self.content.decode("utf-8-sig", errors="replace")
            self._text = ModuleText(decoded.replace("\r\n", "\n").replace("\r", "\n"))
        return self._text


_FILES: dict[str, ModuleFile] = {}
"""Files that this process has read; a changed stamp makes it read again."""


@dataclass
class Library:
    """What can be found from a recipe: one for each compilation.

    Attributes:
        path: Where modules are looked for.
        folder: The cache folder, or None.
    """

    path: SearchPath
    folder: Path | None = None
    _places: dict[str, ModuleLocation | None] = field(default_factory=dict, repr=False)
    _files: dict[str, ModuleFile | None] = field(default_factory=dict, repr=False)
    memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def place(self, name: str) -> ModuleLocation | None:
        """Return where a module is, or None."""
        if name not in self._places:
            parent, _, last = name.rpartition(".")
            if not parent:
                self._places[name] = locate.find_top(self.path, name)
            else:
                above = self.place(parent)
                self._places[name] = above and locate.find_below(self.path, above, last)
        return self._places[name]

    def file(self, place: ModuleLocation) -> ModuleFile | None:
        """Return the file of a module; None without a text or when it cannot be read."""
        if place.file not in self._files:
            self._files[place.file] = _open_file(place, self.folder) if place.file else None
        return self._files[place.file]

    def module(self, place: ModuleLocation) -> ModuleSummary | None:
        """Return the bindings of a module; None when it has no text or is not Python."""
        file = self.file(place)
        return file.module if file else None

    def function(self, place: ModuleLocation, piece: Piece) -> FunctionSummary | None:
        """Return the summary of a ``def``; None when it is not Python."""
        file = self.file(place)
        if file is None:
            return None
        if piece not in file.functions:
            from espnet3_compiler.signature import extract

            try:
                file.functions[piece] = extract.function(file.text, piece)
            except (SyntaxError, ValueError, RecursionError):
                return None
            file.changed = True
        return file.functions[piece]

    def class_(self, place: ModuleLocation, piece: Piece) -> ClassSummary | None:
        """Return the summary of a ``class``; None when it is not Python."""
        file = self.file(place)
        if file is None:
            return None
        if piece not in file.classes:
            from espnet3_compiler.signature import extract

            try:
                file.classes[piece] = extract.class_(file.text, piece)
            except (SyntaxError, ValueError, RecursionError):
                return None
            file.changed = True
        return file.classes[piece]

    def flush(self) -> None:
        """Write to the cache what it does not have yet."""
        changed = [file for file in self._files.values() if file and file.changed]
        if self.folder is None or not changed:
            return
        for file in changed:
            facts = {
                "module": file.module,
                "wrong": file.wrong,
                "functions": [[piece, item] for piece, item in file.functions.items()],
                "classes": [[piece, item] for piece, item in file.classes.items()],
            }
            cache.save(self.folder, file.name, file.key, len(file.content), facts)
            file.changed = False
        cache.prune(self.folder)


def open_library(recipe: Path, folder: Path | None = None) -> Library:
    """Return the library of a recipe directory, with ``sys.path`` after it."""
    return Library(locate.search_path(recipe), folder)


def default_folder() -> Path | None:
    """Return the cache folder of this user; None where nothing shall be kept."""
    return cache.default_folder(os.environ)


def _open_file(place: ModuleLocation, folder: Path | None) -> ModuleFile | None:
    name = place.file
    try:
        stat = os.stat(name)  # noqa: PTH116  called for every file of every recipe
        stamp = (stat.st_size, stat.st_mtime_ns)
        known = _FILES.get(name)
        if known and known.stamp == stamp:
            return known
        content = Path(name).read_bytes()
    except OSError:
        return None
    file = ModuleFile(name, stamp, cache.digest(content), content)
    if not (folder and _load_summaries(file, folder)):
        _index_file(file, whole=place.local)
    _FILES[name] = file
    return file


def _index_file(file: ModuleFile, *, whole: bool) -> None:
    """Read the bindings of a file; one of the recipe is parsed whole, to find its mistakes."""
    from espnet3_compiler.signature import module_index

    try:
        if whole:
            split_source.parse_module(file.text.text)
        file.module = module_index.index(file.text)
    except SyntaxError as error:
        file.wrong = (error.lineno or 1, error.msg)
    except (ValueError, RecursionError) as error:
        file.wrong = (1, str(error))
    file.changed = True


def _load_summaries(file: ModuleFile, folder: Path) -> bool:
    record = cache.load(folder, file.name, file.key, len(file.content))
    if record is None:
        return False
    try:
        module, wrong = record["module"], record["wrong"]
        file.functions = {
            Piece(*key): module_summary.read_function(row) for key, row in record["functions"]
        }
        file.classes = {
            Piece(*key): module_summary.read_class(row) for key, row in record["classes"]
        }
        file.module = module and module_summary.read_module(module)
        file.wrong = wrong and (wrong[0], wrong[1])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return True
