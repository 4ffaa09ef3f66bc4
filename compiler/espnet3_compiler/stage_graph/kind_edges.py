"""What stage kinds consume of each other, by ``consumes`` in their declarations.

* A kind with a single output is read: ``measure`` reads the output of the ``infer`` before it. The
  stage named in ``needs`` counts, else the nearest earlier one that shares a config in the same
  role, else one whose output it names itself, else the nearest earlier one.
* A kind with several outputs only comes before: ``train`` waits for the ``create_dataset``,
  ``train_tokenizer`` and ``collect_stats`` stages before it that work on a common data source.
  Where ``train`` names an output of one of them, the others of that kind do not count.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stage_kind
from espnet3_compiler.stage_graph.stage_inputs import outputs_of
from espnet3_compiler.syntax.tree import Mapping, Scalar, Sequence, node_at, to_python

OPTIONAL_INPUTS = (("pack_model", "measure"),)
"""Consumers, and the kinds that they read only where a stage of that kind exists."""


class _StagesOfKind:
    """Stages of one kind in their order; a number is the position among them.

    Attributes:
        stages: The stages.
        data: The data sources of each.
        by_name: The number of the last stage of a name.
        by_config: The number of the last stage that reads a config in a role.
    """

    def __init__(self) -> None:
        self.stages: list[StageDecl] = []
        self.data: list[set[str | None]] = []
        self.by_name: dict[str, int] = {}
        self.by_config: dict[tuple[str, str], int] = {}


class EarlierStages:
    """The stages before one, by their kinds."""

    def __init__(self) -> None:
        self._kinds: dict[str | None, _StagesOfKind] = {}

    def add(self, stage: StageDecl, resolved: Resolved) -> None:
        """Add the next stage of the recipe."""
        same = self._kinds.setdefault(stage_kind(stage), _StagesOfKind())
        number = len(same.stages)
        same.stages.append(stage)
        same.data.append(_data_sources(stage, resolved))
        same.by_name[stage_name(stage)] = number
        same.by_config.update({(one.role, one.config): number for one in stage.configs})

    def of_kind(self, kind: str) -> _StagesOfKind:
        """Return the stages of a kind."""
        return self._kinds.get(kind) or _StagesOfKind()


def implied_producers(
    stage: StageDecl,
    named: AbstractSet[str],
    earlier: EarlierStages,
    recipe: Recipe,
    resolved: Resolved,
) -> Iterator[tuple[str, str | None]]:
    """Yield the earlier stages that a stage needs by its kind, with the output that it reads.

    Args:
        stage: The stage.
        named: The stages whose outputs it names itself.
        earlier: The stages before it.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    for kind in stage.spec["consumes"]:
        producers = earlier.of_kind(kind)
        if not producers.stages:
            continue
        outputs = list(outputs_of(producers.stages[-1], recipe) or ())
        is_named = any(name in producers.by_name for name in named)
        # A config that both read names an output for the producer's sake.
        if is_named and (len(outputs) != 1 or not _sharing(stage, producers)):
            continue
        if len(outputs) == 1:
            yield stage_name(_choose_producer(stage, producers)), outputs[0]
        else:
            mine = _data_sources(stage, resolved)
            for other, data in zip(producers.stages, producers.data, strict=True):
                if _share_data(mine, data):
                    yield stage_name(other), None


def needs_kind(stage: StageDecl, kind: str, recipe: Recipe) -> bool:
    """Return whether a stage cannot work without an output of a stage of a consumed kind.

    Args:
        stage: A stage of the recipe.
        kind: A kind that its kind consumes.
        recipe: The recipe.
    """
    single = len(recipe.system.specs.get(kind, {"outputs": ()})["outputs"]) == 1
    return single and (stage_kind(stage), kind) not in OPTIONAL_INPUTS


def misordered_producers(recipe: Recipe, resolved: Resolved) -> list[tuple[str, str]]:
    """Return pairs of a producer and a consumer that stands before it, with no producer earlier.

    Only certain needs count: outputs that a kind requires, and the preparation of a data set that
    a stage reads.
    """
    found: list[tuple[str, str]] = []
    left: dict[str | None, deque[StageDecl]] = {}
    for stage in recipe.stages:
        left.setdefault(stage_kind(stage), deque()).append(stage)
    present = dict.fromkeys(left, 0)
    for stage in recipe.stages:
        left[stage_kind(stage)].popleft()
        consumed = () if is_custom_kind(stage, recipe) else stage.spec["consumes"]
        for kind in (kind for kind in consumed if not present.get(kind)):
            made: Iterable[StageDecl] = left.get(kind, ())
            if kind == "create_dataset" and not has_own_text(stage, resolved):
                mine = _data_sources(stage, resolved)
                made = (one for one in made if _share_data(mine, _data_sources(one, resolved)))
            elif not needs_kind(stage, kind, recipe):
                continue
            if first := next(iter(made), None):
                found.append((stage_name(first), stage_name(stage)))
        present[stage_kind(stage)] += 1
    return found


def has_own_text(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether a tokenizer is trained on another text than that of the training sets."""
    for binding in stage.configs:
        config = resolved.configs.get(binding.config)
        block = config.get("tokenizer") if config else None
        if stage_kind(stage) == "train_tokenizer" and isinstance(block, Mapping):
            given = (block.get("train_file"), block.get("text_builder"))
            return any(g is not None and to_python(g) is not None for g in given)
    return False


def _choose_producer(stage: StageDecl, producers: _StagesOfKind) -> StageDecl:
    """Return which of several earlier stages of a kind makes the output that a stage reads."""
    needs = [str(need.value) for need in stage.needs]
    named = [producers.by_name[name] for name in needs if name in producers.by_name]
    return producers.stages[max(named or _sharing(stage, producers), default=-1)]


def _sharing(stage: StageDecl, producers: _StagesOfKind) -> list[int]:
    """Return the numbers of the stages that read a config of a stage in the same role."""
    configs = [(binding.role, binding.config) for binding in stage.configs]
    return [producers.by_config[one] for one in configs if one in producers.by_config]


def _share_data(mine: set[str | None], theirs: set[str | None]) -> bool:
    """Return whether two stages have a data source in common, or one has none that is known."""
    return not mine or not theirs or not mine.isdisjoint(theirs)


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
