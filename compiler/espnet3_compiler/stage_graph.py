"""Which stage needs which.

Edges come from what a recipe says: ``needs``, ``init_from``, and every ``${stages.X.y}`` among what
a stage reads. Beside them stand edges that follow from the kinds (``consumes`` in systems.json):

* A kind with a single output is read whole: ``measure`` reads the ``infer`` before it. The stage
  named in ``needs`` counts, else the nearest earlier one that shares an inference config, else the
  nearest earlier one.
* A kind with several outputs only comes before: ``train`` waits for the ``create_dataset``,
  ``train_tokenizer`` and ``collect_stats`` stages before it that work on a common data source.
  Where ``train`` names an output of one of them, the others of that kind do not count.
* A text that is the path of an earlier stage's output, or lies in its directory, is an edge too.
"""

from collections.abc import Iterator
from typing import Literal

from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import facts, is_own, kind_of
from espnet3_compiler.reading import leaves, outputs_of, uses
from espnet3_compiler.records import dataclass, field
from espnet3_compiler.source import Span
from espnet3_compiler.tree import Mapping, Scalar, Sequence, descend, plain
from espnet3_schemas import systems

How = Literal["needs", "reads", "init_from", "path", "order"]
SAID: tuple[How, ...] = ("needs", "reads", "init_from")
"""Edges that the recipe states: only these can run backwards or in circles."""

OPTIONAL = (("pack_model", "measure"),)
"""Consumers and kinds that they read when they are there, and do without otherwise."""

INIT_OUTPUT = "best_checkpoint"
"""The output of a training stage that ``init_from`` starts from."""


@dataclass(frozen=True, slots=True)
class StageEdge:
    """One stage needs another.

    Attributes:
        producer: The stage that runs before.
        consumer: The stage that needs it.
        output: The output that is read; None where only the order counts.
        place: Where the recipe says so; None for an edge that follows from the kinds.
        how: Why there is an edge.
    """

    producer: str
    consumer: str
    output: str | None
    place: Span | None = field(compare=False)
    how: How = field(default="order", compare=False)


def edges(recipe: Recipe, resolved: Resolved) -> tuple[StageEdge, ...]:
    """Return every edge, in the order of the consumers, each (producer, consumer, output) once."""
    found: dict[tuple[str, str, str | None], StageEdge] = {}
    for stage in recipe.stages:
        for edge in (*stated(stage, recipe, resolved), *_derived(stage, recipe, resolved)):
            found.setdefault((edge.producer, edge.consumer, edge.output), edge)
    reading = {(edge.producer, edge.consumer) for edge in found.values() if edge.output}
    return tuple(
        edge
        for edge in found.values()
        if edge.output or edge.how == "needs" or (edge.producer, edge.consumer) not in reading
    )


