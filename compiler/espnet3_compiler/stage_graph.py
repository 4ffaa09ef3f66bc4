"""Which stage needs which.

Edges come from what a recipe says: ``needs``, ``init_from``, and every ``${stages.X.y}`` among what
a stage reads. Beside them stand those that follow from the kinds (``consumption``), and those of
texts that are the path of an earlier stage's output or lie in its directory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from espnet3_compiler.consumption import consumption
from espnet3_compiler.ir import Recipe, Resolved, StageDecl
from espnet3_compiler.reading import Leaf, leaves, outputs_of, uses
from espnet3_compiler.source import Span
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Mapping, Scalar, descend

How = Literal["needs", "reads", "init_from", "path", "order"]
SAID: tuple[How, ...] = ("needs", "reads", "init_from")
"""Edges that the recipe states: only these can run backwards or in circles."""

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
    places: list[tuple[str, str, str | None]] = []
    for stage in recipe.stages:
        read = list(leaves(stage, recipe, resolved))
        said = list(_stated(stage, read, recipe))
        named = {edge.producer for edge in said if edge.output}
        by_kind = [
            StageEdge(producer, _name(stage), output, None)
            for producer, output in consumption(stage, named, recipe, resolved)
        ]
        for edge in (*said, *_paths(stage, read, places), *by_kind):
            found.setdefault((edge.producer, edge.consumer, edge.output), edge)
        places += _places(stage, recipe, resolved)
    reading = {(edge.producer, edge.consumer) for edge in found.values() if edge.output}
    return tuple(
        edge
        for edge in found.values()
        if edge.output or edge.how == "needs" or (edge.producer, edge.consumer) not in reading
    )


def _stated(stage: StageDecl, read: list[Leaf], recipe: Recipe) -> Iterator[StageEdge]:
    """Yield the edges that the recipe states for a stage, to declared stages only."""
    name = _name(stage)
    known = {_name(other) for other in recipe.stages}
    for need in stage.needs:
        if need.value in known:
            yield StageEdge(str(need.value), name, None, need.span, "needs")
    start = stage.init_from
    if start and start.value in known:
        yield StageEdge(str(start.value), name, INIT_OUTPUT, start.span, "init_from")
    for leaf in read:
        for use in uses(leaf.node):
            producer = _meant(use.stage, known)
            if producer in known:
                yield StageEdge(producer, name, use.output, use.place, "reads")


def _meant(name: str, known: set[str]) -> str:
    """Return the stage that a reference names, or that it names but for one slip."""
    if name in known or not is_sure(name, known):
        return name
    return nearest(name, known) or name


def _paths(
    stage: StageDecl, read: list[Leaf], places: list[tuple[str, str, str | None]]
) -> Iterator[StageEdge]:
    """Yield edges to earlier stages whose files a stage names by path."""
    for leaf in read:
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
