"""Blanks of CTC that are another token than the one that the tokenizer has for it.

Passes: ``ctc_loss(…, blank=0)``; any blank where the runner does not drop token 0.
Fails: ``blank=vocab_size - 1`` for a text that ``TextToTokens`` encodes, where the runner of the
recipe drops 0: the first token is ``<blank>``, the last ``<sos/eos>``.
"""

import ast
from collections.abc import Iterator, Mapping

from msgspec import Struct

from espnet3_compiler.checks.data.bodies import class_of, method_body
from espnet3_compiler.checks.shapes.values import CallArgument, Constant, Place, Tensor
from espnet3_compiler.checks.tokens.encoded_fields import encoded_fields
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.signature.flow import all_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax import tree
from espnet3_compiler.syntax.tree import node_at
from espnet3_schemas import TARGET

_BLANK, _TARGETS = "blank", "targets"


class Blank(Struct, frozen=True):
    """The blank of a loss, which is not token 0.

    Attributes:
        field: The field of a batch that has the tokens.
        place: Where it is written.
    """

    field: str
    place: Place


def blank_of(given: Mapping[str, CallArgument]) -> Iterator[Blank]:
    """Yield the blank of a loss if it is certainly another token than the first.

    Args:
        given: The arguments of the loss, by name.
    """
    blank, tokens = given.get(_BLANK), given[_TARGETS].value if _TARGETS in given else None
    field = tokens.meaning.field if isinstance(tokens, Tensor) else ""
    if blank and blank.place and field and _is_other(blank):
        yield Blank(field, blank.place)


def _is_other(blank: CallArgument) -> bool:
    """Return whether a number is certainly greater than 0: written so, or one below a size."""
    if isinstance(blank.value, Constant):
        return type(blank.value.value) is int and blank.value.value > 0
    match blank.place and blank.place.node:
        case ast.BinOp(op=ast.Sub(), left=left, right=ast.Constant(value=1)):
            return _is_size(left)
    return False


def _is_size(node: ast.expr) -> bool:
    match node:
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.Call(func=ast.Attribute(attr="size")):
            return True
    return False


def blank_findings(found: list[Blank], recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R527 for tokens that a tokenizer makes, where what decodes them drops the first.

    Args:
        found: The blanks of losses.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    places = {one.field: one.place for one in found}
    encoded = _encoded(recipe, resolved) if places else set()
    for name in encoded & places.keys() if places and _drops_first(recipe, resolved) else ():
        yield Diagnostic(
            "R527",
            f'the blank of ctc_loss is not token 0, which is the <blank> of "{name}": the runner '
            "drops that one",
            Label(places[name].span, "another token"),
            help=("leave out blank, or write blank=0",),
        )


def _encoded(recipe: Recipe, resolved: Resolved) -> set[str]:
    """Return the fields that the tokenizers of the recipe encode for training."""
    found: set[str] = set()
    for stage in stages_of_kind("train", recipe):
        config = certain_config(stage, "training", resolved)
        node = node_at(config, ("dataset", "preprocessor")) if config else None
        if isinstance(node, tree.Mapping):
            found |= {one.field for one in encoded_fields(node, recipe.library)}
    return found


def _drops_first(recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether all runners of the recipe drop token 0."""
    configs = [
        certain_config(one, "inference", resolved) for one in stages_of_kind("infer", recipe)
    ]
    paths = [node_at(one, ("runner", TARGET)) if one else None for one in configs]
    return bool(paths) and all(
        isinstance(path, tree.Scalar) and _leaves_out_zero(recipe.library, str(path.value))
        for path in paths
    )


def _leaves_out_zero(library: Library, path: str) -> bool:
    found = class_of(library, path)
    bodies = (method_body(library, path, name) for name in (found.summary.members if found else ()))
    return any(
        _is_not_zero(test, one.elt)
        for body in bodies
        if body
        for one in all_nodes(body.node)
        if isinstance(one, ast.ListComp | ast.GeneratorExp)
        for part in one.generators
        for test in part.ifs
    )


def _is_not_zero(test: ast.expr, item: ast.expr) -> bool:
    """Return whether a condition leaves out the number 0: also ``tokens[i] for i in ids if i``."""
    match test:
        case ast.Compare(ops=[ast.NotEq() | ast.Gt()], comparators=[ast.Constant(value=0)]):
            return True
        case ast.Name(id=name):
            index = item.slice if isinstance(item, ast.Subscript) else None
            return isinstance(index, ast.Name) and index.id == name
    return False
