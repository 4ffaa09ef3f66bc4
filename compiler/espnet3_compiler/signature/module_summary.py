"""Summaries of a module: its bindings, classes and functions, without syntax trees.

The cache keeps them as lines of JSON, each record as a list.
"""

from collections import UserDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.json import Decoder, encode
from msgspec.structs import replace

from espnet3_compiler.signature.split_source import Piece

ImportTime = Literal["always", "maybe", "called"]


class ParameterSummary(Struct, frozen=True, array_like=True):
    """A parameter of a ``def``.

    Attributes:
        name: Its name.
        kind: ``positional``, ``both``, ``keyword`` (after ``*``), ``args`` or ``kwargs``.
        default: The type of its default (``int`` … ``None``, ``other``); None when required.
        annotation: Its annotation as text.
    """

    name: str
    kind: str
    default: str | None
    annotation: str | None


class ForwardingCall(Struct, frozen=True, array_like=True):
    """A call that receives the ``**kwargs`` of the function around it.

    Attributes:
        callee: A dotted name, or ``super:NAME``, ``self:NAME``, ``cls:``.
        positional: How many arguments it gets by position beside ``*args``.
        keywords: The arguments that it gets by name beside ``**kwargs``.
        star: Whether it gets the ``*args``.
        certain: Whether it is called whenever the function is.
    """

    callee: str
    positional: int
    keywords: tuple[str, ...]
    star: bool
    certain: bool


class KwargsFlow(Struct, frozen=True, array_like=True):
    """Where ``**kwargs`` go: on to other calls, or taken out by name (``kwargs.pop("x")``)."""

    forwards: tuple[ForwardingCall, ...]
    keys: tuple[str, ...]


class Decorator(Struct, frozen=True, array_like=True):
    """A decorator: its dotted name (empty for another expression) and its literal keywords.

    Of a tuple the keyword has the first item.
    """

    name: str
    keywords: tuple[tuple[str, Any], ...]


class FunctionSummary(Struct, frozen=True, array_like=True):
    """A ``def``.

    Attributes:
        name: Its name.
        line: The line of its ``def``, counted from 1.
        params: Its parameters in order.
        decorators: From the outermost to the innermost.
        flow: Where its ``**kwargs`` go; None when it has none or uses them in another way.
        passes: Whether it is a decorator whose result has the decorated function's signature.
        exports: Whether it is a decorator that adds names to ``__all__``.
        drops: Whether it takes ``**kwargs`` and never looks at them.
        alone: The line of the first ``self.NAME = …`` in an ``__init__`` that calls no other one;
            0 otherwise.
        gives: ``value``, or ``coroutine`` or ``generator`` where a call runs nothing of it yet.
        sets: The attributes that it sets; None where their names are computed.
    """

    name: str
    line: int
    params: tuple[ParameterSummary, ...]
    decorators: tuple[Decorator, ...]
    flow: KwargsFlow | None
    passes: bool
    exports: bool = False
    drops: bool = False
    alone: int = 0
    gives: str = "value"
    sets: tuple[str, ...] | None = ()


class ClassField(Struct, frozen=True, array_like=True):
    """An annotated name in a class body, as ``dataclass`` and ``NamedTuple`` read it."""

    name: str
    annotation: str
    default: str | None
    init: bool
    by_name: bool | None


class ClassSummary(Struct, frozen=True, array_like=True):
    """A ``class``.

    Attributes:
        name: Its name.
        line: The line of its ``class``, counted from 1.
        bases: Dotted names; empty for another expression.
        metaclass: The dotted name of the metaclass, empty for another expression, None without.
        decorators: From the outermost to the innermost.
        fields: Annotated names in order.
        members: The names that the body binds: pieces of methods and nested classes, else None.
        literals: Values of names that are bound to a literal, for enumerations.
        open: Whether the body can bind more names while it runs.
    """

    name: str
    line: int
    bases: tuple[str, ...]
    metaclass: str | None
    decorators: tuple[Decorator, ...]
    fields: tuple[ClassField, ...]
    members: Mapping[str, tuple[Piece | None, ...]]
    literals: dict[str, str | int | float | bool | None]
    open: bool


class UnboundName(Struct, frozen=True, array_like=True):
    """A global name that a scope reads and its module does not define.

    Attributes:
        name: The name.
        line: The line at which the scope begins, from 1.
        idle: The parameters of the scope that it never reads.
    """

    name: str
    line: int
    idle: tuple[str, ...]


class Import(Struct, frozen=True, array_like=True):
    """A name that a module imports.

    Attributes:
        line: The line of the statement, from 1.
        last: The last line of the statement.
        source: The module, with a leading ``.`` for each level of a relative one.
        name: The imported name; empty for ``import source``, ``*`` for all.
        time: ``always`` when the module is imported; ``maybe`` below ``try``, ``if``, ``with`` and
            the like, which may be there because the import may fail; ``called`` in a function.
    """

    line: int
    last: int
    source: str
    name: str
    time: ImportTime


class CodeWord(Struct, frozen=True, array_like=True):
    """A word of the code: its line, from 1, and its column, in bytes from 0."""

    text: str
    line: int
    column: int


