"""The order of the stages against what they need.

Passes: ``train`` before ``infer``, whose config reads ``${stages.train.best_checkpoint}``.
Fails: ``infer`` before ``train``; two stages that need each other.
"""

from collections import Counter
from collections.abc import Iterator

from espnet3_compiler.consumption import late_producers
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.kinds import is_known, kind_of
from espnet3_compiler.lower_report import listed
from espnet3_compiler.reading import reads_model
from espnet3_compiler.stage_graph import SAID, StageEdge, edges


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R403 for stages in a circle and R402 for stages that stand before what they need."""
    stages = {str(stage.name.value): stage for stage in recipe.stages}
    position = {name: i for i, name in enumerate(stages)}
    said = [edge for edge in edges(recipe, resolved) if edge.how in SAID]
    circles = _circles(said, list(stages))
    for circle in circles:
        if not recipe.whole and any(_is_unclear(stages[name]) for name in circle):
            continue
        inside = [edge for edge in said if {edge.producer, edge.consumer} <= set(circle)]
        yield _circle(circle, inside, stages, resolved)
    said += [StageEdge(*pair, None, None) for pair in late_producers(recipe, resolved)]
    backwards = [
        edge
        for edge in said
        if position[edge.producer] > position[edge.consumer]
        and not any({edge.producer, edge.consumer} <= set(circle) for circle in circles)
    ]
    for name, group in _misplaced(backwards):
        yield _backwards(name, group, stages)


def _is_unclear(stage: StageDecl) -> bool:
    """Return whether it is not known what a stage reads, because its kind could not be read."""
    return stage.run is not None and not is_known(kind_of(stage))


def _circles(said: list[StageEdge], names: list[str]) -> list[list[str]]:
    """Return the groups of stages that need each other, each in the order of the manifest."""
    reached = {name: _reach(name, said) for name in names}
    groups: list[list[str]] = []
    for name in names:
        if name in reached[name] and not any(name in group for group in groups):
            groups.append([n for n in names if n in reached[name] and name in reached[n]])
    return groups


def _reach(start: str, said: list[StageEdge]) -> set[str]:
    """Return everything that a stage needs; itself too if it stands in a circle."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        consumer = waiting.pop()
        fresh = {edge.producer for edge in said if edge.consumer == consumer} - reached
        reached |= fresh
        waiting += fresh
    return reached


def _circle(
    circle: list[str], inside: list[StageEdge], stages: dict[str, StageDecl], resolved: Resolved
) -> Diagnostic:
    message = f"the stages {listed(circle)} need each other in a circle"
    if len(circle) == 1:
        message = f'stage "{circle[0]}" needs its own output'
    labels = _places(inside)
    stage = stages[circle[0]]
    hint = "take one of these needs out"
    if kind_of(stage) == "collect_stats" and reads_model(stage, resolved) and stage.model:
        hint = (
            "set collect_stats.features in its config: the stage then does not build "
            f'model "{stage.model.value}"'
        )
    return Diagnostic("R403", message, labels[0], tuple(labels[1:]), (hint,))


def _places(group: list[StageEdge]) -> list[Label]:
    """Return the places that state edges, each once."""
    labels: dict[object, Label] = {}
    for edge in group:
        if edge.place:
            text = f"{edge.consumer} needs {edge.producer} here"
            if edge.consumer == edge.producer:
                text = "needed here"
            labels.setdefault(edge.place, Label(edge.place, text))
    return list(labels.values())


def _misplaced(backwards: list[StageEdge]) -> Iterator[tuple[str, list[StageEdge]]]:
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


def _backwards(name: str, group: list[StageEdge], stages: dict[str, StageDecl]) -> Diagnostic:
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
            *_places(group),
        ),
        help=(hint,),
    )
