"""The arguments of a preprocessor that name fields which it reads, and those that items lack."""

import ast

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import default_values, method_body
from espnet3_compiler.checks.data.certain_code import kept_arguments
from espnet3_compiler.checks.data.sample_fields import (
    INDEXING,
    SAME_FIELDS,
    Fields,
    is_name,
    nodes_read_by,
    sample_parameter,
)
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.values import as_text
from espnet3_compiler.signature.flow import FunctionNode, all_nodes, literal_text
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.span_key import is_written
from espnet3_compiler.syntax.tree import Mapping, Scalar
from espnet3_schemas import TARGET

_PLAIN = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)
_GUARDS = (ast.IfExp, ast.Compare, ast.BoolOp, ast.Lambda, ast.comprehension)


class LackingField(Struct, frozen=True):
    """A field that a preprocessor needs and does not get.

    Attributes:
        name: The field.
        argument: The argument that names it.
        node: Its value; None where it is left at its default.
    """

    name: str
    argument: str
    node: Scalar | None


def lacking_fields(library: Library, node: Mapping, given: Fields) -> list[LackingField]:
    """Return the fields that arguments of a preprocessor name and that its items do not have.

    Args:
        library: Reads the code of the recipe.
        node: The preprocessor.
        given: The fields of the items that it changes.
    """
    found: list[LackingField] = []
    for argument, default in _field_arguments(library, node).items():
        value = node.get(argument)
        if value is None and default is not None:
            found.append(LackingField(default, argument, None))
        text = as_text(value)
        if text and is_written(text) and not is_unresolved(text):
            found.append(LackingField(str(text.value), argument, text))
    return [one for one in found if one.name not in given]


def _field_arguments(library: Library, node: Mapping) -> dict[str, str | None]:
    """Return the arguments of a preprocessor that name a field which it reads, with their defaults.

    One of which the default is no text, or that may be given in another way, comes with None.
    """
    open_ended = node.entry("_args_") or node.entry("_partial_")
    target = node.get(TARGET)
    path = str(target.value) if isinstance(target, Scalar) else ""
    if usual := {**SAME_FIELDS, **INDEXING}.get(path):
        return {"field": None if open_ended else usual}
    body, made = (method_body(library, path, name) for name in ("__call__", "__init__"))
    if not body or not made:
        return {}
    kept = kept_arguments(made.node)
    read = _attributes_as_fields(body.node, sample_parameter(body.node))
    texts = {name: literal_text(value) for name, value in default_values(made)}
    names = [kept[one] for one in read if one in kept]
    return {one: None if open_ended else texts.get(one) for one in names}


def _attributes_as_fields(node: FunctionNode, sample: str) -> set[str]:
    """Return the attributes X of which a call reads ``sample[self.X]`` before anything else.

    What comes behind a condition, or after a change of the sample, may be right whatever it reads.
    """
    found: set[str] = set()
    for statement in node.body:
        items = list(all_nodes(statement))
        if not isinstance(statement, _PLAIN) or any(isinstance(item, _GUARDS) for item in items):
            break
        understood: list[ast.AST] = []
        for item in items:
            match item:
                case ast.Subscript(value=value, slice=key, ctx=ast.Load()) if is_name(
                    value, sample
                ):
                    understood.append(value)
                    if isinstance(key, ast.Attribute) and is_name(key.value, "self"):
                        found.add(key.attr)
                case ast.Subscript():
                    pass
                case ast.Assign(
                    targets=[target], value=ast.Call(func=ast.Name(id="dict"), args=[_])
                ):
                    understood.append(target)
                case _:
                    understood += nodes_read_by(item)
        uses = {id(item) for item in items if is_name(item, sample)}
        if not uses <= set(map(id, understood)):
            break
    return found
