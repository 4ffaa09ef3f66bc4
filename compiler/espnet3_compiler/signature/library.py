"""Read the modules that a recipe can import as text, each once, and keep their summaries."""

import ast
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeVar

from espnet3_compiler.diagnostics.source import Source, Span, line_span
from espnet3_compiler.filesystem import NO_BUFFERS, Buffers, buffer_of, read_bytes, shown_path
from espnet3_compiler.signature import cache, locate, module_summary, split_source
from espnet3_compiler.signature.flow import FunctionNode
from espnet3_compiler.signature.locate import ModuleLocation, SearchPath
from espnet3_compiler.signature.module_summary import (
    ClassSummary,
    CodeCall,
    FileSummary,
    FunctionSummary,
    Import,
    ModuleSummary,
    SyntaxMistake,
    UnboundName,
)
from espnet3_compiler.signature.split_source import ModuleText, Piece

T = TypeVar("T")


UNSAVED = (-1, -1)
"""The stamp of a text that stands in no file."""


class ModuleFile:
    """A Python file and the summaries that were read of it so far.

    Attributes:
        name: Its absolute path.
        stamp: Its size in bytes and its time of change in nanoseconds; ``UNSAVED`` for a text of
            an editor.
        key: The digest of its content.
        content: Its bytes.
        module: Its bindings; None when it is not Python.
        wrong: Its syntax error.
        imports: Its imports, where it belongs to a recipe.
        unbound: The names in it that nothing defines, likewise.
        names_wrong: What Python says about its names, likewise, where they are at odds.
        calls: The calls in it whose callee is certain, likewise.
        functions: Summaries by piece.
        classes: Summaries by piece.
        changed: Whether there are summaries that the cache does not have.
    """

    def __init__(self, name: str, stamp: tuple[int, int], key: str, content: bytes) -> None:
        self.name = name
        self.stamp = stamp
        self.key = key
        self.content = content
        self.module: ModuleSummary | None = None
        self.wrong: SyntaxMistake | None = None
        self.imports: tuple[Import, ...] = ()
        self.unbound: tuple[UnboundName, ...] = ()
        self.names_wrong: SyntaxMistake | None = None
        self.calls: tuple[CodeCall, ...] = ()
        self.functions: dict[Piece, FunctionSummary] = {}
        self.classes: dict[Piece, ClassSummary] = {}
        self.changed = False
        self._source: Source | None = None

    @property
    def source(self) -> Source:
        """The file as reports show it from the working directory; one object for all of them."""
        path = Path(self.name)
        shown = shown_path(path)
        if self._source is None or self._source.name != shown:
            self._source = Source(shown, self.text.text, "file", path)
        return self._source

    @property
    def summary(self) -> FileSummary:
        """What is kept of it."""
        return FileSummary(
            *(self.module, self.wrong, self.imports, self.unbound, self.names_wrong, self.calls),
            tuple(self.functions.items()),
            tuple(self.classes.items()),
        )

    def function_node(self, piece: Piece) -> FunctionNode:
        """Return the tree of a function, parsed once; its line 2 is the piece's first."""
        return split_source.function_node(self.text, piece)

    def span_of(self, line: int, word: str) -> Span:
        """Return where a word stands in a line, from 1: for example the name of a method."""
        column = self.source.line_text(line).find(word) + 1
        return line_span(self.source, line, column, len(word))

    def expression_span(self, item: ast.expr, word: str = "", shift: int = 0) -> Span:
        """Return where an expression stands: its first line, or the word that ends it.

        Args:
            item: The expression.
            word: Its last word, for example the name of an attribute; empty for all of its line.
            shift: What its lines lack to those of the file.
        """
        line = ((item.end_lineno if word else item.lineno) or item.lineno) + shift
        text = self.source.line_text(line).encode()
        whole = word or item.end_lineno == item.lineno
        before = text[: item.end_col_offset if whole else len(text)].decode(errors="replace")
        start = text[: item.col_offset].decode(errors="replace")
        first = len(before) - len(word) if word else len(start)
        return line_span(self.source, line, first + 1, len(before) - first)

    @cached_property
    def tree(self) -> ast.Module:
        """The whole tree, parsed once.

        Raises:
            SyntaxError: The text is not Python.
        """
        return split_source.parse_module(self.text.text)

    @property
    def text(self) -> ModuleText:
        """The decoded text; one object for all files with the same content."""
        return _decode(self.content)


