"""The lexicon of ``prepare_tokens``, which is empty where ``tokens`` names no text.

Passes: ``tokens: {field: phones}`` where nothing reads ``${stages.prepare_tokens.lexicon}``.
Fails: the same beside ``lexicon: ${stages.prepare_tokens.lexicon}`` of a preprocessor.
"""

from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import certain_config, outputs_read_by
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, is_null

_KIND, _BLOCK, _OUTPUT = "prepare_tokens", "tokens", "lexicon"


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R411."""
    empty: dict[str, Span] = {}
    for stage in stages_of_kind(_KIND, recipe):
        config = certain_config(stage, "training", resolved)
        entry = config.entry(_BLOCK) if config else None
        if entry and isinstance(entry.value, Mapping) and _names_no_text(entry.value):
            empty[stage_name(stage)] = entry.key.span
    found = [
        _finding(use.stage, empty[use.stage], use.span)
        for stage in recipe.stages
        if empty
        for use in outputs_read_by(stage, recipe, resolved)
        if use.output == _OUTPUT and use.stage in empty
    ]
    yield from first_per_location(found)


def _names_no_text(block: Mapping) -> bool:
    return has_certain_keys(block) and is_null(block.get("text"))


def _finding(stage: str, block: Span, use: Span) -> Diagnostic:
    return Diagnostic(
        "R411",
        f'the lexicon of stage "{stage}" is empty: tokens names no field with the text',
        Label(block, "no text"),
        (Label(use, "the lexicon is read here"),),
        ("write text: FIELD, the field with the words, for example text: text",),
    )
