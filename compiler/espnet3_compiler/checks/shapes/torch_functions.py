"""Functions of ``torch`` and methods of tensors: what they make of the shape of a tensor."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.values import Constant, Group, Size, Tensor, Value, tensor

Named = Mapping[str, Value]

_SAME = frozenset(
    (
        *("relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish"),
        *("tanh", "sigmoid", "logsigmoid", "softplus", "softsign", "hardtanh", "hardswish"),
        *("softmax", "log_softmax", "dropout", "dropout_", "alpha_dropout", "normalize"),
        *("abs", "exp", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square", "neg"),
        *("sin", "cos", "erf", "sign", "floor", "ceil", "round", "reciprocal", "nan_to_num"),
        *("cumsum", "detach", "clone", "copy", "numpy", "astype", "long", "int", "conj"),
        *("float", "half", "double", "bfloat16", "to", "type", "type_as", "cuda", "cpu"),
        *("contiguous", "requires_grad_", "masked_fill_", "layer_norm", "zeros_like"),
        *("ones_like", "rand_like", "randn_like", "empty_like", "full_like"),
    )
)
"""What gives a tensor of the shape of its first argument."""

_KEEPING = ("detach", "clone", "copy", "numpy", "long", "int", "to", "cuda", "cpu", "contiguous")
"""Those of them that keep whole numbers as they are."""

_ITEMWISE = (
    "minimum",
    "maximum",
    "add",
    "sub",
    "mul",
    "div",
    "masked_fill",
    "multiply",
    "subtract",
    "pow",
)
_CLAMPS = ("clamp", "clamp_", "clamp_min", "clamp_max", "clip")
_REDUCING = ("mean", "sum", "amax", "amin", "std", "var", "logsumexp", "argmax", "argmin", "prod")
_PACKED = 3
"""Sequences that are packed have so many dimensions: items, time and features."""

_REDUCING_TO_PAIRS = ("max", "min", "median")


def apply_function(name: str, given: Sequence[Value], named: Named) -> Value:
    """Return what a function of ``torch`` or a method of a tensor makes of values.

    Args:
        name: The function or method, without its module.
        given: Its arguments; the first one is the tensor.
        named: Further arguments, by name.
    """
    if name in ("cat", "concat", "concatenate"):
        return _joined(given, named)
    first = given[0] if given else named.get("input")
    if not isinstance(first, Tensor):
        return None
    rest = given[1:]
    if name == "pack_padded_sequence":
        return tensor(shape for shape in first.shapes if len(shape) == _PACKED)
    if name == "pad_packed_sequence":
        return Group((first, None))
    if name in _KEEPING or name == "clamp_min":
        return first
    numbering, first = first.numbering, first.numbered(None)
    if name in _SAME:
        return first
    if name in _CLAMPS:
        plain = all(isinstance(one, Constant) for one in (*rest, *named.values()))
        return first if plain else tensors.broadcast(first, None)
    if name in _ITEMWISE:
        other = Constant(0) if name == "masked_fill" else rest[0] if rest else None
        return tensors.broadcast(first, other) if rest else None
    if name in (*_REDUCING, *_REDUCING_TO_PAIRS):
        return _reduced(name, first, rest, named)
    moved = _MOVES[name](first, rest, named) if name in _MOVES else None
    return moved.numbered(numbering) if isinstance(moved, Tensor) else moved


def _number(value: Value) -> Any:
    """Return a number or a list of them; None for anything else."""
    return value.value if isinstance(value, Constant) else None


def _numbers(values: Sequence[Value]) -> list[int] | None:
    """Return the numbers that arguments are, one by one or in a list."""
    if len(values) == 1 and isinstance(values[0], Group):
        values = values[0].items
    found = [_number(value) for value in values]
    if len(found) == 1 and isinstance(found[0], list | tuple):
        found = list(found[0])
    return found if all(type(one) is int for one in found) else None


def _argument(rest: Sequence[Value], named: Named, place: int, *names: str) -> Value:
    """Return an argument by its place or by one of its names."""
    if place < len(rest):
        return rest[place]
    return next((named[name] for name in names if name in named), Constant(None))


def _joined(given: Sequence[Value], named: Named) -> Value:
    items = given[0] if given else named.get("tensors")
    axis = _argument(given, named, 1, "dim", "axis")
    number = 0 if axis == Constant(None) else _number(axis)
    if not isinstance(items, Group) or type(number) is not int:
        return None
    return tensors.joined(items.items, number)


def _reduced(name: str, first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    axis = _argument(rest, named, 0, "dim", "axis")
    keep = _number(_argument(rest, named, 1, "keepdim"))
    numbers = _numbers([axis])
    plain = set(named) <= {"dim", "axis", "keepdim", "input", "dtype", "unbiased", "correction"}
    second = len(rest) > 1 and name in ("std", "var")  # which is no keepdim
    if numbers is None or not plain or second or keep not in (None, True, False):
        return None
    result = tensors.reduced(first, numbers, keep=bool(keep))
    return Group((result, result)) if name in _REDUCING_TO_PAIRS else result


def _reshaped(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    """Return a tensor of a shape that is written out, as far as its sizes are known."""
    if len(rest) == 1:
        rest = _listed(rest[0])
    if not rest or named or not first.shapes:
        return None
    numbers = [_number(one) for one in rest]
    return Tensor((tuple(Size(n) if type(n) is int and n > 0 else None for n in numbers),))


def _listed(value: Value) -> Sequence[Value]:
    """Return the sizes that a single argument says; none where it may be several, or a type."""
    if isinstance(value, Group):
        return value.items
    if isinstance(value, Constant) and isinstance(value.value, tuple | list):
        return [Constant(one) for one in value.value]
    single = isinstance(value, Constant) and type(value.value) is int
    return [value] if single or (isinstance(value, Tensor) and value.shapes == ((),)) else []


def _unfolded(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    axis, size = (
        _number(_argument(rest, named, n, key)) for n, key in enumerate(("dimension", "size"))
    )
    if type(axis) is not int or type(size) is not int:
        return None
    cut = tensors.changed(first, lambda shape: tensors.put(shape, axis, None))
    return cut and tensors.changed(cut, lambda shape: (*shape, Size(size)))


def _transformed(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    """Return a spectrogram: one of one audio, or several of a batch."""
    size = _number(_argument(rest, named, 0, "n_fft"))
    if _number(named.get("return_complex", None)) is not True or "onesided" in named:
        return None
    bins = Size(size // 2 + 1) if type(size) is int else None
    ranks = (1, 2)
    return tensor((*one[:-1], bins, None) for one in first.shapes if len(one) in ranks)


def _with_frequencies(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    """Return the Fourier transform of the last dimension."""
    if rest or set(named) - {"input"}:
        return None
    return tensors.changed(first, lambda shape: tensors.put(shape, -1, None))


def _transposed(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    ends = (_argument(rest, named, 0, "dim0"), _argument(rest, named, 1, "dim1"))
    numbers = _numbers(ends)
    return tensors.exchanged(first, *numbers) if numbers else None


def _permuted(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    numbers = _numbers(rest) if rest and not named else None
    return tensors.permuted(first, numbers) if numbers else None


def _unsqueezed(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    axis = _number(_argument(rest, named, 0, "dim"))
    return tensors.with_axis(first, axis) if type(axis) is int else None


def _squeezed(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    axis = _number(_argument(rest, named, 0, "dim"))
    return tensors.squeezed(first, axis) if type(axis) is int else None


def _flattened(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    ends = [_argument(rest, named, 0, "start_dim"), _argument(rest, named, 1, "end_dim")]
    usual = (0, -1)
    numbers = _numbers(
        [Constant(n) if one == Constant(None) else one for one, n in zip(ends, usual, strict=True)]
    )
    return tensors.flattened(first, *numbers) if numbers else None


def _divided(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    count = _number(_argument(rest, named, 0, "chunks"))
    axis = _argument(rest, named, 1, "dim")
    number = 0 if axis == Constant(None) else _number(axis)
    if type(count) is not int or type(number) is not int:
        return None
    return tensors.divided(first, count, number)


def _halved(first: Tensor, rest: Sequence[Value], named: Named) -> Value:
    axis = _argument(rest, named, 0, "dim")
    number = -1 if axis == Constant(None) else _number(axis)
    halves = tensors.divided(first, 2, number) if type(number) is int else None
    return halves.items[0] if isinstance(halves, Group) else None


_MOVES: Mapping[str, Callable[[Tensor, Sequence[Value], Named], Value]] = {
    "transpose": _transposed,
    "swapaxes": _transposed,
    "permute": _permuted,
    "unsqueeze": _unsqueezed,
    "squeeze": _squeezed,
    "flatten": _flattened,
    "chunk": _divided,
    "reshape": _reshaped,
    "view": _reshaped,
    "unfold": _unfolded,
    "stft": _transformed,
    "glu": _halved,
    "rfft": _with_frequencies,
    "fft": _with_frequencies,
}