class CodeCall(Struct, frozen=True, array_like=True):
    """A call in a module of a recipe whose callee is certain.

    Attributes:
        callee: A dotted name of the module, or ``super:NAME``, ``self:NAME`` in a method.
        owner: The class around such a method.
        word: The callee as it is written.
        positional: How many arguments it gets by position, beside ``*args``.
        keywords: The names of the arguments that it gets by name.
        unpacks: Whether it gets ``*args`` or ``**kwargs``, too.
    """

    callee: str
    owner: str
    word: CodeWord
    positional: int
    keywords: tuple[CodeWord, ...]
    unpacks: bool


class Binding(Struct, frozen=True, array_like=True):
    """One statement that gives a module-level name its value.

    Attributes:
        kind: ``import`` (from ``source`` the ``value``), ``module`` (``source``), ``piece``,
            ``name`` (``value``, dotted), ``expression`` (``value``), ``call`` (of ``value`` with
            ``source`` as its first argument, where that is a name), ``constant`` (of the type
            ``value``) or ``unknown``.
        level: ``plain``, ``branch`` (only under a condition) or ``weak`` (in an ``except``).
        source: The name of a module; leading dots as in ``from ..a import b``.
        value: See ``kind``.
        piece: The ``def`` or ``class``.
        first: The first line of the statement.
        last: Its last line.
    """

    kind: str
    level: str
    source: str = ""
    value: str = ""
    piece: Piece | None = None
    first: int = 0
    last: int = 0


class ModuleSummary(Struct, frozen=True, array_like=True):
    """A module.

    Attributes:
        bindings: For every name its bindings in order.
        stars: Modules of ``from … import *``, each with its line.
        exports: ``__all__`` where it is a plain list.
        open: Whether it can bind more names while it runs (``globals()``, ``__getattr__`` …).
        patched: Class attributes that the module sets, as dotted names (``Class.name = …``, or by
            ``setattr``).
        lazy_stars: Modules of ``from … import *`` under ``if TYPE_CHECKING``: what a module that
            imports on demand has, its ``else`` says in a way that cannot be read.
    """

    bindings: Mapping[str, tuple[Binding, ...]]
    stars: tuple[tuple[str, int], ...]
    exports: tuple[str, ...] | None
    open: bool
    patched: tuple[str, ...]
    lazy_stars: tuple[str, ...] = ()


class SyntaxMistake(Struct, frozen=True, array_like=True):
    """What Python's parser says about a file: line and column, from 1, and its message."""

    line: int
    column: int
    message: str


class FileSummary(Struct, frozen=True, array_like=True):
    """What is kept of a Python file.

    Attributes:
        module: Its bindings; None when it is not Python.
        wrong: Its syntax error.
        imports: Its imports, where it belongs to a recipe.
        unbound: The names in it that nothing defines, likewise.
        names_wrong: What Python says about its names, likewise, where they are at odds.
        calls: The calls in it whose callee is certain, likewise.
        functions: Its functions that were asked for.
        classes: Its classes, likewise.
        names: The names that the module binds, in the order of the lines behind the first.
    """

    module: ModuleSummary | None
    wrong: SyntaxMistake | None
    imports: tuple[Import, ...]
    unbound: tuple[UnboundName, ...]
    names_wrong: SyntaxMistake | None
    calls: tuple[CodeCall, ...]
    functions: tuple[tuple[Piece, FunctionSummary], ...]
    classes: tuple[tuple[Piece, ClassSummary], ...]
    names: tuple[str, ...] = ()


_FILE = Decoder(FileSummary)
_BINDINGS = Decoder(tuple[Binding, ...])


class _KeptBindings(UserDict[str, tuple[Binding, ...]]):
    """The bindings of a module in the cache, which are read when they are asked for.

    A recipe asks for one in thirty of the names that its modules bind.
    """

    def __init__(self, lines: dict[str, bytes]) -> None:
        self.data: Any = lines
        self._known: dict[str, tuple[Binding, ...]] = {}

    def __getitem__(self, key: str) -> tuple[Binding, ...]:
        if key not in self._known:
            self._known[key] = _BINDINGS.decode(self.data[key])
        return self._known[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what a key leads to, without an exception where there is none."""
        return self[key] if key in self.data else default


def to_lines(summary: FileSummary) -> list[bytes]:
    """Return a summary as JSON: a line for each name that the module binds behind all else.

    Raises:
        ValueError: A text is none that UTF-8 can write, or a number is too large.
    """
    if summary.module is None:
        return [encode(summary)]
    bindings = summary.module.bindings
    module = replace(summary.module, bindings={})
    first = replace(summary, module=module, names=tuple(bindings))
    return [encode(first), *map(encode, bindings.values())]


def from_lines(lines: Sequence[bytes]) -> FileSummary:
    """Return the summary that lines hold.

    Raises:
        ValueError: They hold something else.
    """
    summary = _FILE.decode(lines[0])
    if summary.module is None:
        return summary
    bindings = _KeptBindings(dict(zip(summary.names, lines[1:], strict=True)))
    return replace(summary, module=replace(summary.module, bindings=bindings))
