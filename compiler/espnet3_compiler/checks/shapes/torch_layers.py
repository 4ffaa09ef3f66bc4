"""Layers of ``torch.nn``: which sizes they take, and which they give."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from espnet3_compiler.checks.shapes import tensors
from espnet3_compiler.checks.shapes.values import (
    CallArgument,
    Constant,
    Group,
    Layer,
    Numbering,
    Shape,
    Size,
    Tensor,
    Value,
    tensor,
)

_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
_RNN = (*_RECURRENT[:3], "nonlinearity", *_RECURRENT[3:], "bidirectional")
_ATTENTION = (
    *("embed_dim", "num_heads", "dropout", "bias", "add_bias_kv", "add_zero_attn"),
    *("kdim", "vdim", "batch_first"),
)
_BATCH_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_CONVOLUTION = ("in_channels", "out_channels", "kernel_size")
_TRANSFORMER = ("d_model", "nhead", "dim_feedforward")
_OF_ANY_SIZE = (
    *("ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish"),
    *("Tanh", "Sigmoid", "LogSigmoid", "Softplus", "Softsign", "Softmax", "LogSoftmax"),
    *("Hardtanh", "Hardswish", "Hardsigmoid", "Tanhshrink", "Softshrink", "Hardshrink"),
    *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
    *("Identity",),
)
"""Layers that change no size and take any."""

_LOSSES = ("CrossEntropyLoss", "NLLLoss")
_OTHER_LOSSES = (
    *("CTCLoss", "KLDivLoss", "BCELoss", "BCEWithLogitsLoss"),
    *("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"),
)


class _Rule(Struct, frozen=True):
    """What a layer takes and gives.

    Attributes:
        parameters: Of its constructor, in order.
        needs: The one that is the size that it takes.
        gives: The one that is the size that it gives; empty where that is the same.
        axis: The dimension of that size.
        ranks: How many dimensions its input may have; empty for any.
    """

    parameters: tuple[str, ...]
    needs: str
    gives: str = ""
    axis: int = -1
    ranks: tuple[int, ...] = ()


def _convolutions(prefix: str) -> dict[str, _Rule]:
    return {
        f"{prefix}{count}d": _Rule(
            _CONVOLUTION, "in_channels", "out_channels", -1 - count, (count + 1, count + 2)
        )
        for count in (1, 2, 3)
    }


_RULES = {
    "Linear": _Rule(("in_features", "out_features", "bias"), "in_features", "out_features"),
    "Embedding": _Rule(("num_embeddings", "embedding_dim"), "", "embedding_dim"),
    **_convolutions("Conv"),
    **_convolutions("ConvTranspose"),
    "LSTM": _Rule((*_RECURRENT, "bidirectional", "proj_size"), "input_size", "", -1, (2, 3)),
    "GRU": _Rule((*_RECURRENT, "bidirectional"), "input_size", "", -1, (2, 3)),
    "RNN": _Rule(_RNN, "input_size", "", -1, (2, 3)),
    "LSTMCell": _Rule(_RECURRENT[:2], "input_size", "hidden_size", -1, (1, 2)),
    "GRUCell": _Rule(_RECURRENT[:2], "input_size", "hidden_size", -1, (1, 2)),
    "LayerNorm": _Rule(("normalized_shape",), "normalized_shape"),
    "RMSNorm": _Rule(("normalized_shape",), "normalized_shape"),
    "BatchNorm1d": _Rule(_BATCH_NORM, "num_features", "", 1, (2, 3)),
    "BatchNorm2d": _Rule(_BATCH_NORM, "num_features", "", 1, (4,)),
    "BatchNorm3d": _Rule(_BATCH_NORM, "num_features", "", 1, (5,)),
    "MultiheadAttention": _Rule(_ATTENTION, "embed_dim", "", -1, (2, 3)),
    "TransformerEncoderLayer": _Rule(_TRANSFORMER, "d_model", "", -1, (2, 3)),
    "TransformerDecoderLayer": _Rule(_TRANSFORMER, "d_model", "", -1, (2, 3)),
    "TransformerEncoder": _Rule(("encoder_layer", "num_layers"), "d_model", "", -1, (2, 3)),
    "TransformerDecoder": _Rule(("decoder_layer", "num_layers"), "d_model", "", -1, (2, 3)),
    "GLU": _Rule(("dim",), ""),
    "Flatten": _Rule(("start_dim", "end_dim"), ""),
    "Sequential": _Rule((), ""),
    **{name: _Rule(("weight",), "") for name in _LOSSES},
    **{name: _Rule(("blank",) if name == "CTCLoss" else (), "") for name in _OTHER_LOSSES},
    **{name: _Rule((), "") for name in _OF_ANY_SIZE},
}
_SEVERAL = ("LSTM", "GRU", "RNN", "LSTMCell", "MultiheadAttention")
"""Layers that give a tensor and more."""

_CELLS = ("LSTM", "GRU", "RNN")
_WRAPPERS = ("TransformerEncoder", "TransformerDecoder")
SIZES = frozenset(
    name for rule in _RULES.values() for name in (rule.needs, rule.gives, "hidden_size") if name
) - {"normalized_shape"}
"""CallArguments of layers that their objects have as attributes of the same name."""


class Mismatch(Struct, frozen=True):
    """A layer that certainly gets a tensor of another size.

    Attributes:
        layer: The layer.
        argument: The argument of the layer that says what it takes.
        got: The size that it gets.
        added: Whether it is added to that, where it gives another size.
    """

    layer: Layer
    argument: CallArgument
    got: Size
    added: bool = False


class OverNumbered(Struct, frozen=True):
    """Numbers of labels or letters that certainly go beyond those that a layer has.

    Attributes:
        layer: The layer.
        argument: The argument of the layer that says how many it has.
        numbering: The numbers.
    """

    layer: Layer
    argument: CallArgument
    numbering: Numbering


Report = Callable[[Mismatch], None]


def read_layer(
    name: str,
    positional: Sequence[CallArgument],
    named: Mapping[str, CallArgument],
) -> Layer | None:
    """Return the layer that a class of ``torch.nn`` makes of arguments; None for one not known.

    Args:
        name: The class, without its module.
        positional: The arguments without a name.
        named: Those with one.
    """
    rule = _RULES.get(name)
    if rule is None:
        return None
    if len(positional) > len(rule.parameters) and rule.ranks == (2, 3) and not rule.gives:
        return None
    if name == "Sequential":
        return Layer(name, {}, tuple(one.value for one in positional))
    arguments = {**dict(zip(rule.parameters, positional, strict=False)), **named}
    inner = next(iter(arguments.values())).value if name in _WRAPPERS and arguments else None
    if isinstance(inner, Layer):
        arguments |= {key: one for key, one in inner.arguments.items() if key == "d_model"}
    return Layer(name, arguments)


def apply_layer(layer: Layer, given: Sequence[Value], report: Report) -> Value:
    """Return what a layer makes of values, and report those of another size.

    Args:
        layer: The layer; not several in a row.
        given: What it is called with, in order.
        report: Is given the mismatches.
    """
    if layer.changed or not given:
        return None
    if layer.kind in _SPECIAL:
        return _SPECIAL[layer.kind](layer, given[0])
    if layer.kind in _OF_ANY_SIZE:
        return given[0] if isinstance(given[0], Tensor) else None
    return _apply_sized(layer, given, report)


def over_numbered(layer: Layer, given: Sequence[Value]) -> Iterator[OverNumbered]:
    """Yield numbers that are beyond the rows of an embedding, or the scores that a loss gets.

    Args:
        layer: The layer.
        given: What it is called with.
    """
    if layer.kind in _LOSSES and "ignore_index" not in layer.arguments:
        yield from over_scored(given)
    rows = layer.arguments.get("num_embeddings") if layer.kind == "Embedding" else None
    if rows and given and isinstance(given[0], Tensor):
        yield from _beyond(layer, rows, given[0].numbering)


def over_scored(given: Sequence[Value]) -> Iterator[OverNumbered]:
    """Yield labels that are beyond the scores that a loss gets with them."""
    scores, labels = (*given, None, None)[:2]
    if not isinstance(scores, Tensor) or not isinstance(labels, Tensor) or not labels.numbering:
        return
    ranks = {len(shape) + 1 for shape in labels.shapes}
    fitting = [shape for shape in scores.shapes if len(shape) in ranks]
    sizes = {shape[min(1, len(shape) - 1)] for shape in fitting}
    size = sizes.pop() if len(sizes) == 1 else None
    if size and size.layer and size.argument and size.value == size.argument.number:
        yield from _beyond(size.layer, size.argument, labels.numbering)


def _beyond(
    layer: Layer, argument: CallArgument, numbering: Numbering | None
) -> Iterator[OverNumbered]:
    count = argument.number
    if numbering and count and count > 0:
        short = count == numbering.highest if numbering.letters else count <= numbering.highest
        if short and not layer.changed:
            yield OverNumbered(layer, argument, numbering)


def _apply_sized(layer: Layer, given: Sequence[Value], report: Report) -> Value:
    """Return what a layer gives that takes tensors of one size."""
    rule = _RULES[layer.kind]
    shapes = _accepted(layer, rule, given[0], report)
    if layer.kind == "MultiheadAttention":
        _check_sources(layer, given[1:3], report)
    if layer.kind.startswith("TransformerDecoder") and given[1:]:
        _accepted(layer, rule, given[1], report)
    size = _made_size(layer, rule)
    after = [_given_shape(layer, rule, shape, size) for shape in shapes]
    result = tensor(shape for shape in after if shape is not None)
    return Group((result, _state(layer, shapes, result))) if layer.kind in _SEVERAL else result


def _check_sources(layer: Layer, sources: Sequence[Value], report: Report) -> None:
    """Check the keys and values of an attention."""
    for name, source in zip(("kdim", "vdim"), sources, strict=False):
        own = layer.arguments.get(name)
        none = own is None or (isinstance(own.value, Constant) and own.value.value is None)
        argument = layer.arguments.get("embed_dim") if none else own
        if argument and isinstance(source, Tensor):
            _fitting(layer, argument, source.shapes, -1, report)


def _accepted(layer: Layer, rule: _Rule, given: Value, report: Report) -> Sequence[Shape]:
    """Return the shapes of a tensor that a layer accepts, with the size that it takes."""
    known = given if isinstance(given, Tensor) else tensors.any_tensor(rule.ranks or tensors.RANKS)
    shapes = [one for one in known.shapes if not rule.ranks or len(one) in rule.ranks]
    argument = layer.arguments.get(rule.needs)
    if argument is None or _is_unchecked(layer):
        return shapes
    certain = [one for one in shapes if one != (None,)]  # that may be the items of a batch
    return _fitting(layer, argument, certain or shapes, rule.axis, report)


def _is_unchecked(layer: Layer) -> bool:
    """Return whether a batch norm takes tensors of any size after all."""
    return any(name in layer.arguments for name in ("affine", "track_running_stats"))


def _fitting(
    layer: Layer, argument: CallArgument, shapes: Sequence[Shape], axis: int, report: Report
) -> list[Shape]:
    """Return the shapes that fit a layer; report a size that none of them avoids.

    Args:
        layer: The layer.
        argument: The argument that says what it takes.
        shapes: The shapes that the tensor may have.
        axis: The dimension that is to fit.
        report: Is given the mismatch.
    """
    needed = argument.number
    wrong: list[Size] = []
    fitting: list[Shape] = []
    taken = Size(needed, layer, argument) if needed is not None else None
    for shape in shapes:
        place = tensors.axis_of(shape, axis)
        size = shape[place] if place is not None else None
        if size is not None and needed is not None and size.value != needed:
            wrong.append(size)
        elif place is not None:
            own = taken if size is None else size
            fitting.append((*shape[:place], own, *shape[place + 1 :]))
    if wrong and not fitting:
        report(Mismatch(layer, argument, wrong[0]))
        after = (tensors.put(shape, axis, None) for shape in shapes)  # one finding is enough
        return [shape for shape in after if shape is not None]
    return fitting


def _made_size(layer: Layer, rule: _Rule) -> Size | None:
    """Return the size of the dimension that a layer makes."""
    if layer.kind == "Embedding":
        return _given_size(layer, "embedding_dim")
    if layer.kind in _CELLS:
        projected = layer.arguments.get("proj_size")
        name = "proj_size" if projected and projected.number != 0 else "hidden_size"
        return _given_size(layer, name, _directions(layer))
    return _given_size(layer, rule.gives) if rule.gives else None


def _given_shape(layer: Layer, rule: _Rule, shape: Shape, size: Size | None) -> Shape | None:
    """Return the shape that a layer makes of another, with the size that is its own."""
    if layer.kind == "Embedding":
        return (*shape, size)
    if layer.kind in _CELLS:
        return tensors.put(shape, -1, size)
    if not rule.gives:
        return shape
    after = tensors.put(shape, rule.axis, size)
    lost = -1 - rule.axis  # the dimensions that a convolution goes over
    return (*after[: len(after) - lost], *(None,) * lost) if after and lost else after


def _given_size(layer: Layer, name: str, factor: int | None = 1) -> Size | None:
    """Return the size that an argument of a layer decides; None where it is not known.

    Args:
        layer: The layer.
        name: The argument.
        factor: How many times that is given; None where that is not known.
    """
    argument = layer.arguments.get(name)
    number = argument.number if argument else None
    if number is None or factor is None:
        return None
    return Size(factor * number, layer, argument, factor)


def _directions(layer: Layer) -> int | None:
    """Return in how many directions a recurrent layer goes; None where that is not known."""
    both = layer.arguments.get("bidirectional")
    if both is None:
        return 1
    return 1 + bool(both.value.value) if isinstance(both.value, Constant) else None


def _state(layer: Layer, shapes: Sequence[Shape], result: Value) -> Value:
    """Return what a layer gives beside a tensor."""
    if layer.kind == "LSTMCell":
        return result
    projected = layer.arguments.get("proj_size")
    if layer.kind not in _CELLS or projected:
        return None
    size = _given_size(layer, "hidden_size")
    last = tensor((*(None,) * (len(shape) - 1), size) for shape in shapes)
    return Group((last, last)) if layer.kind == "LSTM" else last


def _halved(layer: Layer, given: Value) -> Value:
    """Return what a gated linear unit gives: half of a dimension."""
    axis = layer.arguments.get("dim")
    number = -1 if axis is None else axis.number
    if not isinstance(given, Tensor) or number is None:
        return None
    halves = tensors.divided(given, 2, number)
    return halves.items[0] if isinstance(halves, Group) else None


def _flat(layer: Layer, given: Value) -> Value:
    ends = [layer.arguments.get(name) for name in ("start_dim", "end_dim")]
    numbers = [one.number if one else usual for one, usual in zip(ends, (1, -1), strict=True)]
    first, last = numbers
    known = isinstance(given, Tensor) and first is not None and last is not None
    return tensors.flattened(given, first, last) if known else None  # type: ignore[arg-type]


_SPECIAL: Mapping[str, Callable[[Layer, Value], Value]] = {"GLU": _halved, "Flatten": _flat}
