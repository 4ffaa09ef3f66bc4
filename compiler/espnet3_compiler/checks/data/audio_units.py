"""The size of batches and windows of audio, which is counted in samples.

Passes: ``{type: length, batch_bins: 320000}`` beside a contract with ``speech`` at 16000 Hz.
Fails: ``{type: length, batch_bins: 300}`` there: every batch holds one utterance; ``{type: chunk,
chunk_length: 2}``: a window of two samples.

Only audio that nothing but tokenizers and labels of the runtime changes is judged.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.fields import preprocessor_of, split_entries
from espnet3_compiler.checks.data.sample_fields import keeps_field
from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.no_effect import is_filled, whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_texts, mapping_entries, text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config, certain_configs
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location, written_entry
from espnet3_compiler.syntax.tree import Mapping, Scalar, is_null, node_at

_SHORTEST = 200
"""So many of the shortest windows are a second."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R814."""
    rates = _declared_rates(recipe, resolved) if recipe.complete else {}
    configs = certain_configs("train", "training", recipe, resolved) if rates else ()
    yield from first_per_location(
        found
        for config in configs
        for split in ("train", "valid")
        for found in _check_split(config, split, rates, recipe)
    )


def _declared_rates(recipe: Recipe, resolved: Resolved) -> dict[str, Scalar]:
    """Return the sample rates of the audio that contracts take, by field."""
    found: dict[str, Scalar] = {}
    for stage in stages_of_kind("infer", recipe):
        config = certain_config(stage, "inference", resolved)
        for entry in mapping_entries(node_at(config, ("contract", "inputs")) if config else None):
            kind, rate = (node_at(entry.value, (key,)) for key in ("kind", "sample_rate"))
            if isinstance(kind, Scalar) and kind.value == "audio" and isinstance(rate, Scalar):
                found.setdefault(entry.name, rate)
    return found


def _check_split(
    config: Mapping, split: str, rates: dict[str, Scalar], recipe: Recipe
) -> Iterator[Diagnostic]:
    """Report sizes of batches that are much too short.

    Args:
        config: A training config.
        split: ``train`` or ``valid``.
        rates: The sample rates of audio, by field.
        recipe: The recipe.
    """
    block = node_at(config, ("dataloader", split))
    batches = block.get("batches") if isinstance(block, Mapping) else None
    if not isinstance(block, Mapping) or not isinstance(batches, Mapping):
        return
    field = next((str(one.value) for one in as_texts(batches.get("length_key"))), "")
    rate = whole_number(rates.get(field))
    custom = written_entry(block, "loader") or written_entry(block, "sampler")
    for key, least, label in _limits_of(batches, rate) if rate and not custom else ():
        limit = written_entry(batches, key)
        given = whole_number(limit.value) if limit else None
        short = given and given < least and stays_as_read(config, split, field, recipe)
        if limit and given and rate and short:
            yield value_finding(
                "R814",
                f'{key} counts samples of "{field}": {given} are {given / rate:.2g} s at {rate} Hz',
                limit.value,
                label,
                related=(Label(use_location(rates[field]), "the sample rate"),),
                advice=(f"write {key} in samples: {given} s are {given * rate}",),
            )


def _limits_of(batches: Mapping, rate: int) -> Iterator[tuple[str, int, str]]:
    """Yield the sizes in samples that batches have: the key, the least number, what is below it.

    Args:
        batches: The batches of a split.
        rate: The sample rate of what they are of.
    """
    if is_filled(batches):
        yield "batch_bins", rate, "every batch holds one utterance"
    if text_of(batches.get("type")) == "chunk":
        yield "chunk_length", rate // _SHORTEST, "too short to hear anything"


def stays_as_read(config: Mapping, split: str, field: str, recipe: Recipe) -> bool:
    """Return whether a field reaches the batches as the data have it.

    Args:
        config: A training config.
        split: ``train`` or ``valid``.
        field: The field.
        recipe: The recipe.
    """
    steps = [entry.node.get("transform") for entry in split_entries(recipe, config, split)]
    if any(not is_null(one) for one in steps):
        return False
    return keeps_field(recipe.library, preprocessor_of(config, split), field)
