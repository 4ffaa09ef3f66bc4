"""Texts that a model is to be called with: a batch holds numbers only.

Passes: ``input_key: [phones]`` where the preprocessor has ``to: phones``.
Fails: the same without ``to``, where ``phones`` of the data is a text of its own.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.fields import COLLATE, preprocessor_of
from espnet3_compiler.checks.data.sample_fields import INDEXING
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.item_kinds.kinds import TEXT
from espnet3_compiler.checks.items.batches import split_kinds
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_texts, mapping_entries, text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Mapping, Scalar, node_at
from espnet3_schemas import TARGET


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R422 for fields of ``input_key`` that stay texts."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        config = certain_config(stage, "inference", resolved)
        collate = node_at(config, ("dataloader", "collate_fn", TARGET)) if config else None
        if config and text_of(collate) == COLLATE:
            found += _check_inputs(recipe, config)
    yield from first_per_location(found)


def _check_inputs(recipe: Recipe, config: Mapping) -> Iterator[Diagnostic]:
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
