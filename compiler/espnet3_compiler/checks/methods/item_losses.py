"""Losses that keep one number for each item of a batch, of which training needs one for all.

Passes: ``return (loss / lengths).mean(), stats, weight`` where the loss has ``reduction="none"``.
Fails: ``return F.ctc_loss(…, reduction="none"), stats, weight``; ``return loss / lengths`` of such
a loss, also in a method or function of the recipe that ``forward`` calls, and of any other where
``lengths`` is a field of the batch; ``self.criterion(…)`` of
``nn.CrossEntropyLoss(reduction="none")``, made in the constructor or given by the config.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.checks.data.attributes import Assigned, attribute_values
from espnet3_compiler.checks.data.bodies import (
    FunctionBody,
    full_name_in,
    function_body,
    method_body,
    returned_values,
)
from espnet3_compiler.checks.data.certain_code import assigned_values, may_be_another
from espnet3_compiler.checks.methods.forward import has_plain_batches, trained_model
from espnet3_compiler.checks.methods.loss_values import loss_of
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.definitions import full_name
from espnet3_compiler.signature.flow import all_nodes, dotted_name
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read_method
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.lightning_models import lightning_model
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, node_at
from espnet3_schemas import TARGET

_FUNCTION = "torch.nn.functional."
_MODULE = r"torch\.nn\.(?:modules\.loss\.)?\w+Loss"
_NONE = "none"
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow)
_SAME_SHAPE = (
    *("abs", "add", "clamp", "clamp_max", "clamp_min", "clip", "clone", "contiguous", "div"),
    *("double", "exp", "float", "log", "log1p", "masked_fill", "mul", "nan_to_num", "neg"),
    *("pow", "sqrt", "square", "sub", "to"),
)
"""Methods of tensors, and functions of torch, that keep the shape of the first tensor."""

_OVER_AXIS = ("mean", "sum")
"""Methods that leave the other axes, where they are told one of them."""

_DEPTH = 8


class _LossScope(Struct, frozen=True):
    """A function in which a loss is followed.

    Attributes:
        library: Reads modules.
        path: The class whose object ``self`` is; empty in a function.
        body: The function.
        model: The model as the config writes it.
        fields: Its arguments that are fields of a batch, which have a value for each item.
        asked: The variables whose values this is asked for.
        depth: Through how many functions the loss came.
    """

    library: Library
    path: str
    body: FunctionBody
    model: Mapping | None
    fields: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    depth: int = 0


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R428, once for each loss."""
    found: list[Diagnostic] = []
    judged: set[tuple[int, frozenset[str]]] = set()
    for stage in stages_of_kind("train", recipe):
        path, bare = trained_model(stage, resolved), lightning_model(stage, recipe, resolved)
        if path and bare[1] is None and not _is_single(stage, resolved):  # others have own steps
            model = model_of(stage, resolved)
            fields = _fields_of(stage, path, recipe, resolved)
            if (id(model), fields) not in judged:  # most trainings of a recipe have one model
                judged.add((id(model), fields))
                found += _check_model(path, model, fields, recipe.library)
    yield from first_per_location(found)


def _check_model(
    path: Scalar, model: Mapping | None, fields: frozenset[str], library: Library
) -> list[Diagnostic]:
    """Return the findings about the losses of a model.

    Args:
        path: Its class.
        model: The model as the config writes it.
        fields: The arguments of ``forward`` that are fields of a batch.
        library: Reads modules.
    """
    body = method_body(library, str(path.value), "forward")
    if body is None:
        return []
    scope = _LossScope(library, str(path.value), body, model, fields)
    kept = [_kept(loss_of(one), scope) for one in returned_values(body.node)]
    return [_finding(one, path) for one in kept if one] if all(kept) else []


