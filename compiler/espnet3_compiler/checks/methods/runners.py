"""The runner of an inference config: what it is called with, and what it gives.

Passes: ``def __call__(self, model, speech, **_)`` with ``input_key: speech``, which returns
``[{"text": …} …]`` for ``output_keys: [text]``.
Fails: ``def __call__(self, speech, model, **_)``; ``[{"guess": …} …]`` for ``output_keys: [text]``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import FunctionBody, class_of, method_body, returned_values
from espnet3_compiler.checks.data.fields import COLLATE, fields_after, fields_before, split_entries
from espnet3_compiler.checks.data.sample_fields import Fields, literal_fields
from espnet3_compiler.checks.findings import unknown_value
from espnet3_compiler.checks.methods.calls import uncallable
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.names import is_identifier
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.signature.classes import is_module_class
from espnet3_compiler.signature.read import read_method
from espnet3_compiler.signature.result import Signature
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, own_model
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, is_null, node_at
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R429 for a runner that cannot be called, R422 for outputs that it does not give."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        config = certain_config(stage, "inference", resolved)
        path = node_at(config, ("runner", TARGET)) if config else None
        body = method_body(recipe.library, text_of(path), "__call__")
        partial = node_at(config, ("runner", "_partial_")) if config else None
        if config and config.get("runner") is not None and not text_of(path):
            found += _check_model(recipe, config)
        if config and body and isinstance(path, Scalar) and partial is None:
            found += _check_call(recipe, config, path, body)
            found += _check_lengths(stage, path, body, recipe, resolved)
            found += _check_outputs(config, _given_outputs(body))
        elif config and is_null(config.get("runner")):
            found += _check_outputs(config, _given_by_model(stage, recipe, resolved))
    yield from first_per_location(found)


def _check_call(
    recipe: Recipe, config: Mapping, path: Scalar, body: FunctionBody
) -> Iterator[Diagnostic]:
    name, used = f"{path.value}.__call__", use_location(path)
    signature = read_method(recipe.library, str(path.value), "__call__")
    fields = _batch_fields(recipe, config)
    if not isinstance(signature, Signature):
        return
    room = signature.positional
    advice = f"write def __call__(self, model, {', '.join(fields[:1]) or 'speech'}, **_)"
    if not room:
        if not signature.more_positional:
            message = f"{name} does not take the model, which it is called with first"
            yield uncallable(body, message, used, advice)
        return
    others = [item.name for item in signature.parameters if item.required and item != room[0]]
    unknown = [item for item in others if item not in fields]
    if room[0].name in fields:
        message = f'{name} gets the model first, and its first argument is "{room[0].name}"'
        yield uncallable(body, message, used, advice)
    elif fields and unknown:
        message = f'{name} needs "{unknown[0]}", and gets the model and {", ".join(fields)}'
        yield uncallable(body, message, used, advice)


def _check_lengths(
    stage: StageDecl,
    path: Scalar,
    body: FunctionBody,
    recipe: Recipe,
    resolved: Resolved,
) -> Iterator[Diagnostic]:
    """Report a runner that takes a field and not its lengths, which the model's batches have.

    Args:
        stage: The stage infer.
        path: The dotted path of the runner.
        body: Its ``__call__``.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    signature = read_method(recipe.library, str(path.value), "__call__")
    config = certain_config(stage, "inference", resolved)
    forward = _forward_of(stage, recipe, resolved)
    if config is None or not isinstance(signature, Signature) or body.node.args.kwarg:
        return
    fields = _batch_fields(recipe, config)
    given = {one.name for one in forward.parameters} & set(fields) if forward else set()
    for field in fields:
        name = f"{field}_lengths"
        if name in given and signature.find(field) and not signature.find(name):
            yield uncallable(
                body,
                f'{path.value}.__call__ has no argument "{name}", and gets it with {field}',
                use_location(path),
                "add **_ to its arguments, for fields that it does not need",
            )


