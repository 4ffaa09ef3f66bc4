"""Labels and tokens that no stage reads, although those of every other stage of that kind are read.

Passes: two cluster stages, each with a training that reads its labels; a single tokenizer that
nothing reads yet; one that a ``call`` stage may read, which is given the directory.
Fails: a second cluster stage, and a second training that still reads the labels of the first.

What ``collect_stats`` makes is not judged: trainings find the lengths among it by themselves.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.stages.unread_trainings import is_all_known, may_be_read
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.graph import StageEdge, stage_edges
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import leaves_read_by, output_uses
from espnet3_compiler.syntax.span_key import span_key

_MAKERS = ("cluster", "train_tokenizer", "prepare_tokens")
"""Kinds whose outputs are for other stages alone."""

_SEVERAL = 2


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R818."""
    for kind in _MAKERS:
        makers = {stage_name(one): one for one in stages_of_kind(kind, recipe)}
        if len(makers) < _SEVERAL or not is_all_known(recipe, resolved):
            continue
        edges = [one for one in stage_edges(recipe, resolved) if one.producer in makers]
        read = {one.producer for one in edges if one.output or one.how == "needs"}
        unread = [one for name, one in makers.items() if name not in read]
        if len(unread) == 1 and not _may_be_given(unread[0], recipe, resolved):
            yield _finding(unread[0], _later_readers(unread[0], edges, recipe))


def _may_be_given(unread: StageDecl, recipe: Recipe, resolved: Resolved) -> bool:
    """Return whether a later stage may read what a stage makes, by a path or by the environment."""
    if may_be_read(unread, recipe, resolved):
        return True
    after = recipe.stages[recipe.stages.index(unread) + 1 :]
    leaves = [leaf.node for stage in after for leaf in leaves_read_by(stage, recipe, resolved)]
    return any("${" in str(leaf.value) and not any(output_uses(leaf)) for leaf in leaves)


def _later_readers(unread: StageDecl, edges: list[StageEdge], recipe: Recipe) -> Iterator[Label]:
    """Yield what reads another stage of the kind after one that nothing reads, each place once.

    Args:
        unread: The stage that nothing reads.
        edges: What is read of the stages of its kind.
        recipe: The recipe.
    """
    after = recipe.stages[recipe.stages.index(unread) + 1 :]
    later = {stage_name(one) for one in after}
    spans = {span_key(one.span): one for one in edges if one.span and one.consumer in later}
    for edge in spans.values():
        if edge.span:
            yield Label(edge.span, f"{edge.consumer} reads {edge.producer}")


def _finding(unread: StageDecl, readers: Iterator[Label]) -> Diagnostic:
    """Return R818, with the places where the stage may have been meant."""
    name = stage_name(unread)
    labels = list(readers)
    return Diagnostic(
        "R818",
        f'no stage reads what "{name}" makes',
        Label(unread.name.span, "read by none"),
        related=tuple(labels),
        help=(
            *(f'did you mean "{name}", where {label.text}?' for label in labels),
            "read an output of it, or remove the stage",
        ),
    )
