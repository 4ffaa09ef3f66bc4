"""The order of the stages against what they need.

Passes: ``train`` before ``infer``, whose config reads ``${stages.train.best_checkpoint}``.
Fails: ``infer`` before ``train``; two stages that need each other.
"""

from collections import Counter
from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_known_kind, stage_kind
from espnet3_compiler.stage_graph.graph import STATED, StageEdge, stage_edges
from espnet3_compiler.stage_graph.kind_edges import misordered_producers
from espnet3_compiler.stage_graph.stage_inputs import reads_model
from espnet3_compiler.syntax.unknown_name import format_names


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R403 for stages in a circle and R402 for stages that stand before what they need."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    position = {name: i for i, name in enumerate(stages)}
    said = [edge for edge in stage_edges(recipe, resolved) if edge.how in STATED]
    circles = _find_cycles(said, list(stages))
    for circle in circles:
        if not recipe.complete and any(_is_incomplete(stages[name]) for name in circle):
            continue
        inside = [edge for edge in said if {edge.producer, edge.consumer} <= set(circle)]
        yield _dependency_cycle(circle, inside, stages, resolved)
    said += [StageEdge(*pair, None, None) for pair in misordered_producers(recipe, resolved)]
    backwards = [
        edge
        for edge in said
        if position[edge.producer] > position[edge.consumer]
        and not any({edge.producer, edge.consumer} <= set(circle) for circle in circles)
    ]
    for name, group in _misplaced_stages(backwards):
        yield _wrong_position(name, group, stages)


def _is_incomplete(stage: StageDecl) -> bool:
    """Return whether it is not known what a stage reads, because its kind could not be read."""
    return stage.run is not None and not is_known_kind(stage_kind(stage))


def _find_cycles(said: list[StageEdge], names: list[str]) -> list[list[str]]:
    """Return the groups of stages that need each other, each in the order of the manifest."""
    reached = {name: _transitive_producers(name, said) for name in names}
    groups: list[list[str]] = []
    for name in names:
        if name in reached[name] and not any(name in group for group in groups):
            groups.append([n for n in names if n in reached[name] and name in reached[n]])
    return groups


def _transitive_producers(start: str, said: list[StageEdge]) -> set[str]:
    """Return everything that a stage needs; itself too if it stands in a circle."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        consumer = waiting.pop()
        fresh = {edge.producer for edge in said if edge.consumer == consumer} - reached
        reached |= fresh
        waiting += fresh
    return reached


def _dependency_cycle(
    circle: list[str], inside: list[StageEdge], stages: dict[str, StageDecl], resolved: Resolved
) -> Diagnostic:
    message = f"the stages {format_names(circle)} need each other in a circle"
    if len(circle) == 1:
        message = f'stage "{circle[0]}" needs its own output'
    labels = _edge_labels(inside)
    stage = stages[circle[0]]
    hint = "take one of these needs out"
    if stage_kind(stage) == "collect_stats" and reads_model(stage, resolved) and stage.model:
        hint = (
            "set collect_stats.features in its config: the stage then does not build "
            f'model "{stage.model.value}"'
        )
    return Diagnostic("R403", message, labels[0], tuple(labels[1:]), (hint,))


def _edge_labels(group: list[StageEdge]) -> list[Label]:
    """Return the places that state edges, each once."""
    labels: dict[object, Label] = {}
    for edge in group:
        if edge.place:
            text = f"{edge.consumer} needs {edge.producer} here"
            if edge.consumer == edge.producer:
                text = "needed here"
            labels.setdefault(edge.place, Label(edge.place, text))
    return list(labels.values())


def _misplaced_stages(backwards: list[StageEdge]) -> Iterator[tuple[str, list[StageEdge]]]:
    """Yield as few stages as possible whose move mends all edges, with the edges of each.

    One stage in a wrong place breaks many edges: it is told once.
    """
    left = backwards
    while left:
        count = Counter(edge.consumer for edge in left)
        count.update(Counter(edge.producer for edge in left))
        name = max(count, key=lambda n: (count[n], any(edge.consumer == n for edge in left)))
        yield name, [edge for edge in left if name in (edge.producer, edge.consumer)]
        left = [edge for edge in left if name not in (edge.producer, edge.consumer)]


def _wrong_position(name: str, group: list[StageEdge], stages: dict[str, StageDecl]) -> Diagnostic:
    first = group[0]
    what = f'"{first.producer}"'
    if first.output:
        what = f'the {first.output} of stage "{first.producer}"'
    order = list(stages)
    if name == first.consumer:
        last = max((edge.producer for edge in group), key=order.index)
        hint = f'move stage "{name}" after stage "{last}"'
    else:
        soonest = min((edge.consumer for edge in group), key=order.index)
        hint = f'move stage "{name}" before stage "{soonest}"'
    relation = "comes later" if name == first.consumer else "comes earlier"
    others = dict.fromkeys(n for edge in group for n in (edge.consumer, edge.producer) if n != name)
    return Diagnostic(
        code="R402",
        message=f'stage "{first.consumer}" needs {what}, which comes later',
        primary=Label(
            stages[name].name.span, "too early" if name == first.consumer else "too late"
        ),
        related=(
            *(Label(stages[other].name.span, relation) for other in others),
            *_edge_labels(group),
        ),
        help=(hint,),
    )
