"""What stage kinds consume of each other, by ``consumes`` in systems.json.

* A kind with a single output is read: ``measure`` reads the output of the ``infer`` before it. The
  stage named in ``needs`` counts, else the nearest earlier one that shares a config in the same
  role, else the nearest earlier one.
* A kind with several outputs only comes before: ``train`` waits for the ``create_dataset``,
  ``train_tokenizer`` and ``collect_stats`` stages before it that work on a common data source.
  Where ``train`` names an output of one of them, the others of that kind do not count.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, kind_spec, stage_kind
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at, to_python
from espnet3_schemas import systems

OPTIONAL_INPUTS = (("pack_model", "measure"),)
"""Consumers, and the kinds that they read only where a stage of that kind exists."""


def implied_producers(
    stage: StageDecl, named: AbstractSet[str], recipe: Recipe, resolved: Resolved
) -> Iterator[tuple[str, str | None]]:
    """Yield the earlier stages that a stage needs by its kind, with the output that it reads.

    Args:
        stage: The stage.
        named: The stages whose outputs it names itself.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    position = next(i for i, other in enumerate(recipe.stages) if other is stage)
    for kind in kind_spec(stage)["consumes"]:
        producers = [other for other in recipe.stages[:position] if stage_kind(other) == kind]
        if not producers or any(stage_name(other) in named for other in producers):
            continue
        outputs = list(outputs_of(producers[-1], recipe) or ())
        if len(outputs) == 1:
            yield stage_name(_choose_producer(stage, producers)), outputs[0]
        else:
            for other in producers:
                if _share_data(stage, other, resolved):
                    yield stage_name(other), None


def needs_kind(stage: StageDecl, kind: str) -> bool:
    """Return whether a stage cannot work without an output of a stage of a consumed kind."""
    single = len(systems()["kinds"][kind]["outputs"]) == 1
    return single and (stage_kind(stage), kind) not in OPTIONAL_INPUTS


def misordered_producers(recipe: Recipe, resolved: Resolved) -> list[tuple[str, str]]:
    """Return pairs of a producer and a consumer that stands before it, with no producer earlier.

    Only certain needs count: outputs that a kind requires, and the preparation of a data set that
    a stage reads.
    """
    found: list[tuple[str, str]] = []
    for position, stage in enumerate(recipe.stages):
        earlier, later = recipe.stages[:position], recipe.stages[position + 1 :]
        for kind in kind_spec(stage)["consumes"]:
            if is_custom_kind(stage, recipe) or any(stage_kind(other) == kind for other in earlier):
                continue
            made = [other for other in later if stage_kind(other) == kind]
            if kind == "create_dataset" and not _has_own_text(stage, resolved):
                made = [other for other in made if _share_data(stage, other, resolved)]
            elif not needs_kind(stage, kind):
                continue
            if made:
                found.append((stage_name(made[0]), stage_name(stage)))
    return found


def _has_own_text(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether a tokenizer is trained on another text than that of the training sets."""
    for binding in stage.configs:
        config = resolved.configs.get(binding.config)
        block = config.get("tokenizer") if config else None
        if stage_kind(stage) == "train_tokenizer" and isinstance(block, Mapping):
            given = (block.get("train_file"), block.get("text_builder"))
            return any(g is not None and to_python(g) is not None for g in given)
    return False


def _choose_producer(stage: StageDecl, producers: list[StageDecl]) -> StageDecl:
    """Return which of several earlier stages of a kind makes the output that a stage reads."""
    needs = {need.value for need in stage.needs}
    configs = {(binding.role, binding.config) for binding in stage.configs}
    named = [other for other in producers if other.name.value in needs]
    sharing = [
        other
        for other in producers
        if any((binding.role, binding.config) in configs for binding in other.configs)
    ]
    return (named or sharing or producers)[-1]


def _share_data(first: StageDecl, second: StageDecl, resolved: Resolved) -> bool:
    """Return whether two stages have a data source in common, or one has none that is known."""
    mine, theirs = _data_sources(first, resolved), _data_sources(second, resolved)
    return not mine or not theirs or bool(mine & theirs)


def _data_sources(stage: StageDecl, resolved: Resolved) -> set[str | None]:
    found: set[str | None] = set()
    for binding in stage.configs:
        config = resolved.configs.get(binding.config)
        dataset = node_at(config, ("dataset",)) if config else None
        for entry in dataset if isinstance(dataset, Mapping) else ():
            for item in entry.value.items if isinstance(entry.value, Sequence) else ():
                source = item.get("data_src") if isinstance(item, Mapping) else None
                value = source.value if isinstance(source, Scalar) else None
                found.add(None if value is None else str(value))
    return found


def stage_name(stage: StageDecl) -> str:
    """Return the name of a stage."""
    return str(stage.name.value)