def _forward_of(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Signature | None:
    """Return what ``forward`` of the model of a stage takes."""
    model = model_of(stage, resolved)
    path = text_of(model.get(TARGET)) if model else ""
    found = read_method(recipe.library, path, "forward") if path and "$" not in path else None
    return found if isinstance(found, Signature) else None


def _given_by_model(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Fields | None:
    """Return the names of what ``forward`` of a config's own model gives, without a runner."""
    model = own_model(stage, resolved)
    path = text_of(model.get(TARGET)) if model else ""
    body = method_body(recipe.library, path, "forward") if path and "$" not in path else None
    values = returned_values(body.node) if body else []
    if not values or not all(isinstance(one, ast.Dict) for one in values):
        return None
    found = [literal_fields(body.node, one) for one in values] if body else []
    known = [fields for fields in found if fields]
    return frozenset().union(*known) if len(known) == len(values) else None


def _check_model(recipe: Recipe, config: Mapping) -> Iterator[Diagnostic]:
    """Report a model of the config's own that cannot be called with the fields of ``input_key``."""
    path = node_at(config, ("model", TARGET))
    found = class_of(recipe.library, text_of(path)) if text_of(path) else None
    method = "forward" if found and is_module_class(recipe.library, found) else "__call__"
    body = method_body(recipe.library, text_of(path), method)
    signature = read_method(recipe.library, text_of(path), method) if body else None
    names = _input_names(config)
    if not body or not isinstance(signature, Signature) or not isinstance(path, Scalar):
        return
    missing = [item.name for item in signature.parameters if item.required]
    missing = [name for name in missing if name not in names]
    refused = [name for name in names if not signature.find(name)]
    if names and (missing or (refused and body.node.args.kwarg is None)):
        problem = f'needs "{missing[0]}"' if missing else f'has no argument "{refused[0]}"'
        given = ", ".join(names)
        message = f"{path.value}.{method} {problem}, and input_key gives it {given}"
        needed = ", ".join(item.name for item in signature.parameters if item.required)
        advice = f"write input_key: [{needed}], or def {method}(self, {given})"
        yield uncallable(body, message, use_location(path), advice)


def _batch_fields(recipe: Recipe, config: Mapping) -> tuple[str, ...]:
    """Return the fields that a runner may be given by name; none where they are not known."""
    names = _input_names(config)
    before = fields_before(split_entries(recipe, config, "test"))
    after = fields_after(config, "test", before, recipe) if before else None
    collate = node_at(config, ("dataloader", "collate_fn", TARGET))
    plain = isinstance(collate, Scalar) and collate.value == COLLATE
    if not plain or (after is not None and not after.issuperset(names)):
        return ()
    return tuple(one for name in names for one in (name, f"{name}_lengths"))


def _input_names(config: Mapping) -> list[str]:
    """Return the fields that a config names for its model; none where they are not known."""
    given, inputs = config.get("input_key"), node_at(config, ("contract", "inputs"))
    items = given.items if isinstance(given, Sequence) else (given,)
    names = [text for text in map(text_of, items) if text]
    if not names and isinstance(inputs, Mapping) and has_certain_keys(inputs):
        names = [entry.name for entry in inputs]
    return names if all("${" not in name for name in names) else []


def _check_outputs(config: Mapping, given: Fields | None) -> Iterator[Diagnostic]:
    """Report names of ``output_keys`` that no result has, where results are written out."""
    node = config.get("output_keys")
    giver = "model" if is_null(config.get("runner")) else "runner"
    if given is None or not isinstance(node, Sequence) or not is_written(node):
        return
    for item in node.items:
        if isinstance(item, Scalar) and item.value not in given and is_identifier(str(item.value)):
            known = sorted(given)
            yield unknown_value(
                "R422",
                f'the {giver} gives no "{item.value}"',
                item,
                known,
                hints=(f"write {' or '.join(known)}",),
            )


def _given_outputs(body: FunctionBody) -> Fields | None:
    """Return the names that the results of a runner may have; None where they are not known."""
    values = returned_values(body.node)
    every = [_result_of(value) for value in values]
    found = [literal_fields(body.node, one) if one is not None else None for one in every]
    known = [fields for fields in found if fields]
    return frozenset().union(*known) if known and len(known) == len(values) else None


def _result_of(value: ast.expr) -> ast.expr | None:
    """Return the expression of an item of a list that a runner returns."""
    match value:
        case ast.ListComp(elt=item) | ast.List(elts=[item]):
            return None if isinstance(item, ast.Starred) else item
    return None