def stated(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[StageEdge]:
    """Yield the edges that the recipe states for a stage, to declared stages only."""
    name = _name(stage)
    known = {_name(other) for other in recipe.stages}
    for need in stage.needs:
        if need.value in known:
            yield StageEdge(str(need.value), name, None, need.span, "needs")
    start = stage.init_from
    if start and start.value in known:
        yield StageEdge(str(start.value), name, INIT_OUTPUT, start.span, "init_from")
    for leaf in leaves(stage, recipe, resolved):
        for use in uses(leaf.node):
            if use.stage in known:
                yield StageEdge(use.stage, name, use.output, use.place, "reads")


def _derived(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> Iterator[StageEdge]:
    position = next(i for i, other in enumerate(recipe.stages) if other is stage)
    earlier = recipe.stages[:position]
    yield from _paths(stage, earlier, recipe, resolved)
    named = {edge.producer for edge in stated(stage, recipe, resolved) if edge.output}
    for kind in facts(stage)["consumes"]:
        producers = [other for other in earlier if kind_of(other) == kind]
        if not producers or any(_name(other) in named for other in producers):
            continue
        single = _single_output(producers[-1], recipe)
        if single:
            chosen = consumed(stage, producers)
            yield StageEdge(_name(chosen), _name(stage), single, None)
        else:
            for other in producers:
                if _share_data(stage, other, resolved):
                    yield StageEdge(_name(other), _name(stage), None, None)


def needs_kind(stage: StageDecl, kind: str) -> bool:
    """Return whether a stage cannot work without an output of a stage of a consumed kind."""
    single = len(systems()["kinds"][kind]["outputs"]) == 1
    return single and (kind_of(stage), kind) not in OPTIONAL


def late_producers(recipe: Recipe, resolved: Resolved) -> list[StageEdge]:
    """Return edges to stages that make what an earlier stage reads, where no other does before.

    Only what is certain counts: outputs that a kind cannot do without, and the preparation of a
    data set that a stage reads.
    """
    found: list[StageEdge] = []
    for position, stage in enumerate(recipe.stages):
        earlier, later = recipe.stages[:position], recipe.stages[position + 1 :]
        for kind in facts(stage)["consumes"]:
            if is_own(stage, recipe) or any(kind_of(other) == kind for other in earlier):
                continue
            made = [other for other in later if kind_of(other) == kind]
            if kind == "create_dataset" and not _has_own_text(stage, resolved):
                made = [other for other in made if _share_data(stage, other, resolved)]
            elif not needs_kind(stage, kind):
                continue
            if made:
                found.append(StageEdge(_name(made[0]), _name(stage), None, None))
    return found


def _has_own_text(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether a tokenizer is trained on a text that is not the training sets'."""
    for binding in stage.configs:
        config = resolved.configs.get(binding.config)
        block = config.get("tokenizer") if config else None
        if kind_of(stage) == "train_tokenizer" and isinstance(block, Mapping):
            given = (block.get("train_file"), block.get("text_builder"))
            return any(g is not None and plain(g) is not None for g in given)
    return False


def consumed(stage: StageDecl, producers: list[StageDecl]) -> StageDecl:
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
        dataset = descend(config, ("dataset",)) if config else None
        for entry in dataset if isinstance(dataset, Mapping) else ():
            for item in entry.value.items if isinstance(entry.value, Sequence) else ():
                source = item.get("data_src") if isinstance(item, Mapping) else None
                value = source.value if isinstance(source, Scalar) else None
                found.add(None if value is None else str(value))
    return found


def _paths(
    stage: StageDecl, earlier: tuple[StageDecl, ...], recipe: Recipe, resolved: Resolved
) -> Iterator[StageEdge]:
    """Yield edges to earlier stages whose files a stage names by path."""
    places = [place for other in earlier for place in _places(other, recipe, resolved)]
    for leaf in leaves(stage, recipe, resolved):
        value = leaf.node.value
        if not isinstance(value, str) or "/" not in value:
            continue
        for path, producer, output in places:
            if value == path or (output is None and value.startswith(f"{path}/")):
                yield StageEdge(producer, _name(stage), output, leaf.node.span, "path")
                break


def _places(
    stage: StageDecl, recipe: Recipe, resolved: Resolved
) -> Iterator[tuple[str, str, str | None]]:
    """Yield the paths of a stage's outputs, then its directory."""
    name = _name(stage)
    root = f"{resolved.globals.get('exp_dir', 'exp')}/{name}"
    if stage.call:
        block = descend(resolved.calls.get(name) or stage.node, ("outputs",))
        for entry in block if isinstance(block, Mapping) else ():
            if isinstance(entry.value, Scalar):
                yield str(entry.value.value), name, entry.name
    else:
        for output, path in (outputs_of(stage, recipe) or {}).items():
            if "${" not in path and path != ".":
                yield f"{root}/{path}", name, output
    yield root, name, None


def _name(stage: StageDecl) -> str:
    return str(stage.name.value)