def _is_single(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether all batches have one item, whose loss is one number."""
    config = certain_config(stage, "training", resolved)
    keys = [("dataloader", split, "batches", "batch_size") for split in ("train", "valid")]
    sizes = [node_at(config, key) for key in keys] if config else []
    return bool(sizes) and all(isinstance(one, Scalar) and one.value == 1 for one in sizes)


def _kept(value: ast.expr | None, scope: _LossScope) -> Span | None:
    """Return where a value certainly keeps one number for each item; None where it may not."""
    match value:
        case ast.Name(id=name):
            return _kept_variable(name, value, scope)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _ARITHMETIC):
            either = _is_kept(left, scope) or _is_kept(right, scope)
            return scope.body.span_in(value) if either else None
        case ast.UnaryOp(operand=inner):
            return scope.body.span_in(value) if _is_kept(inner, scope) else None
        case ast.IfExp(body=one, orelse=other):
            return _all_kept([_kept(one, scope), _kept(other, scope)])
        case ast.Call():
            return _kept_by_call(value, scope)
    return None


def _is_kept(value: ast.expr | None, scope: _LossScope) -> bool:
    """Return whether an operand is a field of the batch, or keeps one number for each item."""
    if isinstance(value, ast.Name) and value.id in scope.fields:
        return not may_be_another(scope.body.node, value.id)
    return _kept(value, scope) is not None


def _fields_of(
    stage: StageDecl, path: Scalar, recipe: Recipe, resolved: Resolved
) -> frozenset[str]:
    """Return the arguments of ``forward`` that certainly are fields of a batch of the runtime.

    Args:
        stage: The stage that trains.
        path: The model.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    config = certain_config(stage, "training", resolved)
    signature = read_method(recipe.library, str(path.value), "forward")
    plain = config is not None and has_plain_batches(config, "train")
    taken = signature.parameters if plain and isinstance(signature, Signature) else ()
    return frozenset(one.name for one in taken if one.required)


def _all_kept(found: Sequence[Span | None]) -> Span | None:
    return found[-1] if found and all(found) else None


def _kept_variable(name: str, value: ast.expr, scope: _LossScope) -> Span | None:
    if name in scope.asked:
        return scope.body.span_in(value)  # as what it was before: the other values decide
    args = scope.body.node.args
    if any(isinstance(one, ast.arg) and one.arg == name for one in all_nodes(args)):
        return None
    given = assigned_values(scope.body.node, name, kept=True) or []
    inside = replace(scope, asked=scope.asked | {name})
    return _all_kept([_kept(one, inside) for one in given])


def _kept_by_call(call: ast.Call, scope: _LossScope) -> Span | None:
    name = dotted_name(call.func) or ""
    full = full_name_in(scope.library, scope.body, name)
    if full.startswith(_FUNCTION):
        return _none_among(call.keywords, scope.body)
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=method) if scope.path:
            body = method_body(scope.library, scope.path, method)
            return _returned(body, call, scope, scope.path) or _kept_by_part(method, call, scope)
        case ast.Call(func=made, keywords=words) if _is_loss(made, scope.library, scope.body):
            return _none_among(words, scope.body)
        case ast.Attribute(value=owner, attr=method) if name.partition(".")[0] != "torch":
            same = method in _SAME_SHAPE or (method in _OVER_AXIS and _names_axis(call))
            return scope.body.span_in(call) if same and _is_kept(owner, scope) else None
    first = call.args[0] if call.args else None
    if name.rpartition(".")[0] == "torch" and name.rpartition(".")[2] in _SAME_SHAPE:
        return scope.body.span_in(call) if _is_kept(first, scope) else None
    plain = full and "." not in name
    return _returned(function_body(scope.library, full) if plain else None, call, scope, "")


def _returned(
    body: FunctionBody | None, call: ast.Call, scope: _LossScope, path: str
) -> Span | None:
    """Return where all results of a function keep the items apart.

    Args:
        body: The function.
        call: The call of it.
        scope: Where it is called.
        path: The class of which it is a method; empty for a function.
    """
    if body is None or scope.depth > _DEPTH:
        return None
    fields = frozenset(_given_fields(body, call, scope, path))
    inside = _LossScope(scope.library, path, body, scope.model, fields, depth=scope.depth + 1)
    return _all_kept([_kept(one, inside) for one in returned_values(body.node)])


def _given_fields(
    body: FunctionBody, call: ast.Call, scope: _LossScope, path: str
) -> Iterator[str]:
    """Yield the arguments of a function that a call gives fields of the batch."""
    args = body.node.args
    names = [one.arg for one in (*args.posonlyargs, *args.args)][bool(path) :]
    starred = any(isinstance(one, ast.Starred) for one in call.args)
    pairs = [] if starred else [*zip(names, call.args, strict=False)]
    for name, value in (*pairs, *((one.arg, one.value) for one in call.keywords)):
        if name and isinstance(value, ast.Name) and _is_kept(value, scope):
            yield name


def _kept_by_part(name: str, call: ast.Call, scope: _LossScope) -> Span | None:
    """Return where a loss of PyTorch that an object holds is told to keep the items apart."""
    given = attribute_values(scope.library, scope.path, name)
    return _all_kept([_kept_by_value(one, call, scope) for one in given])


def _kept_by_value(given: Assigned, call: ast.Call, scope: _LossScope) -> Span | None:
    match given.value:
        case ast.Call(func=made, keywords=words):
            name = full_name(scope.library, given.found.location, dotted_name(made) or "-")
            told = re.fullmatch(_MODULE, name) and any(map(_keeps_all, words))
            return scope.body.span_in(call) if told else None
        case ast.Name(id=argument) if given.node.name == "__init__" and scope.model:
            node = scope.model.get(argument)
            return _kept_by_config(node) if isinstance(node, Mapping) else None
    return None


def _kept_by_config(node: Mapping) -> Span | None:
    reduction: Node | None = node.get("reduction")
    loss = re.fullmatch(_MODULE, text_of(node.get(TARGET)))
    told = loss and isinstance(reduction, Scalar) and reduction.value == _NONE
    return use_location(reduction) if told and isinstance(reduction, Scalar) else None


def _is_loss(made: ast.expr, library: Library, body: FunctionBody) -> bool:
    name = full_name_in(library, body, dotted_name(made) or "")
    return re.fullmatch(_MODULE, name) is not None


def _names_axis(call: ast.Call) -> bool:
    """Return whether a mean is taken over another axis than the items: ``loss.mean(1)``."""
    axes = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "dim")]
    return len(axes) == 1 and isinstance(axes[0], ast.Constant) and axes[0].value in (1, 2, 3)


def _none_among(words: Sequence[ast.keyword], body: FunctionBody) -> Span | None:
    return next((body.span_in(one.value) for one in words if _keeps_all(one)), None)


def _keeps_all(word: ast.keyword) -> bool:
    value = word.value.value if isinstance(word.value, ast.Constant) else None
    return (word.arg == "reduction" and value == _NONE) or (word.arg == "reduce" and value is False)


def _finding(place: Span, path: Scalar) -> Diagnostic:
    return Diagnostic(
        "R428",
        f"{path.value}.forward must return one number as its loss, not one for each item",
        Label(place, "keeps them apart"),
        (Label(use_location(path), "trained here"),),
        ('write .mean() or .sum() behind it, or leave out reduction="none"',),
    )
