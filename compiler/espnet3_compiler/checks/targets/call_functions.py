"""What a ``call`` stage cannot call with effect: methods, coroutines, generators and modules."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.suggest import is_certain_match
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.signature.definitions import FunctionFound, definition_location
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.module_summary import FunctionSummary
from espnet3_compiler.signature.resolve_name import find_definition
from espnet3_compiler.syntax.tree import Mapping, Scalar, walk_scalars

_LATER = {
    "coroutine": ("an async function", "await", "make it a plain function"),
    "generator": ("a generator", "go through", "let it do its work without yield"),
}


def check_method(library: Library, path: Scalar, *, of_call: bool = False) -> Diagnostic | None:
    """Return R505 for a method, which can be called on an object only.

    Args:
        library: Where the method is looked up.
        path: Its dotted path.
        of_call: A ``call`` stage names it, for which a class does not serve.
    """
    found, function = _plain_function(library, path)
    first = function.params[0].name if function and function.params else ""
    if found is None or function is None or found.owner is None or first != "self":
        return None
    owner = found.owner.name
    advice = f"a function that makes a {owner} and calls its method"
    if not of_call:
        advice = f'the class, "{str(path.value).rpartition(".")[0]}", or {advice}'
    return value_finding(
        "R505",
        f'"{path.value}" is a method, which needs an object of {owner}',
        path,
        "a method",
        advice=(f"name {advice}",),
        notes=(f"defined at {definition_location(found.location, function.line)}",),
    )


def check_later(library: Library, path: Scalar) -> Diagnostic | None:
    """Return R505 for a function of which a call runs nothing."""
    found, function = _plain_function(library, path)
    if found is None or function is None or function.gives not in _LATER:
        return None
    what, step, advised = _LATER[function.gives]
    return value_finding(
        "R505",
        f'"{path.value}" is {what}: nobody would {step} it, and nothing would run',
        path,
        what,
        advice=(advised,),
        notes=(f"defined at {definition_location(found.location, function.line)}",),
    )


def _plain_function(
    library: Library, path: Scalar
) -> tuple[FunctionFound | None, FunctionSummary | None]:
    """Return the function of a dotted path and its summary, where nothing decorates it."""
    found = find_definition(library, str(path.value))
    if not isinstance(found, FunctionFound):
        return None, None
    function = library.function(found.location, found.pieces[-1])
    return (found, None if function is None or function.decorators else function)


def check_outputs(given: Mapping, outputs: list[tuple[str, Scalar]]) -> Iterator[Diagnostic]:
    """Yield R513 for outputs that resemble a path that the call is given, and are none.

    Args:
        given: The ``with`` block.
        outputs: The outputs, each with its path.
    """
    texts = [leaf.value for _, leaf in walk_scalars(given) if isinstance(leaf.value, str)]
    paths = [PurePosixPath(text) for text in texts if text]
    for name, node in outputs:
        path = PurePosixPath(str(node.value))
        near = [item for item in paths if is_nearly(item, path)]
        if not is_unresolved(node) and near and not any(map(path.is_relative_to, paths)):
            yield not_given(name, node, str(near[0]))


def not_given(name: str, node: Scalar, other: str = "") -> Diagnostic:
    """Return R513 for an output that a call is not given.

    Args:
        name: The output.
        node: Its path.
        other: The path that the call is given in its place, if there is one.
    """
    message = f'the call is not given its output "{name}", {node.value}'
    advice = f"give it to the function: with: {{…: {node.value}}}"
    if other:
        message += f", but {other}"
        advice = f"write the same path in both places: {node.value}"
    return value_finding("R513", message, node, "no argument names this path", advice=(advice,))


def is_nearly(path: PurePosixPath, other: PurePosixPath) -> bool:
    """Return whether two paths of one kind of file differ in their last names by a slip.

    Args:
        path: A path.
        other: Another one.
    """
    alike = path.parent == other.parent and path.suffix == other.suffix
    return alike and is_certain_match(path.name, [other.name])
