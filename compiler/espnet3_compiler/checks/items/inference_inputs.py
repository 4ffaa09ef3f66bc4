"""What a model is to be called with: fields that items do not have, and texts.

Passes: ``input_key: [phones]`` where the preprocessor has ``to: phones``.
Fails: the same without the preprocessor; without ``to``, where ``phones`` of the data is a text of
its own, and a batch holds numbers only; ``contract: {inputs: {audio: …}}`` where items have
``speech``.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.fields import (
    COLLATE,
    READ_BY_RUNTIME,
    fields_after,
    fields_before,
    preprocessor_of,
    split_entries,
    unknown_field,
)
from espnet3_compiler.checks.data.sample_fields import INDEXING, Fields
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.item_kinds.kinds import TEXT
from espnet3_compiler.checks.items.batches import split_kinds
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_texts, mapping_entries, text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null, node_at
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R422 for inputs that items do not have, and fields of ``input_key`` that stay texts."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        config = certain_config(stage, "inference", resolved)
        if config:
            found += _check_fields(config, recipe, resolved)
            collate = node_at(config, ("dataloader", "collate_fn", TARGET))
            found += _check_texts(recipe, config) if text_of(collate) == COLLATE else ()
    yield from first_per_location(found)


def _check_fields(config: Mapping, recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    before = fields_before(split_entries(recipe, config, "test"))
    if before is None:
        return
    inputs = node_at(config, ("contract", "inputs"))
    declared = list(inputs) if isinstance(inputs, Mapping) else []
    for entry in declared if has_certain_keys(inputs) else ():
        optional = node_at(entry.value, ("optional",))
        needed = not (isinstance(optional, Scalar) and optional.value is True)
        if needed and entry.name not in before:
            yield unknown_field(entry.key, before, "the contract declares an input")
    after = fields_after(config, "test", before, recipe)
    known = {*(after or ()), *(entry.name for entry in declared)}
    missing = [node for node in as_texts(config.get("input_key")) if node.value not in known]
    if after and missing:
        yield from _unknown_inputs(missing, after, config, recipe, resolved)


def _unknown_inputs(
    missing: list[Scalar], fields: Fields, config: Mapping, recipe: Recipe, resolved: Resolved
) -> Iterator[Diagnostic]:
    """Report inputs that items lack: all at once where the preprocessor of a training makes them.

    Args:
        missing: The names of the inputs.
        fields: The fields that there are.
        config: The inference config.
        recipe: The recipe.
        resolved: The values of its configs.
    """
    alone = is_null(preprocessor_of(config, "test"))
    for stage in stages_of_kind("train", recipe) if alone else ():
        training = certain_config(stage, "training", resolved)
        made = fields_after(training, "train", fields, recipe) if training else None
        if made and all(node.value in made for node in missing):
            yield _left_out(missing[0], fields)
            return
    for node in missing:
        yield unknown_field(node, fields, "the model is called with a field")


def _left_out(node: Scalar, fields: Fields) -> Diagnostic:
    """Return R422 for an input that only the items of a training have."""
    return value_finding(
        "R422",
        f'the model is called with "{node.value}", which the preprocessor of the training makes, '
        "and this config has no preprocessor",
        node,
        f"not in ({', '.join(sorted(fields - set(READ_BY_RUNTIME)))})",
        advice=("give this config the preprocessor of the training: dataset: {preprocessor: …}",),
    )


def _check_texts(recipe: Recipe, config: Mapping) -> Iterator[Diagnostic]:
    declared = {
        entry.name: text_of(node_at(entry.value, ("kind",)))
        for entry in mapping_entries(node_at(config, ("contract", "inputs")))
    }
    names = [one for one in as_texts(config.get("input_key")) if is_written(one)]
    names = [one for one in names if declared.get(str(one.value), TEXT) == TEXT]
    kinds = split_kinds(recipe, config, "test") if names else None
    for name in names:
        if kinds and kinds.named(str(name.value)).name == TEXT:
            yield _finding(name, preprocessor_of(config, "test"))


def _finding(name: Scalar, preprocessor: object) -> Diagnostic:
    """Return the finding about a field that stays a text.

    Args:
        name: The field.
        preprocessor: That of the items.
    """
    advice = f"let a preprocessor make numbers of {name.value}"
    labels: tuple[Label, ...] = ()
    path = preprocessor.get(TARGET) if isinstance(preprocessor, Mapping) else None
    if isinstance(preprocessor, Mapping) and isinstance(path, Scalar):
        labels = (Label(use_location(path), f"leaves {name.value} as it is"),)
        if path.value in INDEXING and preprocessor.get("to") is None:
            advice = f"give the preprocessor to: {name.value}; without it, it overwrites its field"
    return value_finding(
        "R422",
        f'the model is called with "{name.value}", a text in each item, and batches hold numbers',
        name,
        "a text",
        related=labels,
        advice=(advice,),
    )
