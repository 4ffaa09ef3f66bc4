"""What a model does with an argument that takes floats only: ``torch.stft``, most layers."""

import ast
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import attribute_values
from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    constructor_of,
    full_name_in,
    method_body,
)
from espnet3_compiler.checks.data.certain_code import (
    assigned_values,
    certain_nodes,
    kept_arguments,
    positional_names,
)
from espnet3_compiler.checks.items.integer_arrays import SAME
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping
from espnet3_schemas import TARGET

_DEPTH = 6
_FLOAT_FUNCTIONS = (
    "torch.stft",
    *(
        f"torch.nn.functional.{name}"
        for name in ("linear", "conv1d", "conv2d", "layer_norm", "batch_norm")
    ),
)
_FLOAT_LAYERS = (
    *("BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "ConvTranspose1d", "GroupNorm", "GRU"),
    *("InstanceNorm1d", "LayerNorm", "Linear", "LSTM", "MultiheadAttention", "RNN"),
    *("TransformerEncoder", "TransformerEncoderLayer"),
)
_FLOAT_FEATURES = ("MFCC", "MelSpectrogram", "Spectrogram")


class FloatUse(Struct, frozen=True):
    """What takes floats only.

    Attributes:
        name: How it is called.
        body: The function that gives it the field.
        call: The call.
    """

    name: str
    body: FunctionBody
    call: ast.Call


class Taker(Struct, frozen=True):
    """A method of a model or of one of its parts, which gets the field.

    Attributes:
        library: Reads the code of the recipe.
        node: The object, as the recipe writes it; None where a constructor makes it.
        path: The dotted path of its class.
        body: The method.
    """

    library: Library
    node: Mapping | None
    path: str
    body: FunctionBody


def float_use(taker: Taker, name: str, depth: int = 0) -> FloatUse | None:
    """Return what takes floats only and gets an argument of a method as it is.

    Args:
        taker: The method.
        name: The argument.
        depth: How many methods were followed.
    """
    names = _same_names(taker.body, name)
    if depth > _DEPTH or not names:
        return None
    for item in certain_nodes(taker.body.node.body):
        if isinstance(item, ast.Call):
            place = next((n for n, one in enumerate(item.args) if _is_same(one, names)), None)
            words = [one.arg for one in item.keywords if one.arg and _is_same(one.value, names)]
            if place is not None or words:
                found = _use_of(taker, item, place, words, depth)
                if found:
                    return found
    return None


def _same_names(body: FunctionBody, name: str) -> set[str]:
    """Return the variables of a function that certainly are an argument, seen in another shape."""
    every = [*body.node.args.posonlyargs, *body.node.args.args, *body.node.args.kwonlyargs]
    changed = assigned_values(body.node, name, kept=True)
    if name not in [one.arg for one in every] or changed is None:
        return set()
    if not all(_is_same(one, {name}) for one in changed):
        return set()
    names = {name}
    for item in body.node.body:
        match item:
            case ast.Assign(targets=[ast.Name(id=other)], value=value) if _is_same(value, names):
                names |= {other} if len(assigned_values(body.node, other) or ()) == 1 else set()
    return names


def _is_same(value: ast.expr, names: set[str]) -> bool:
    """Return whether an expression has the numbers of one of some variables as they are."""
    match value:
        case ast.Name(id=name):
            return name in names
        case ast.Call(func=ast.Attribute(value=owner, attr=method)):
            return method in SAME and _is_same(owner, names)
        case ast.Subscript(value=owner):
            return _is_same(owner, names)
    return False


def _use_of(
    taker: Taker, call: ast.Call, place: int | None, words: Sequence[str], depth: int
) -> FloatUse | None:
    """Return what takes floats only among what a call leads to.

    Args:
        taker: The method that has the call.
        call: The call.
        place: The place of the field among its arguments.
        words: The names by which it is given instead.
        depth: How many methods were followed.
    """
    library, shown = taker.library, dotted_name(call.func) or ""
    first, _, attribute = shown.partition(".")
    if first != "self":
        full = full_name_in(library, taker.body, shown) if place == 0 else ""
        return FloatUse(full, taker.body, call) if full in _FLOAT_FUNCTIONS else None
    own = method_body(library, taker.path, attribute)
    if own is not None:
        return _go_on(replace(taker, body=own), place, words, depth)
    layer = _layer_of(library, taker.path, attribute)
    if layer:
        return FloatUse(layer, taker.body, call) if place == 0 else None
    part = _given_part(taker, attribute)
    path = text_of(part.get(TARGET)) if part else ""
    inside = method_body(library, path, "forward") if path else None
    return _go_on(Taker(library, part, path, inside), place, words, depth) if inside else None


def _go_on(taker: Taker, place: int | None, words: Sequence[str], depth: int) -> FloatUse | None:
    names = positional_names(taker.body.node)
    name = words[0] if place is None else (names[place] if place < len(names) else "")
    return float_use(taker, name, depth + 1) if name else None


def _layer_of(library: Library, path: str, attribute: str) -> str:
    """Return the layer of PyTorch or torchaudio that an attribute certainly is; empty if none.

    Args:
        library: Reads the class.
        path: Its dotted path.
        attribute: The attribute.
    """
    given = attribute_values(library, path, attribute)
    made = given[0].value if len(given) == 1 else None
    while isinstance(made, ast.Call):
        name = full_name(library, given[0].found.location, dotted_name(made.func) or "-")
        package, _, last = name.rpartition(".")
        if package == "torch.nn" and last == "Sequential" and made.args:
            made = made.args[0]
            continue
        layers = {"torch.nn": _FLOAT_LAYERS, "torchaudio.transforms": _FLOAT_FEATURES}
        return name if last in layers.get(package, ()) else ""
    return ""


def _given_part(taker: Taker, attribute: str) -> Mapping | None:
    """Return the object of the recipe that a constructor keeps as an attribute."""
    placed = constructor_of(taker.library, taker.path)
    values = attribute_values(taker.library, taker.path, attribute)
    argument = kept_arguments(placed.body.node).get(attribute) if placed else None
    part = taker.node.get(argument) if taker.node and argument else None
    return part if isinstance(part, Mapping) and len(values) == 1 else None
