"""Tell whether a literal of a config fits an annotation: yes, no, or not to be judged.

The rules are those of a reader who means well. A whole number is a float, a list a tuple, a text
a path; but ``true`` is no number and ``"3"`` is none either. A text with ``${…}`` and a node with
``_target_`` fit everything. What cannot be read (type variables, protocols, names of packages
that are not installed) is not judged.
"""

from collections.abc import Iterable, Iterator

from espnet3_compiler.expression import has_reference
from espnet3_compiler.signature import types
from espnet3_compiler.signature.annotation import plain_names, type_of
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.model import Parameter
from espnet3_compiler.signature.types import Type
from espnet3_compiler.tree import Mapping, Node, Scalar, Sequence
from espnet3_schemas import TARGET

Verdict = bool | None

_TEXT_TOO = ("Sequence", "Iterable", "Collection", "Iterator")
"""Lists whose ``typing`` name a text fits too, as a sequence of characters."""

_SCALARS: dict[str, tuple[str, ...]] = {
    "int": ("int",),
    "float": ("int", "float"),
    "complex": ("int", "float"),
    "Number": ("int", "float"),
    "str": ("str",),
    "bool": ("bool",),
    "Path": ("str",),
    "None": ("None",),
}


def fits(library: Library, parameter: Parameter, value: Node) -> Verdict:
    """Return whether a value of a config fits the annotation of a parameter.

    Args:
        library: Where to look up the names of the annotation.
        parameter: The parameter; where its annotation does not even admit its own default
            (``x: int = None``), values of the default's type fit too.
        value: The value.

    Returns:
        None where that cannot be judged.
    """
    if parameter.annotation is None or is_wild(value):
        return None
    if kind_of(value) in plain_names(parameter.annotation):
        return True
    wanted = type_of(library, parameter)
    default = parameter.default
    if default is not None and kind_of(value) == default and not _may_be(wanted, default):
        return True
    return judge(wanted, value)


def is_wild(value: Node) -> bool:
    """Return whether a value is known only at run time, or built by a target."""
    if isinstance(value, Mapping):
        return value.entry(TARGET) is not None
    return isinstance(value, Scalar) and (has_reference(value.value) or value.value == "???")


def kind_of(value: Node) -> str:
    """Return ``int``, ``float``, ``str``, ``bool``, ``None``, ``list`` or ``dict``."""
    if isinstance(value, Mapping):
        return "dict"
    if isinstance(value, Sequence):
        return "list"
    return "None" if value.value is None else type(value.value).__name__


def judge(wanted: Type, value: Node) -> Verdict:  # noqa: C901  one line for each kind of type
    """Return whether a value fits a type."""
    if is_wild(value):
        return True
    match wanted:
        case types.Plain(name):
            return _plain(name, value)
        case types.Instance():
            return False if isinstance(value, Scalar) else None
        case types.Member(words=words):
            return _member(words, value)
        case types.Literals(values):
            return _is_one_of(values, value)
        case types.Either(options):
            return _any(judge(item, value) for item in options)
        case types.Many(name, item):
            return _many(name, item, value)
        case types.Fixed(items):
            return _fixed(items, value)
        case types.Table(value=inner):
            return _table(inner, value)
        case types.Unread():
            return None


def culprit(wanted: Type, value: Node, path: str = "") -> tuple[Type, Node, str]:
    """Return the innermost type and value that do not fit, and the path to it from the outside.

    Args:
        wanted: A type.
        value: A value that does not fit it.
        path: The path so far, as ``.key`` and ``[index]``.
    """
    for kind, inner, step in _parts(wanted, value):
        if judge(kind, inner) is False:
            return culprit(kind, inner, path + step)
    return wanted, value, path


def _parts(wanted: Type, value: Node) -> Iterator[tuple[Type, Node, str]]:
    """Yield the parts of a list or mapping with the types that they must have."""
    match wanted:
        case types.Either(options):
            same = [item for item in options if _may_be(item, kind_of(value))]
            if len(same) == 1:
                yield from _parts(same[0], value)
        case types.Many(item=item) if isinstance(value, Sequence):
            for index, inner in enumerate(value.items):
                yield item, inner, f"[{index}]"
        case types.Fixed(items) if isinstance(value, Sequence):
            if len(items) == len(value.items):
                for index, inner in enumerate(value.items):
                    yield items[index], inner, f"[{index}]"
        case types.Table(value=item) if isinstance(value, Mapping):
            for entry in value:
                yield item, entry.value, f".{entry.name}"


def _may_be(wanted: Type, kind: str) -> bool:
    """Return whether values of a kind (see ``kind_of``) can fit a type at all."""
    match wanted:
        case types.Plain(name):
            return name not in _SCALARS or kind in _SCALARS[name]
        case types.Literals(values):
            return any(type(item).__name__.removesuffix("Type") == kind for item in values)
        case types.Either(options):
            return any(_may_be(item, kind) for item in options)
        case types.Many(name):
            return kind == "list" or (kind == "str" and name in _TEXT_TOO)
        case types.Fixed():
            return kind == "list"
        case types.Table():
            return kind == "dict"
    return False


def _plain(name: str, value: Node) -> Verdict:
    kind = kind_of(value)
    if name == "Any":
        return True
    if name == "Callable":
        return None if kind == "dict" else False
    return kind in _SCALARS[name] if name in _SCALARS else None


def _member(words: tuple[str, ...], value: Node) -> Verdict:
    """Judge an enumeration: the name or the value of a member fits, in any case of letters."""
    if not isinstance(value, Scalar):
        return None
    known = {item.casefold() for item in words}
    return True if str(value.value).casefold() in known else None


def _is_one_of(values: tuple[object, ...], value: Node) -> Verdict:
    if not isinstance(value, Scalar):
        return False
    return any(value.value == item and type(value.value) is type(item) for item in values)


def _many(name: str, item: Type, value: Node) -> Verdict:
    if isinstance(value, Sequence):
        return _all(judge(item, inner) for inner in value.items)
    if name not in _TEXT_TOO:
        return False
    if isinstance(value, Mapping):
        return None
    return isinstance(value.value, str)


def _fixed(items: tuple[Type, ...], value: Node) -> Verdict:
    if not isinstance(value, Sequence) or len(items) != len(value.items):
        return False
    return _all(judge(kind, item) for kind, item in zip(items, value.items, strict=True))


def _table(inner: Type, value: Node) -> Verdict:
    if not isinstance(value, Mapping):
        return False
    return _all(judge(inner, entry.value) for entry in value)


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts)
    if any(item is True for item in found):
        return True
    return None if any(item is None for item in found) else False


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    found = list(verdicts)
    if any(item is False for item in found):
        return False
    return None if any(item is None for item in found) else True