@lru_cache(maxsize=1 << 8)  # recipes of one corpus have files in common
def _decode(content: bytes) -> ModuleText:
    decoded = content.decode("utf-8-sig", errors="replace")
    return ModuleText(decoded.replace("\r\n", "\n").replace("\r", "\n"))


_FILES: dict[str, ModuleFile] = {}
"""Files that this process has read; one with a changed stamp is read again."""


class Library:
    """The modules that a recipe can import: one library for each compilation.

    Attributes:
        path: The folders of modules.
        folder: The cache folder, or None.
        buffers: Texts that stand in for files.
        memo: Results of other modules, by name and arguments, until the compilation ends.
    """

    def __init__(
        self, path: SearchPath, folder: Path | None = None, buffers: Buffers = NO_BUFFERS
    ) -> None:
        self.path = path
        self.folder = folder
        self.buffers = buffers
        self._locations: dict[str, ModuleLocation | None] = {}
        self._files: dict[str, ModuleFile | None] = {}
        self._beside: dict[Path, Library] = {}
        self.memo: dict[Any, Any] = {}

    def remember(self, key: Any, circle: T, make: Callable[[], T]) -> T:
        """Return a result that is made once.

        Args:
            key: The key in ``memo``.
            circle: The result as long as it is made.
            make: Makes it.
        """
        if key not in self.memo:
            self.memo[key] = circle
            self.memo[key] = make()
        result: T = self.memo[key]
        return result

    def beside(self, recipe: Path) -> "Library":
        """Return the library of another recipe, or this one for its own directory."""
        if recipe == self.path.folder:
            return self
        if recipe not in self._beside:
            self._beside[recipe] = Library(self.path.beside(recipe), self.folder, self.buffers)
        return self._beside[recipe]

    def find_module(self, name: str) -> ModuleLocation | None:
        """Return where a module is, or None."""
        if name not in self._locations:
            parent, _, last = name.rpartition(".")
            if not parent:
                self._locations[name] = locate.find_top(self.path, name)
            else:
                above = self.find_module(parent)
                self._locations[name] = above and locate.find_below(self.path, above, last)
        return self._locations[name]

    def file(self, location: ModuleLocation) -> ModuleFile | None:
        """Return the file of a module; None for a compiled or unreadable one."""
        if location.file not in self._files:
            self._files[location.file] = (
                _open_file(location, self.folder, self.buffers) if location.file else None
            )
        return self._files[location.file]

    def own_texts_with(self, mark: str) -> list[Source]:
        """Return the modules of the recipe that were read and hold some text."""
        inside = self.path.recipe + os.sep
        own = [file for file in self._files.values() if file and file.name.startswith(inside)]
        return [file.source for file in own if mark.encode() in file.content]

    def module(self, location: ModuleLocation) -> ModuleSummary | None:
        """Return the bindings of a module; None when they cannot be read."""
        file = self.file(location)
        return file.module if file else None

    def function(self, location: ModuleLocation, piece: Piece) -> FunctionSummary | None:
        """Return the summary of a ``def``; None when it is not Python."""
        file = self.file(location)
        return _read_piece(file, piece, file.functions, _read_function) if file else None

    def class_(self, location: ModuleLocation, piece: Piece) -> ClassSummary | None:
        """Return the summary of a ``class``; None when it is not Python."""
        file = self.file(location)
        return _read_piece(file, piece, file.classes, _read_class) if file else None

    def flush(self) -> None:
        """End a compilation: write new summaries to the cache, and forget what was found."""
        for other in self._beside.values():
            other.flush()
        self.memo.clear()
        files = [file for file in self._files.values() if file and file.stamp != UNSAVED]
        changed = [file for file in files if file.changed]
        if self.folder is None or not changed:
            return
        for file in changed:
            with suppress(ValueError):  # of what no file can hold
                lines = module_summary.to_lines(file.summary)
                cache.save(self.folder, file.name, file.key, len(file.content), lines)
            file.changed = False
        cache.prune(self.folder)


