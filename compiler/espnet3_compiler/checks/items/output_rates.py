"""The sample rate of audio that a contract gives, beside what it is made for or compared with.

Passes: ``outputs: {wave: {kind: audio, sample_rate: 16000}}`` of a model with
``sample_rate: 16000``; another rate that the code of the recipe mentions; a recipe that resamples.
Fails: ``sample_rate: 22050`` of that model, if it hears no audio; ``enhanced`` at 8000 Hz where a
metric compares it with the audio ``speech``, which the contract takes at 16000 Hz.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import RecipeModule, any_mentions
from espnet3_compiler.checks.data.sample_rates import (
    RESAMPLING,
    mentions_number,
    rate_finding,
    rate_of_data,
    rate_of_model,
    split_modules,
)
from espnet3_compiler.checks.settings.metrics import COLUMN_PREFIX
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import mapping_entries, text_of
from espnet3_compiler.stage_graph.graph import stage_edges
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, is_null, node_at
from espnet3_schemas import TARGET

_COMPARING = tuple(f"espnet3_runtime.metrics.{name}." for name in ("si_sdr", "stoi", "mcd"))
"""Modules of metrics that refuse recordings of two rates."""

_Known = tuple[int, Span, str]
"""A rate, where it is written, and what has it."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R816."""
    found: list[Diagnostic] = []
    for stage in stages_of_kind("infer", recipe) if recipe.complete else ():
        config = certain_config(stage, "inference", resolved)
        outputs = _audio_rates(config, "outputs") if config else {}
        if not config or not outputs:
            continue
        of_data, others = split_modules(recipe, resolved)
        if any_mentions(others, RESAMPLING):
            return
        for name, declared in outputs.items():
            compared = _compared_columns(name, stage, recipe, resolved)
            known = _rate_of_input(config, compared)
            known = known or (rate_of_data(of_data, others, declared) if compared else None)
            known = known or _rate_of_speaker(stage, config, declared, others, resolved)
            if known and known[0] != declared.value:
                found.append(rate_finding(f'gives "{name}"', declared, *known))
    yield from first_per_location(found)


def _audio_rates(config: Mapping, side: str) -> dict[str, Scalar]:
    """Return the sample rates of the audio of a contract, by field.

    Args:
        config: An inference config.
        side: ``inputs`` or ``outputs``.
    """
    found = {}
    for entry in mapping_entries(node_at(config, ("contract", side))):
        kind, rate = (node_at(entry.value, (key,)) for key in ("kind", "sample_rate"))
        if text_of(kind) == "audio" and isinstance(rate, Scalar) and isinstance(rate.value, int):
            found[entry.name] = rate
    return found


def _compared_columns(
    output: str, infer: StageDecl, recipe: Recipe, resolved: Resolved
) -> list[str]:
    """Return the columns of the data with which metrics compare an output, one rate for both.

    Args:
        output: The name of the output.
        infer: The stage that writes it.
        recipe: The recipe.
        resolved: The values of the configs.
    """
    edges = [one for one in stage_edges(recipe, resolved) if one.producer == stage_name(infer)]
    readers = {one.consumer for one in edges}
    found = []
    for stage in stages_of_kind("measure", recipe):
        config = certain_config(stage, "metrics", resolved)
        metrics = config.get("metrics") if config and stage_name(stage) in readers else None
        for item in metrics.items if isinstance(metrics, Sequence) else ():
            path = text_of(node_at(item, ("metric", TARGET)))
            inputs = mapping_entries(node_at(item, ("inputs",)))
            texts = [text_of(one.value) for one in inputs]
            if path.startswith(_COMPARING) and output in texts:
                found += [one.removeprefix(COLUMN_PREFIX) for one in texts if one != output]
    return found


def _rate_of_input(config: Mapping, columns: list[str]) -> _Known | None:
    """Return the rate at which the contract takes a column, if nothing prepares the data."""
    if not is_null(node_at(config, ("dataset", "preprocessor"))):
        return None
    rates = _audio_rates(config, "inputs")
    known = [(name, rates[name]) for name in columns if name in rates]
    for name, rate in known:
        return int(str(rate.value)), use_location(rate), f'"{name}", with which it is compared,'
    return None


def _rate_of_speaker(
    stage: StageDecl,
    config: Mapping,
    declared: Scalar,
    others: list[RecipeModule],
    resolved: Resolved,
) -> _Known | None:
    """Return the only rate of a model that hears no audio, unless code has the declared one.

    Args:
        stage: The infer stage.
        config: Its config.
        declared: The sample rate of an output.
        others: The modules of the recipe that are not those of the data.
        resolved: The values of the configs.
    """
    model = model_of(stage, resolved)
    if model is None or _audio_rates(config, "inputs"):
        return None
    return None if mentions_number(others, int(str(declared.value))) else rate_of_model(model)
