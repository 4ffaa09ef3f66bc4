"""What stage kinds consume of each other, by ``consumes`` in systems.json.

* A kind with a single output is read whole: ``measure`` reads the ``infer`` before it. The stage
  named in ``needs`` counts, else the nearest earlier one that shares a config in the same role,
  else the nearest earlier one.
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
"""Consumers and kinds that they read when they are there, and do without otherwise."""


def implied_producers(
    stage: StageDecl, named: AbstractSet[str], recipe: Recipe, resolved: Resolved
) -> Iterator[tuple[str, str | None]]:
    """Yield the earlier stages that a stage builds on by its kind, with the output that it reads.

    Args:
        stage: The stage.
        named: The stages of which it names an output itself.
        recipe: The recipe.
        resolved: The recipe after resolution.
    """
    position = next(i for i, other in enumerate(recipe.stages) if other is stage)
    for kind in kind_spec(stage)["consumes"]:
        producers = [other for other in recipe.stages[:position] if stage_kind(other) == kind]
        if not producers or any(_stage_name(other) in named for other in producers):
            continue
        single = _single_output(producers[-1], recipe)
        if single:
            yield _stage_name(choose_producer(stage, producers)), single
        else:
            for other in producers:
                if _share_data(stage, other, resolved):
                    yield _stage_name(other), None


def needs_kind(stage: StageDecl, kind: str) -> bool:
    """Return whether a stage cannot work without an output of a stage of a consumed kind."""
    single = len(systems()["kinds"][kind]["outputs"]) == 1
    return single and (stage_kind(stage), kind) not in OPTIONAL_INPUTS


def misordered_producers(recipe: Recipe, resolved: Resolved) -> list[tuple[str, str]]:
    """Return pairs of a stage and an earlier one that reads what it makes and nobody made before.

    Only what is certain counts: outputs that a kind cannot do without, and the preparation of a
    data set that a stage reads.
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
                found.append((_stage_name(made[0]), _stage_name(stage)))
    return found


def _has_own_text(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether a tokenizer is trained on a text that is not the training sets'."""
    for binding in stage.configs:
        config = resolved.configs.get(binding.config)
        block = config.get("tokenizer") if config else None
        if stage_kind(stage) == "train_tokenizer" and isinstance(block, Mapping):
            given = (block.get("train_file"), block.get("text_builder"))
            return any(g is not None and to_python(g) is not None for g in given)
    return False


def choose_producer(stage: StageDecl, producers: list[StageDecl]) -> StageDecl:
    """Return the one of several earlier stages of a kind whose output a stage reads."""
    needs = {need.value for need in stage.needs}
    configs = {(binding.role, binding.config) for binding in stage.configs}
    named = [other for other in producers if other.name.value in needs]
    sharing = [
        other
        for other in producers
        if any((binding.role, binding.config) in configs for binding in other.configs)
    ]
    return (named or sharing or producers)[-1]


def _single_output(stage: StageDecl, recipe: Recipe) -> str | None:
    outputs = outputs_of(stage, recipe) or {}
    return next(iter(outputs)) if len(outputs) == 1 else None


def _share_data(first: StageDecl, second: StageDecl, resolved: Resolved) -> bool:
    """Return whether two stages have a data source in common, as far as can be seen."""
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


def _stage_name(stage: StageDecl) -> str:
    return str(stage.name.value)