def open_library(
    recipe: Path, folder: Path | None = None, buffers: Buffers = NO_BUFFERS
) -> Library:
    """Return the library of a recipe directory, with ``sys.path`` after it.

    Args:
        recipe: The recipe directory.
        folder: The cache folder, or None.
        buffers: Texts that stand in for files.
    """
    return Library(locate.search_path(recipe), folder, buffers)


def default_folder() -> Path | None:
    """Return the cache folder of this user; None where caching is off."""
    return cache.default_folder(os.environ)


def _read_piece(
    file: ModuleFile, piece: Piece, known: dict[Piece, T], read: Callable[[ModuleText, Piece], T]
) -> T | None:
    """Return the summary of a piece, read once; None when it is not Python."""
    if piece not in known:
        try:
            known[piece] = read(file.text, piece)
        except (SyntaxError, ValueError, RecursionError):
            return None
        file.changed = True
    return known[piece]


def _read_function(text: ModuleText, piece: Piece) -> FunctionSummary:
    from espnet3_compiler.signature import extract  # not needed for what the cache has

    return extract.function(text, piece)


def _read_class(text: ModuleText, piece: Piece) -> ClassSummary:
    from espnet3_compiler.signature import extract

    return extract.class_(text, piece)


def _open_file(
    location: ModuleLocation, folder: Path | None, buffers: Buffers
) -> ModuleFile | None:
    name = location.file
    if buffers and (text := buffer_of(Path(name), buffers)) is not None:
        return _open_buffer(location, text.encode(errors="replace"))
    try:
        stat = os.stat(name)  # noqa: PTH116  called for every file of every recipe
        if not S_ISREG(stat.st_mode):
            return None
        stamp = (stat.st_size, stat.st_mtime_ns)
        known = _FILES.get(name)
        if known and known.stamp == stamp:
            return known
        content = read_bytes(name)
    except OSError:
        return None
    file = ModuleFile(name, stamp, cache.digest(content), content)
    if not (folder and _load_summaries(file, folder)):
        _index_file(file, local=location.local)
    _FILES[name] = file
    return file


def _open_buffer(location: ModuleLocation, content: bytes) -> ModuleFile:
    """Return a file with the text that an editor holds; nothing of it is kept on disk."""
    known, key = _FILES.get(location.file), cache.digest(content)
    if known and known.stamp == UNSAVED and known.key == key:
        return known
    file = ModuleFile(location.file, UNSAVED, key, content)
    _index_file(file, local=location.local)
    _FILES[location.file] = file
    return file


def _index_file(file: ModuleFile, *, local: bool) -> None:
    """Read the bindings of a file; one of the recipe is parsed to its end, to find its mistakes."""
    from espnet3_compiler.signature import module_index

    try:
        tree = file.tree if local else None
        file.module = module_index.index(file.text)
        if tree is not None:
            _read_code(file, tree)
            _find_unbound(file)
    except SyntaxError as error:
        file.wrong = SyntaxMistake(error.lineno or 1, error.offset or 1, error.msg)
    except (ValueError, RecursionError) as error:
        file.wrong = SyntaxMistake(1, 1, str(error))
    file.changed = True


def _read_code(file: ModuleFile, tree: ast.Module) -> None:
    from espnet3_compiler.signature import module_index
    from espnet3_compiler.signature.own import calls

    assert file.module is not None
    file.imports = module_index.imports_of(tree)
    with suppress(RecursionError):  # nested deeper than conditions can be written out
        file.calls = calls.calls_of(tree, file.module)


def _find_unbound(file: ModuleFile) -> None:
    from espnet3_compiler.signature import module_index

    try:
        file.unbound = module_index.unbound_names(file.text)
    except SyntaxError as error:
        file.names_wrong = SyntaxMistake(error.lineno or 1, error.offset or 1, error.msg)


def _load_summaries(file: ModuleFile, folder: Path) -> bool:
    lines = cache.load(folder, file.name, file.key, len(file.content))
    try:
        kept = module_summary.from_lines(lines) if lines else None
    except (ValueError, RecursionError):
        return False
    if kept is None:
        return False
    file.module, file.wrong = kept.module, kept.wrong
    file.imports, file.unbound, file.names_wrong = kept.imports, kept.unbound, kept.names_wrong
    file.calls = kept.calls
    file.functions, file.classes = dict(kept.functions), dict(kept.classes)
    return True
