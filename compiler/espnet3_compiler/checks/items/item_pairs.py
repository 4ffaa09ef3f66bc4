"""Items of a batch, which are pairs, where a collate function takes them for samples.

Passes: ``[sample["speech"] for _, sample in items]``; ``items[0][1]["speech"]``.
Fails: ``[item["speech"] for item in items]``; ``items[0]["speech"]``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, function_body, method_body
from espnet3_compiler.checks.data.certain_code import may_be_another
from espnet3_compiler.checks.targets.nodes import config_keys, find_targets, flag_value
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.signature.flow import all_nodes, literal_text
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R429, once for each function."""
    found: list[Diagnostic] = []
    for target in find_targets(recipe, resolved):
        path = target.node.get(TARGET)
        known = config_keys(target.path) == ("dataloader", "collate_fn") and target.judged
        if known and isinstance(path, Scalar) and isinstance(path.value, str):
            partial = flag_value(target.node, "_partial_") is True
            found += _check_function(recipe, path, partial=partial)
    yield from first_per_location(found)


def _check_function(recipe: Recipe, path: Scalar, *, partial: bool) -> Iterator[Diagnostic]:
    name = str(path.value)
    body = (
        function_body(recipe.library, name)
        if partial
        else method_body(recipe.library, name, "__call__")
    )
    args = [*body.node.args.posonlyargs, *body.node.args.args] if body else []
    names = [one.arg for one in args[0 if partial else 1 :]]  # of a method without self
    if body is None or not names or may_be_another(body.node, names[0]):
        return
    subscripts = [one for one in all_nodes(body.node) if isinstance(one, ast.Subscript)]
    fields = [one for one in subscripts if literal_text(one.slice) is not None]
    wrong = [one for one in fields if _is_item(one.value, names[0], body)]
    for item in wrong[:1]:
        yield _finding(body, name if partial else f"{name}.__call__", item, path)


def _is_item(value: ast.expr, items: str, body: FunctionBody) -> bool:
    """Return whether an expression is certainly one of the items of a function."""
    match value:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int())):
            return name == items
        case ast.Name(id=name):
            return _is_loop_variable(name, items, body)
    return False


def _is_loop_variable(name: str, items: str, body: FunctionBody) -> bool:
    """Return whether a name is bound by loops over the items alone."""
    loops = [one for one in all_nodes(body.node) if isinstance(one, ast.For | ast.comprehension)]
    over = [one.target for one in loops if isinstance(one.iter, ast.Name) and one.iter.id == items]
    bound = [
        one
        for one in all_nodes(body.node)
        if (isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store))
        or (isinstance(one, ast.arg) and one.arg == name)
    ]
    return bool(bound) and all(one in over for one in bound)


def _finding(body: FunctionBody, name: str, item: ast.Subscript, path: Scalar) -> Diagnostic:
    return Diagnostic(
        "R429",
        f"{name} takes an item for a sample, and each item is a pair of utterance id and sample",
        Label(body.span_in(item), "of a pair"),
        (Label(use_location(path), "used here"),),
        ("write for utt_id, sample in items, and read fields of the sample",),
    )
