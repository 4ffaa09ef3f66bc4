"""Lists and numbers of Python that functions and layers of PyTorch get where they take tensors.

Passes: ``F.cross_entropy(scores, label, self.weights)`` where ``weights`` is a buffer; a number
where ``float`` is among what the parameter may be.
Fails: the same where ``self.weights = weights`` is the list of the recipe.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from espnet3_compiler.checks.shapes.values import CallArgument, Constant
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.signature.annotation import parameter_type
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.signature.types import NONE, InstanceType, Type, UnionType
from espnet3_compiler.syntax.span_key import first_per_location, span_key

_PYTHON = "torch.nn.functional."
"""Functions written in Python: a compiled one may make a tensor of a number, and layers take many
numbers."""

_KINDS = {list: "a list", tuple: "a tuple", int: "a number", float: "a number"}
_LISTS = (list, tuple)


class PlainValue(Struct, frozen=True):
    """A value that certainly is no tensor where one is taken.

    Attributes:
        path: What takes it.
        name: The parameter.
        argument: The value.
    """

    path: str
    name: str
    argument: CallArgument


def plain_values(
    library: Library, path: str, given: Sequence[CallArgument], named: Mapping[str, CallArgument]
) -> Iterator[PlainValue]:
    """Yield the arguments of a call that should be tensors.

    Args:
        library: Reads the annotations of what is called.
        path: Its dotted path.
        given: The arguments without a name.
        named: Those with one.
    """
    kinds = tuple(_KINDS) if path.startswith(_PYTHON) else _LISTS
    if not any(_is_plain(one, kinds) for one in (*given, *named.values())):
        return
    signature = read(library, path)
    if not isinstance(signature, Signature):
        return
    pairs = [*zip(signature.positional, given, strict=False)]
    pairs += [(known, one) for name, one in named.items() if (known := signature.find(name))]
    for parameter, one in pairs:
        if _is_plain(one, kinds) and _takes_tensors(parameter_type(library, parameter)):
            yield PlainValue(path, parameter.name, one)


def _is_plain(argument: CallArgument, kinds: tuple[type, ...]) -> bool:
    value = argument.value
    return argument.place is not None and isinstance(value, Constant) and type(value.value) in kinds


def _takes_tensors(wanted: Type) -> bool:
    """Return whether a type is that of tensors, and of nothing else but None."""
    options = wanted.options if isinstance(wanted, UnionType) else (wanted,)
    left = [one for one in options if one != NONE]
    return bool(left) and all(
        isinstance(one, InstanceType) and one.name == "Tensor" for one in left
    )


def plain_findings(found: Iterable[PlainValue]) -> list[Diagnostic]:
    """Return R504, once for each argument."""
    return first_per_location(map(_finding, found))


def _finding(found: PlainValue) -> Diagnostic:
    place, *others = found.argument.places
    value = found.argument.value
    kind = _KINDS[type(value.value)] if isinstance(value, Constant) else ""
    spans = {span_key(one.span): one.span for one in others}
    spans.pop(span_key(place.span), None)
    owner, _, name = place.text.rpartition(".")
    kept = f'self.register_buffer("{name}", torch.tensor(…)) in place of self.{name} = …'
    return Diagnostic(
        "R504",
        f'"{found.name}" of {found.path} must be a tensor, not {kind}',
        Label(place.span, f"{kind} here"),
        tuple(Label(span, "it comes from here") for span in spans.values()),
        (f"write {kept}" if owner == "self" else f"write torch.tensor({place.text})",),
    )
