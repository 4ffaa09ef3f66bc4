"""Items whose sizes and numbers a model cannot take, as far as the recipe's code says them.

Passes: ``np.array([…six numbers…])`` as ``features`` and ``in_features: 6``; a preprocessor's
``LogMel(n_mels=80)`` before ``nn.Linear(80, hidden)``; arrays of which the code does not say it.
Fails: ``in_features: 7`` there; ``n_mels=64``; ``LABELS.index(text)`` of ten labels where the
model has nine scores; letters from 1 to 26 in an embedding of 26 rows; ``audio[None]`` in a field
whose lengths ``forward`` reads.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.data.fields import COLLATE
from espnet3_compiler.checks.targets.nodes import target_path
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import text_of
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Mapping, is_null, node_at, to_python
from espnet3_schemas import TARGET

_ROLES = {"train": "training", "infer": "inference"}

_READ = ("dataset", "dataloader", "input_key")
"""The keys of a config that say what a model is called with."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R524 for sizes, R434 for labels, R431 for lengths of another axis, R921 for losses."""
    found: list[Diagnostic] = []
    seen: set[str] = set()
    for kind in _ROLES if recipe.complete else ():
        for stage in stages_of_kind(kind, recipe):
            found += _check_stage(stage, kind, recipe, resolved, seen)
    yield from first_per_location(found)


def _check_stage(
    stage: StageDecl, kind: str, recipe: Recipe, resolved: Resolved, seen: set[str]
) -> list[Diagnostic]:
    """Return what is wrong with the items that a stage gives its model.

    Args:
        stage: The stage.
        kind: Its kind.
        recipe: The recipe.
        resolved: The values of its configs.
        seen: The models and data that were looked at for other stages; grows.
    """
    config = certain_config(stage, _ROLES[kind], resolved)
    model = model_of(stage, resolved) if config else None
    if config is None or model is None or not _is_own(recipe, model):
        return []
    runner = config.get("runner") if kind == "infer" else None
    collate = node_at(config, ("dataloader", "collate_fn", TARGET))
    if text_of(collate) != COLLATE or not (runner is None or is_null(runner)):
        return []
    parts = [config.get(name) for name in _READ]
    key = repr((kind, *(to_python(one) if one else None for one in (model, *parts))))
    if key in seen:
        return []
    seen.add(key)
    from espnet3_compiler.checks.sizes.batches import telling_batches  # only what needs it

    batches = telling_batches(config, kind, recipe)
    if not batches:
        return []
    from espnet3_compiler.checks.sizes.model_calls import check_model

    return check_model(model, config, kind, batches, recipe, resolved)


def _is_own(recipe: Recipe, model: Mapping) -> bool:
    """Return whether a target names something in the recipe's code."""
    top = target_path(model).partition(".")[0]
    place = recipe.library.find_module(top) if top else None
    return place is not None and place.local
