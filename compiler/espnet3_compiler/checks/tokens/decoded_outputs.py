"""Outputs that a runner decodes with the tokenizer of another text than they are compared with.

Passes: ``{"translation": self.target.decode(ids)}`` with the tokenizer that the training of the
weights encodes ``translation`` with.
Fails: the same with the tokenizer that it encodes ``text`` with, where a metric compares the output
``translation`` with ``dataset:translation``.
"""

import ast
from collections.abc import Iterator

from espnet3_compiler.checks.data.bodies import constructor_of, method_body, returned_values
from espnet3_compiler.checks.data.certain_code import assigned_pairs
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX
from espnet3_compiler.checks.tokens.encoded_fields import (
    TOKENIZER_OUTPUT,
    EncodedField,
    encoded_fields,
)
from espnet3_compiler.checks.tokens.tokenized_fields import tokenizers_of, trained_fields
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import mapping_entries, text_of
from espnet3_compiler.signature.flow import all_nodes, literal_text, own_nodes
from espnet3_compiler.signature.library import Library
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import certain_config, outputs_read_by
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at
from espnet3_schemas import TARGET

_SEVERAL = 2


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R434, once for each tokenizer of a runner."""
    makers = list(stages_of_kind("train_tokenizer", recipe)) if recipe.complete else []
    if len(makers) < _SEVERAL:
        return
    trained = trained_fields(recipe, resolved)
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe):
        config = certain_config(stage, "inference", resolved)
        runner = config.get("runner") if config else None
        if isinstance(runner, Mapping):
            compared = _compared(stage, recipe, resolved)
            encoded = {
                field: one
                for field, one in _encoded_by_training(stage, recipe, resolved).items()
                if one.maker in trained and trained[one.maker].field == field
            }
            found += _check_runner(recipe.library, runner, compared, encoded)
    yield from first_per_location(found)


def _check_runner(
    library: Library, runner: Mapping, compared: set[str], encoded: dict[str, EncodedField]
) -> Iterator[Diagnostic]:
    """Report a tokenizer of a runner that the training uses for another field only.

    Args:
        library: Reads the runner.
        runner: The runner.
        compared: The outputs that are compared with the columns of their names.
        encoded: What the training encodes, by field.
    """
    given = tokenizers_of(runner)
    makers = [maker for maker, _ in given.values()]
    if len(set(makers)) == len(makers) > 1:
        return  # two that are exchanged are told by tokenized_fields.py
    outputs = _decoded(library, text_of(runner.get(TARGET)), set(given)) if encoded else {}
    for output, argument in outputs.items():
        maker, node = given[argument]
        own = encoded.get(output)
        others = {one.maker for one in encoded.values()} - ({own.maker} if own else set())
        if own and output in compared and maker in others:
            yield _finding(output, node, maker, own)


def _encoded_by_training(
    stage: StageDecl, recipe: Recipe, resolved: Resolved
) -> dict[str, EncodedField]:
    """Return what the only training encodes of which a stage reads the weights, by field."""
    trainings = {stage_name(one): one for one in stages_of_kind("train", recipe)}
    names = {use.stage for use in outputs_read_by(stage, recipe, resolved)} & trainings.keys()
    if len(names) != 1:
        return {}
    config = certain_config(trainings[names.pop()], "training", resolved)
    node = node_at(config, ("dataset", "preprocessor")) if config else None
    every = list(encoded_fields(node, recipe.library)) if isinstance(node, Mapping) else []
    fields = {one.field: one for one in every}
    return fields if len(fields) == len(every) else {}


def _compared(infer: StageDecl, recipe: Recipe, resolved: Resolved) -> set[str]:
    """Return the outputs of a stage that metrics compare with the columns of their names."""
    names = {one.config for one in infer.configs if one.role == "inference"}
    found: set[str] = set()
    for stage in stages_of_kind("measure", recipe):
        bound = {one.config for one in stage.configs if one.role == "inference"}
        config = certain_config(stage, "metrics", resolved) if bound & names else None
        metrics = config.get("metrics") if config else None
        for item in metrics.items if isinstance(metrics, Sequence) else ():
            texts = {text_of(one.value) for one in mapping_entries(node_at(item, ("inputs",)))}
            found |= {one for one in texts if texts == {one, f"{COLUMN_PREFIX}{one}"}}
    return found


def _decoded(library: Library, path: str, arguments: set[str]) -> dict[str, str]:
    """Return the outputs of a runner, each with the argument of the tokenizer that it is made with.

    Args:
        library: Reads the runner.
        path: Its dotted path.
        arguments: The arguments that are tokenizers.
    """
    made, called = constructor_of(library, path), method_body(library, path, "__call__")
    if made is None or called is None or not arguments:
        return {}
    attributes = dict(_held(made.body.node, arguments))
    found: dict[str, str] = {}
    for value in returned_values(called.node):
        for item in all_nodes(value):
            pairs = zip(item.keys, item.values, strict=True) if isinstance(item, ast.Dict) else ()
            for key, part in pairs:
                used = {attributes[one] for one in _attributes(part) if one in attributes}
                name = literal_text(key)
                if name and len(used) == 1 and name not in found:
                    found[name] = used.pop()
    return found


def _held(
    node: ast.FunctionDef | ast.AsyncFunctionDef, arguments: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield the attributes that a constructor makes of one of some arguments, with it."""
    for item in own_nodes(node):
        for target, value in assigned_pairs(item) if isinstance(item, ast.stmt) else ():
            used = {one.id for one in all_nodes(value) if isinstance(one, ast.Name)} & arguments
            for one in _attributes(target):
                if len(used) == 1:
                    yield one, next(iter(used))


def _attributes(value: ast.expr) -> list[str]:
    """Return the attributes of the object itself in an expression."""
    return [
        one.attr
        for one in all_nodes(value)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == "self"
    ]


def _finding(output: str, node: Scalar, maker: str, own: EncodedField) -> Diagnostic:
    """Return R434.

    Args:
        output: The output.
        node: The tokenizer of the runner.
        maker: The stage that trains it.
        own: What the training encodes the field with.
    """
    return value_finding(
        "R434",
        f'the runner decodes "{output}" with the tokenizer of "{maker}", and its model is trained '
        f'with that of "{own.maker}"',
        node,
        "another tokenizer",
        related=(Label(use_location(own.node), f'encodes "{output}" in the training'),),
        advice=(f"did you mean ${{stages.{own.maker}.{TOKENIZER_OUTPUT}}}?",),
    )
