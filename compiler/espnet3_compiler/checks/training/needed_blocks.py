"""Stage kinds that need a block of their training config.

Passes: ``tokenizer: {vocab_size: 500}`` for ``train_tokenizer``; ``labels: {field: word}`` for
``prepare_labels``; ``cluster: {num_clusters: 64}`` for ``cluster``.  Fails: one of these stages
without its block.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import WILDCARD, stages_of_kind
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.span_key import first_per_location, is_written
from espnet3_compiler.syntax.tree import Scalar

_BLOCKS = {
    "train_tokenizer": ("tokenizer", "no tokenizer to train", "tokenizer: {vocab_size: …}"),
    "prepare_labels": ("labels", "no labels to list", "labels: {field: …}"),
    "prepare_tokens": ("tokens", "no tokens to list", "tokens: {field: …}"),
    "cluster": ("cluster", "no clusters to find", "cluster: {num_clusters: …}"),
}
"""By kind: the block, what lacks without it, and what to write."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R603 for each block that is null or not given."""
    found: list[Diagnostic] = []
    kinds = recipe.system.kinds
    for kind, (name, lack, example) in _BLOCKS.items():
        unknown = kind not in kinds and WILDCARD not in kinds  # R401 says it
        for stage in () if unknown else stages_of_kind(kind, recipe):
            config = certain_config(stage, "training", resolved)
            block = config.get(name) if config else None
            if isinstance(block, Scalar) and block.value is None:
                found.append(_missing_block(stage, block, (name, lack, example)))
    yield from first_per_location(found)


def _missing_block(stage: StageDecl, block: Scalar, words: tuple[str, str, str]) -> Diagnostic:
    name, lack, example = words
    return value_finding(
        "R603",
        f'the stage "{stage.name.value}" needs the block "{name}" in its training config',
        block if is_written(block) else stage.name,
        lack,
        advice=(f"write {example} there, or remove the stage",),
    )
