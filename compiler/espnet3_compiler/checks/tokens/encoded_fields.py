"""The fields whose texts a preprocessor makes tokens of, each with the tokenizer that does.

``TextToTokens`` is found in a config, and where the constructor of a class of the recipe makes one
of its arguments.
"""

import ast
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import constructor_of, full_name_in, method_body
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.flow import dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import output_uses
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_schemas import TARGET

_ENCODER = "espnet3_runtime.data.preprocess.TextToTokens"
_TOKENIZER, _FIELD = "tokenizer", "field"
DEFAULT_FIELD = "text"
TOKENIZER_OUTPUT = "tokenizer_model"


class EncodedField(Struct, frozen=True):
    """A field whose text becomes the tokens of a tokenizer.

    Attributes:
        field: The field.
        node: Where the tokenizer is named.
        maker: The stage that trains it.
        said: What makes the tokens, where the field could be named; None for the config.
    """

    field: str
    node: Scalar
    maker: str
    said: Span | None = None


def encoded_fields(node: Mapping, library: Library) -> Iterator[EncodedField]:
    """Yield the fields that a preprocessor encodes, each with its tokenizer."""
    path = text_of(node.get(TARGET))
    own = [(text_of(node.get(_FIELD)) or DEFAULT_FIELD, _TOKENIZER, None)]
    for field, argument, said in own if path == _ENCODER else _fields_of_class(path, library):
        given = node.get(argument)
        for maker, output, _ in output_uses(given) if isinstance(given, Scalar) else ():
            if output == TOKENIZER_OUTPUT and isinstance(given, Scalar):
                yield EncodedField(field, given, maker, said)


def _fields_of_class(path: str, library: Library) -> Iterator[tuple[str, str, Span | None]]:
    """Yield the fields that a class of the recipe encodes: the argument and the call of each.

    Args:
        path: The dotted path of the class.
        library: Reads it.
    """
    found = constructor_of(library, path) if path else None
    called = method_body(library, path, "__call__") if found else None
    if found is None or called is None:
        return
    touched = {one.value for one in ast.walk(called.node) if isinstance(one, ast.Constant)}
    parameters = {one.arg for one in ast.walk(found.body.node.args) if isinstance(one, ast.arg)}
    names = [one for one in ast.walk(found.body.node) if isinstance(one, ast.Name)]
    stored = {one.id for one in names if not isinstance(one.ctx, ast.Load)}
    for call in ast.walk(found.body.node):
        name = dotted_name(call.func) if isinstance(call, ast.Call) else None
        if not isinstance(call, ast.Call) or not name:
            continue
        if full_name_in(library, found.body, name) != _ENCODER:
            continue
        pair = _arguments_of(call)
        if pair and pair[0] not in touched and pair[1] in parameters - stored:
            yield *pair, found.body.span_in(call)


def _arguments_of(call: ast.Call) -> tuple[str, str] | None:
    """Return the field and the name of the tokenizer of a plain call of ``TextToTokens``."""
    given: dict[str | None, ast.expr] = dict(zip((_TOKENIZER, _FIELD), call.args, strict=False))
    given |= {one.arg: one.value for one in call.keywords}
    tokenizer, field = given.get(_TOKENIZER), given.get(_FIELD, ast.Constant(DEFAULT_FIELD))
    plain = isinstance(tokenizer, ast.Name) and isinstance(field, ast.Constant)
    if not plain or not isinstance(tokenizer, ast.Name) or not isinstance(field, ast.Constant):
        return None
    return str(field.value), tokenizer.id
