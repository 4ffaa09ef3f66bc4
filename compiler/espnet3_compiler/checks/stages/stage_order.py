"""The order of the stages against what they need.

Passes: ``train`` before ``infer``, whose config reads ``${stages.train.best_checkpoint}``.
Fails: ``infer`` before ``train``; two stages that need each other.
"""

from collections import Counter
from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Reference, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_known_kind, stage_kind
from espnet3_compiler.stage_graph.cycles import find_cycles
from espnet3_compiler.stage_graph.graph import STATED, StageEdge, stage_edges
from espnet3_compiler.stage_graph.kind_edges import misordered_producers
from espnet3_compiler.stage_graph.stage_inputs import reads_model
from espnet3_compiler.syntax.tree import Mapping
from espnet3_compiler.syntax.unknown_name import format_names
from espnet3_schemas import TARGET

_FEATURES = ("collect_stats", "features")


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R403 for stages that need each other, R402 for stages before those that they need."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    position = {name: i for i, name in enumerate(stages)}
    stated = [edge for edge in stage_edges(recipe, resolved) if edge.how in STATED]
    cycles = find_cycles([(edge.producer, edge.consumer) for edge in stated], list(stages))
    circle = {name: number for number, cycle in enumerate(cycles) for name in cycle}
    # The inputs of a stage whose kind could not be read are not known.
    unknown = {
        name
        for name, one in stages.items()
        if one.run and not is_known_kind(stage_kind(one), recipe)
    }
    for cycle in cycles:
        if recipe.complete or unknown.isdisjoint(cycle):
            members = set(cycle)
            inside = [edge for edge in stated if {edge.producer, edge.consumer} <= members]
            yield _dependency_cycle(cycle, inside, stages, resolved)
    stated += [StageEdge(*pair, None, None) for pair in misordered_producers(recipe, resolved)]
    backwards = [
        edge
        for edge in stated
        if position[edge.producer] > position[edge.consumer]
        and circle.get(edge.producer, -1) != circle.get(edge.consumer, -2)
    ]
    for name, group in _misplaced_stages(backwards):
        yield _wrong_position(name, group, stages)


def _dependency_cycle(
    cycle: list[str], inside: list[StageEdge], stages: dict[str, StageDecl], resolved: Resolved
) -> Diagnostic:
    message = f"the stages {format_names(cycle)} need each other in a circle"
    labels = _edge_labels(inside)
    stage = stages[cycle[0]]
    hint = "take one of these needs out"
    if len(cycle) == 1:
        message = f'stage "{cycle[0]}" needs its own output'
        whole = _whole_model(stage, resolved) if stage_kind(stage) == "collect_stats" else None
        if whole:
            return _features_of_whole_model(stage, whole, labels, resolved)
        hint = _advice_on_itself(inside[0].how, stage, stages) or hint
    if stage_kind(stage) == "collect_stats" and reads_model(stage, resolved) and stage.model:
        hint = (
            "set collect_stats.features in its config: the stage then does not build "
            f'model "{stage.model.value}"'
        )
    return Diagnostic("R403", message, labels[0], tuple(labels[1:]), (hint,))


def _advice_on_itself(how: str, stage: StageDecl, stages: dict[str, StageDecl]) -> str | None:
    """Return what to write where a stage names itself in ``needs`` or ``init_from``."""
    before = list(stages)[: list(stages).index(str(stage.name.value))]
    if how == "needs":
        return "a stage cannot need itself; take it out"
    if how != "init_from":
        return None
    trains = [name for name in before if stage_kind(stages[name]) == "train"]
    if trains:
        return (
            f"a stage cannot start from itself; training stages before it: {format_names(trains)}"
        )
    return "a stage cannot start from itself; take it out, or name the path of a checkpoint"


def _whole_model(stage: StageDecl, resolved: Resolved) -> Reference | None:
    """Return the reference where ``collect_stats.features`` names a model and no part of it."""
    names = {binding.config for binding in stage.configs}
    for reference in resolved.references:
        namespace, *rest = reference.target
        of_config = reference.owner[:1] == ("configs",) and reference.owner[1] in names
        if of_config and reference.path == _FEATURES and namespace == "models" and len(rest) == 1:
            return reference
    return None


def _features_of_whole_model(
    stage: StageDecl, reference: Reference, labels: list[Label], resolved: Resolved
) -> Diagnostic:
    name = str(reference.target[1])
    model = resolved.models.get(name)
    parts = [
        entry.name
        for entry in model or ()
        if isinstance(entry.value, Mapping) and entry.value.entry(TARGET)
    ]
    part = parts[0] if parts else "PART"
    why = f'its features are the whole model "{name}"'
    return Diagnostic(
        "R403",
        f'stage "{stage.name.value}" needs its own output: {why}',
        Label(reference.span, "the model is built with the statistics"),
        related=tuple(labels),
        help=(f'name the part that makes the features: "${{models.{name}.{part}}}"',),
    )


def _edge_labels(group: list[StageEdge]) -> list[Label]:
    """Return the locations that state edges, each once."""
    labels: dict[object, Label] = {}
    for edge in group:
        if edge.span:
            text = f"{edge.consumer} needs {edge.producer} here"
            if edge.consumer == edge.producer:
                text = "needed here"
            labels.setdefault(edge.span, Label(edge.span, text))
    return list(labels.values())


def _misplaced_stages(backwards: list[StageEdge]) -> Iterator[tuple[str, list[StageEdge]]]:
    """Yield as few stages as possible whose move corrects all edges, with the edges of each.

    A stage at a wrong position breaks many edges, but is one mistake.
    """
    left = backwards
    while left:
        count = Counter(edge.consumer for edge in left)
        count.update(Counter(edge.producer for edge in left))
        consumers = {edge.consumer for edge in left}
        name = max(count, key=lambda n: (count[n], n in consumers))
        yield name, [edge for edge in left if name in (edge.producer, edge.consumer)]
        left = [edge for edge in left if name not in (edge.producer, edge.consumer)]


def _wrong_position(name: str, group: list[StageEdge], stages: dict[str, StageDecl]) -> Diagnostic:
    first = group[0]
    needed = f"the {first.output} of stage " if first.output else ""
    order = {stage: position for position, stage in enumerate(stages)}
    if name == first.consumer:
        other = max((edge.producer for edge in group), key=order.__getitem__)
        label, relation, move = "too early", "comes later", "after"
    else:
        other = min((edge.consumer for edge in group), key=order.__getitem__)
        label, relation, move = "too late", "comes earlier", "before"
    others = dict.fromkeys(n for edge in group for n in (edge.consumer, edge.producer) if n != name)
    return Diagnostic(
        "R402",
        f'stage "{first.consumer}" needs {needed}"{first.producer}", which comes later',
        Label(stages[name].name.span, label),
        related=(*(Label(stages[n].name.span, relation) for n in others), *_edge_labels(group)),
        help=(f'move stage "{name}" {move} stage "{other}"',),
    )
