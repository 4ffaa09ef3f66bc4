"""Functions that make arrays and tensors: of lists and numbers, of sizes, of several arrays.

``numpy`` and ``torch`` have most of them under the same name.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.values import (
    CODES,
    CallArgument,
    CallArguments,
    Constant,
    Group,
    Numbering,
    Part,
    Place,
    Repeated,
    Size,
    Tensor,
    Value,
)

NUMBER = Tensor(((),))
"""A number that is not known."""

KNOWN_METHODS = ("index", "get", "split")
"""Methods of lists, mappings and texts of which ``constant_method`` knows the result."""

_RANKS = (0, *tensors.RANKS)
_OF_VALUES = ("array", "asarray", "ascontiguousarray", "as_tensor", "tensor", "from_numpy")
_OF_SIZES = ("zeros", "ones", "empty", "rand", "randn")
_JOINING = ("concatenate", "concat", "cat")
_SAME_OF_NUMPY = ("sin", "cos", "exp", "log", "log1p", "log10", "sqrt", "abs", "tanh", "square")
_CHANGING = frozenset(("ndmin", "retstep", "channels_first", "always_2d", "mono", "out", "where"))
"""Arguments by which functions give something else."""

GENERATOR = "numpy.random.Generator"
_READERS = {
    "soundfile.read": Group((tensors.any_tensor((1, 2)), NUMBER)),
    "librosa.load": Group((Tensor(((None,),)), NUMBER)),
    "torchaudio.load": Group((Tensor(((None, None),), channels=True), NUMBER)),
}
"""What functions that read audio give: samples and their rate."""


def array_function(path: str, arguments: CallArguments) -> Value:
    """Return the array or tensor that a function of ``numpy`` or ``torch`` makes.

    Args:
        path: The dotted path of the function.
        arguments: What it is given.
    """
    module, _, name = path.rpartition(".")
    if not arguments.complete or not _CHANGING.isdisjoint(arguments.named):
        return None
    if path in _READERS:
        return _READERS[path]
    if path == "numpy.random.default_rng":
        return Part(GENERATOR, {})
    if module == "numpy.random" and "size" in arguments.named:
        return drawn_array(arguments)
    return _make_array(module, name, arguments) if module in ("numpy", "torch") else None


def _make_array(module: str, name: str, arguments: CallArguments) -> Value:
    given, named = arguments.positional, arguments.named
    first = given[0] if given else None
    if name in _OF_VALUES and first:
        return array_of(first) or tensors.any_tensor(_RANKS)
    if name in _OF_SIZES or name == "full":
        sizes = named.get("size") or named.get("shape")
        single = name == "full" or module == "numpy"
        return _of_sizes([sizes] if sizes else given[:1] if single else given)
    if name == "arange":
        return Tensor(((None,),))
    if name == "linspace":
        count = given[2] if len(given) > 2 else named.get("num") or named.get("steps")  # noqa: PLR2004
        return Tensor(((_size(count) if count else None,),))
    if name in (*_JOINING, "stack", "expand_dims") and first:
        return _combined(name, first.value, _axis(arguments))
    if name in _SAME_OF_NUMPY and first and isinstance(first.value, Tensor):
        return Tensor(first.value.shapes)
    return None


def drawn_array(arguments: CallArguments) -> Value:
    """Return what a random generator of ``numpy`` draws, where its size is named."""
    size = arguments.named.get("size")
    return _of_sizes([size]) if size and arguments.complete else None


def array_of(given: CallArgument, depth: int = 0) -> Tensor | None:
    """Return the array of a value: of a number, a list of them, a list of lists.

    Args:
        given: The value.
        depth: How many lists it stands in.
    """
    value = given.value
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Constant):
        return _constant_array(value.value, given.place)
    if isinstance(value, Repeated):
        inner = array_of(CallArgument(value.item), depth + 1)
        return inner and Tensor(tuple((None, *one) for one in inner.shapes), inner.numbering)
    if isinstance(value, Group) and value.items:
        return _stacked(value.items, given.place)
    return None


def _stacked(items: Sequence[Value], place: Place | None) -> Tensor | None:
    """Return the array of several values that are put beside one another."""
    inner = [array_of(CallArgument(one)) for one in items]
    shapes = {one.shapes for one in inner if one}
    if None in inner or len(shapes) != 1:
        return None
    size = Size(len(items), None, CallArgument(Constant(len(items)), place))
    return Tensor(tuple((size, *one) for one in shapes.pop()))


def _constant_array(value: Any, place: Place | None) -> Tensor | None:
    if isinstance(value, bool | int | float | complex):
        return NUMBER
    if not isinstance(value, list | tuple) or not value:
        return None
    return _stacked([Constant(one) for one in value], place)


def _of_sizes(given: Sequence[CallArgument]) -> Tensor | None:
    """Return an array of sizes that are written out; None where it is not known how many."""
    first = given[0] if len(given) == 1 else None
    if first and isinstance(first.value, Group):
        given = [CallArgument(one, first.place) for one in first.value.items]
    elif (
        first and isinstance(first.value, Constant) and isinstance(first.value.value, tuple | list)
    ):
        given = [CallArgument(Constant(one), first.place) for one in first.value.value]
    elif first and not isinstance(first.value, Constant):
        return None
    return Tensor((tuple(map(_size, given)),)) if given else None


def _size(given: CallArgument) -> Size | None:
    number = given.value.value if isinstance(given.value, Constant) else None
    return Size(number, None, given) if type(number) is int and number >= 0 else None


def _axis(arguments: CallArguments) -> int | None:
    """Return the axis that a call names, by its place or name; None where it is not known."""
    named = arguments.named.get("axis") or arguments.named.get("dim")
    given = [one for one in (*arguments.positional[1:2], named) if one]
    if not given:
        return 0
    return given[0].number


def _combined(name: str, first: Value, axis: int | None) -> Value:
    """Return several arrays behind one another, or with a new dimension."""
    if axis is None:
        return None
    if name == "expand_dims":
        return tensors.with_axis(first, axis) if isinstance(first, Tensor) else None
    if name == "stack":
        one = array_of(CallArgument(first)) if axis == 0 else None
        return one and Tensor(one.shapes)
    if isinstance(first, Group):
        return tensors.joined(first.items, axis)
    inner = first.item if isinstance(first, Repeated) else None
    if isinstance(inner, Tensor):
        return tensors.changed(inner, lambda shape: tensors.put(shape, axis, None))
    return tensors.any_tensor()


def numbered(numbers: Sequence[Any], place: Place | None) -> Value:
    """Return one of some numbers of labels; None where they are none.

    Args:
        numbers: The numbers.
        place: The expression that chooses one.
    """
    whole = bool(numbers) and all(type(one) is int for one in numbers)
    if not whole or not place:
        return None
    return replace(NUMBER, numbering=Numbering(max(numbers), place))


def constant_method(known: Any, name: str, arguments: CallArguments) -> Value:
    """Return what a method of a list, text or mapping gives that is known.

    Args:
        known: The list, text or mapping.
        name: The method: ``index``, ``get`` or ``split``.
        arguments: What it is called with.
    """
    given = arguments.positional
    place = given[0].place if given else None
    if name == "index" and isinstance(known, list | tuple | str):
        return numbered(range(len(known)), place)
    if name == "get" and isinstance(known, dict):
        usual = given[1].value if len(given) > 1 else None
        more = [usual.value] if isinstance(usual, Constant) else []
        return numbered([*known.values(), *more], place) if len(more) == len(given) - 1 else None
    plain = all(isinstance(one.value, Constant) for one in given)
    if name == "split" and isinstance(known, str) and plain and not arguments.named:
        return Constant(known.split(*(one.value.value for one in given[:1])))  # type: ignore[union-attr]
    return None


def code_of(given: CallArgument) -> Value:
    """Return the number of a letter: ``ord(letter)``."""
    letter = given.value.value if isinstance(given.value, Constant) else None
    if isinstance(letter, str) and len(letter) == 1:
        return Constant(ord(letter))
    place = given.place
    return replace(NUMBER, numbering=Numbering(CODES, place, letters=True)) if place else NUMBER
