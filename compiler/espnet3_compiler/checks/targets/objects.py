"""Advice where an argument must be an object and the config holds plain data."""

from espnet3_compiler.checks.targets.recipe_classes import class_paths, suited_modules
from espnet3_compiler.checks.targets.target_call import TargetCall
from espnet3_compiler.signature import types
from espnet3_compiler.signature.definitions import ClassFound
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.signature.types import Type
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar

_MAX_NAMED = 2


def object_advice(call: TargetCall, wanted: Type, name: str, value: Node) -> tuple[str, ...]:
    """Return how to write an object where plain data is given; nothing for another type.

    Args:
        call: The call that gets the argument.
        wanted: The type of the argument.
        name: The argument.
        value: What is given.
    """
    options = wanted.options if isinstance(wanted, types.UnionType) else (wanted,)
    if not any(isinstance(item, types.InstanceType) for item in options):
        return ()
    if isinstance(value, Mapping):
        return (_advice_on_mapping(call, name, value),)
    path = named_class(call.library, value)
    if path:
        return (f"write {{_target_: {path}}}",)
    return (f"an object is written {{_target_: package.Class, …}}: name the class of {name}",)


def named_class(library: Library, value: Node) -> str | None:
    """Return the path of the class that a text names, whole or without its package."""
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        return None
    text = value.value
    if not all(map(str.isidentifier, text.split("."))):
        return None
    if isinstance(find_definition(library, text), ClassFound):
        return text
    found = [path for path in class_paths(library) if path.endswith(f".{text}")]
    return found[0] if len(found) == 1 else None


def _advice_on_mapping(call: TargetCall, name: str, value: Mapping) -> str:
    for entry in value:
        if isinstance(entry.value, Scalar) and named_class(call.library, entry.value):
            return f'write "_target_" in place of "{entry.name}"'
    found = suited_modules(call.library, name, value, call.signature.name)[:_MAX_NAMED]
    if not found:
        return 'it needs "_target_", the dotted path of its class'
    return f'it needs "_target_": did you mean {" or ".join(found)}?'
