"""The edges between stages: which stage needs which.

A recipe states edges by ``needs``, ``init_from`` and every ``${stages.X.y}`` that a stage reads.
Others follow from the kinds (``implied_producers``), and from texts that are the path of an
earlier stage's output or lie in its directory.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match, is_certain_match
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.stage_graph.kind_edges import EarlierStages, implied_producers, stage_name
from espnet3_compiler.stage_graph.stage_inputs import (
    OutputUse,
    StageLeaf,
    call_outputs,
    leaves_read_by,
    outputs_of,
    outputs_read_by,
)

How = Literal["needs", "reads", "init_from", "path", "order"]
STATED: tuple[How, ...] = ("needs", "reads", "init_from")
"""Edges that the recipe states: only these can run backwards or in circles."""

INIT_OUTPUT = "best_checkpoint"
"""The output of a training stage that ``init_from`` starts from."""


class StageEdge(Struct, frozen=True):
    """One stage needs another.

    Attributes:
        producer: The stage that runs before.
        consumer: The stage that needs it.
        output: The output that is read; None where only the order counts.
        span: Where the recipe states it; None for an edge that follows from the kinds.
        how: Why there is an edge.
    """

    producer: str
    consumer: str
    output: str | None
    span: Span | None
    how: How = "order"


def stage_edges(recipe: Recipe, resolved: Resolved) -> tuple[StageEdge, ...]:
    """Return every edge, in the order of the consumers, each (producer, consumer, output) once."""
    if "edges" not in resolved.memo:
        resolved.memo["edges"] = _find_edges(recipe, resolved)
    edges: tuple[StageEdge, ...] = resolved.memo["edges"]
    return edges


def _find_edges(recipe: Recipe, resolved: Resolved) -> tuple[StageEdge, ...]:
    found: dict[tuple[str, str, str | None], StageEdge] = {}
    known = dict.fromkeys(map(stage_name, recipe.stages))
    paths, earlier = _OutputPaths(), EarlierStages()
    for stage in recipe.stages:
        read = leaves_read_by(stage, recipe, resolved)
        uses = outputs_read_by(stage, recipe, resolved)
        stated = list(_stated_edges(stage, uses, known))
        named = {edge.producer for edge in stated if edge.output}
        by_kind = [
            StageEdge(producer, stage_name(stage), output, None)
            for producer, output in implied_producers(stage, named, earlier, recipe, resolved)
        ]
        for edge in (*stated, *_path_edges(stage, read, paths), *by_kind):
            found.setdefault((edge.producer, edge.consumer, edge.output), edge)
        for path, output in _output_paths(stage, recipe, resolved):
            paths.add(path, stage_name(stage), output)
        earlier.add(stage, resolved)
    reading = {(edge.producer, edge.consumer) for edge in found.values() if edge.output}
    return tuple(
        edge
        for edge in found.values()
        if edge.output or edge.how == "needs" or (edge.producer, edge.consumer) not in reading
    )


def _stated_edges(
    stage: StageDecl, uses: Iterable[OutputUse], known: Collection[str]
) -> Iterator[StageEdge]:
    """Yield the edges that the recipe states for a stage, to declared stages only."""
    name = stage_name(stage)
    for need in stage.needs:
        if need.value in known:
            yield StageEdge(str(need.value), name, None, need.span, "needs")
    start = stage.init_from
    if start and start.value in known:
        yield StageEdge(str(start.value), name, INIT_OUTPUT, start.span, "init_from")
    for use in uses:
        misspelt = use.stage not in known and is_certain_match(use.stage, known)
        producer = closest_match(use.stage, known) if misspelt else use.stage
        if producer in known and producer:
            yield StageEdge(producer, name, use.output, use.span, "reads")


def _path_edges(
    stage: StageDecl, read: Iterable[StageLeaf], paths: "_OutputPaths"
) -> Iterator[StageEdge]:
    """Yield edges to earlier stages whose files a stage names by path."""
    for leaf in read:
        value = leaf.node.value
        if not isinstance(value, str) or "/" not in value:
            continue
        if made := paths.find(value):
            yield StageEdge(made.producer, stage_name(stage), made.output, leaf.node.span, "path")


class _OutputPath(Struct, frozen=True):
    """What writes a path: the stage and its output, None for the directory of the stage."""

    number: int
    producer: str
    output: str | None


class _OutputPaths:
    """The paths that stages write, to be looked up by a path and by what lies above it."""

    def __init__(self) -> None:
        self._paths: dict[str, _OutputPath] = {}
        self._directories: dict[str, _OutputPath] = {}

    def add(self, path: str, producer: str, output: str | None) -> None:
        """Add a path; the first stage that writes it counts."""
        made = _OutputPath(len(self._paths) + len(self._directories), producer, output)
        self._paths.setdefault(path, made)
        if output is None:
            self._directories.setdefault(path, made)

    def find(self, path: str) -> _OutputPath | None:
        """Return what writes a path or a directory above it, the earliest of several."""
        above = (path[:at] for at, letter in enumerate(path) if letter == "/")
        found = [self._paths.get(path), *map(self._directories.get, above)]
        return min(filter(None, found), key=lambda made: made.number, default=None)


def _output_paths(
    stage: StageDecl, recipe: Recipe, resolved: Resolved
) -> Iterator[tuple[str, str | None]]:
    """Yield the paths of a stage's outputs, then its directory."""
    root = f"{resolved.globals.get('exp_dir', 'exp')}/{stage_name(stage)}"
    if stage.call:
        for output, path in call_outputs(stage, resolved):
            yield str(path.value), output
    else:
        for output, file in (outputs_of(stage, recipe) or {}).items():
            if "${" not in file and file != ".":
                yield f"{root}/{file}", output
    yield root, None
