"""Summaries of a module: its bindings, classes and functions, without syntax trees.

They are records of texts, numbers and tuples, which the cache keeps as JSON lists; the ``read_…``
functions make summaries of such lists.
"""

import json
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from espnet3_compiler.signature.split_source import Piece

T = TypeVar("T")
ImportTime = Literal["always", "maybe", "called"]


class ParameterSummary(Struct, frozen=True):
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


class ForwardingCall(Struct, frozen=True):
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


class KwargsFlow(Struct, frozen=True):
    """Where ``**kwargs`` go: on to other calls, or taken out by name (``kwargs.pop("x")``)."""

    forwards: tuple[ForwardingCall, ...]
    keys: tuple[str, ...]


class Decorator(Struct, frozen=True):
    """A decorator: its dotted name (empty for another expression) and its literal keywords.

    Of a tuple the keyword has the first item.
    """

    name: str
    keywords: tuple[tuple[str, Any], ...]


class FunctionSummary(Struct, frozen=True):
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


class ClassField(Struct, frozen=True):
    """An annotated name in a class body, as ``dataclass`` and ``NamedTuple`` read it."""

    name: str
    annotation: str
    default: str | None
    init: bool
    by_name: bool | None


class ClassSummary(Struct, frozen=True):
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


class UnboundName(Struct, frozen=True):
    """A global name that a scope reads and its module does not define.

    Attributes:
        name: The name.
        line: The line at which the scope begins, from 1.
        idle: The parameters of the scope that it never reads.
    """

    name: str
    line: int
    idle: tuple[str, ...]


class Import(Struct, frozen=True):
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


class CodeWord(Struct, frozen=True):
    """A word of the code: its line, from 1, and its column, in bytes from 0."""

    text: str
    line: int
    column: int


class CodeCall(Struct, frozen=True):
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


class Binding(Struct, frozen=True):
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


class ModuleSummary(Struct, frozen=True):
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


class _LazyRows(UserDict[str, tuple[T, ...]], Generic[T]):
    """A mapping to what the cache has kept, which is read when it is asked for.

    A recipe asks for one in thirty of the names that its modules bind.
    """

    def __init__(self, rows: dict[str, Any], read: Callable[[Any], tuple[T, ...]]) -> None:
        self.data = rows
        self._read = read
        self._known: dict[str, tuple[T, ...]] = {}

    def __getitem__(self, key: str) -> tuple[T, ...]:
        if key not in self._known:
            self._known[key] = self._read(self.data[key])
        return self._known[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what a key leads to, without an exception where there is none."""
        return self[key] if key in self.data else default


def read_function(row: Sequence[Any]) -> FunctionSummary:
    """Return the function that a JSON list holds."""
    name, line, params, decorators, flow, passes, exports, drops, alone, gives, sets = row
    return FunctionSummary(
        name,
        line,
        tuple(ParameterSummary(*item) for item in params),
        _read_decorators(decorators),
        flow and KwargsFlow(tuple(map(_read_forwarding, flow[0])), tuple(flow[1])),
        passes,
        exports,
        drops,
        alone,
        gives,
        None if sets is None else tuple(sets),
    )


def read_class(row: Sequence[Any]) -> ClassSummary:
    """Return the class that a JSON list holds."""
    name, line, bases, metaclass, decorators, fields, members, literals, is_open = row
    return ClassSummary(
        name,
        line,
        tuple(bases),
        metaclass,
        _read_decorators(decorators),
        tuple(ClassField(*item) for item in fields),
        _LazyRows(members, lambda rows: tuple(row and Piece(*row) for row in rows)),
        literals,
        is_open,
    )


def read_module(row: Sequence[Any], bindings: dict[str, str]) -> ModuleSummary:
    """Return a module.

    Args:
        row: A JSON list of all but its bindings.
        bindings: The JSON of the bindings of each name.
    """
    stars, exports, is_open, patched, lazy_stars = row
    return ModuleSummary(
        _LazyRows(bindings, _read_bindings),
        tuple((source, line) for source, line in stars),
        None if exports is None else tuple(exports),
        is_open,
        tuple(patched),
        tuple(lazy_stars),
    )


def read_call(row: Sequence[Any]) -> CodeCall:
    """Return the call that a JSON list holds."""
    callee, owner, word, positional, keywords, unpacks = row
    words = tuple(CodeWord(*item) for item in keywords)
    return CodeCall(callee, owner, CodeWord(*word), positional, words, unpacks)


def _read_decorators(rows: Sequence[Any]) -> tuple[Decorator, ...]:
    return tuple(Decorator(name, tuple((key, value) for key, value in kw)) for name, kw in rows)


def _read_forwarding(row: Sequence[Any]) -> ForwardingCall:
    callee, positional, keywords, star, certain = row
    return ForwardingCall(callee, positional, tuple(keywords), star, certain)


def _read_bindings(text: str) -> tuple[Binding, ...]:
    return tuple(
        Binding(kind, level, source, value, piece and Piece(*piece), first, last)
        for kind, level, source, value, piece, first, last in json.loads(text)
    )
