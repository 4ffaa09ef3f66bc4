"""Objects that a constructor makes and keeps: data sets in a data set, steps of a preprocessor.

``self.steps = TextToTokens(a), TextToTokens(b, field="translation")`` are two parts; each is
written as a config would have it, so that what is known of such configs holds for it, too.
"""

import ast

from espnet3_compiler.checks.data.attributes import Assigned, attribute_values
from espnet3_compiler.checks.data.bodies import class_of
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import FunctionNode, dotted_name, literal_text, own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.syntax.tree import Entry, Mapping, Scalar
from espnet3_schemas import TARGET

_RUNTIME = "espnet3_runtime."


def part_of(library: Library, path: str, value: ast.expr) -> Mapping | None:
    """Return the one object that ``self.NAME`` is, if a constructor plainly makes it.

    Args:
        library: Reads modules.
        path: The dotted path of the class whose method has the expression.
        value: The expression.
    """
    match value:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            given = attribute_values(library, path, name)
            if len(given) == 1 and isinstance(given[0].value, ast.Call):
                return _written(library, given[0], given[0].value)
    return None


def looped_parts(
    library: Library, path: str, node: FunctionNode, name: str
) -> tuple[Mapping, ...] | None:
    """Return the objects that a variable is, one after another: ``for step in self.steps``.

    Args:
        library: Reads modules.
        path: The dotted path of the class.
        node: Its method.
        name: The variable.
    """
    stores = [
        item
        for item in own_nodes(node)
        if isinstance(item, ast.Name) and item.id == name and not isinstance(item.ctx, ast.Load)
    ]
    for item in own_nodes(node) if len(stores) == 1 else ():
        match item:
            case ast.For(
                target=target, iter=ast.Attribute(value=ast.Name(id="self"), attr=attribute)
            ) if target is stores[0]:
                return _parts_in(library, attribute_values(library, path, attribute))
    return None


def _parts_in(library: Library, given: tuple[Assigned, ...]) -> tuple[Mapping, ...] | None:
    value = given[0].value if len(given) == 1 else None
    items = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    made = [_written(library, given[0], one) for one in items if isinstance(one, ast.Call)]
    known = tuple(one for one in made if one is not None)
    return known if items and len(known) == len(items) else None


def _written(library: Library, place: Assigned, call: ast.Call) -> Mapping | None:
    """Return a call as the mapping that a config would have for it; None where it is not plain."""
    name, file = dotted_name(call.func), library.file(place.found.location)
    path = full_name(library, place.found.location, name) if name else ""
    plain = not any(isinstance(one, ast.Starred) for one in call.args)
    if file is None or not path or not plain or any(one.arg is None for one in call.keywords):
        return None
    found = class_of(library, path)
    if found is None or not (found.location.local or path.startswith(_RUNTIME)):
        return None
    signature = read(library, path)
    if not isinstance(signature, Signature) or len(signature.positional) < len(call.args):
        return None
    span = file.expression_span(call.func)
    named = [
        *zip((one.name for one in signature.positional), call.args, strict=False),
        *((str(one.arg), one.value) for one in call.keywords),
    ]
    entries = (_entry(key, value, span) for key, value in named)
    return Mapping((Entry(Scalar(TARGET, span), Scalar(path, span)), *entries), span)


def _entry(name: str, value: ast.expr, span: Span) -> Entry:
    """Return an argument as an entry; one that is no text is shown as a mapping: not known."""
    text = literal_text(value)
    return Entry(Scalar(name, span), Mapping((), span) if text is None else Scalar(text, span))
