"""The clusters that a model is built for, against those whose labels it learns.

Passes: ``num_clusters: ${configs.training.cluster.num_clusters}``; a larger number; a model with
heads of several sizes, one of which is large enough.
Fails: ``num_clusters: 64`` where the training reads labels of a stage with ``cluster:
{num_clusters: 500}``: most labels are beyond its classes.
"""

from collections.abc import Iterator

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.checks.training.no_effect import whole_number
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.stage_graph.kind_edges import stage_name
from espnet3_compiler.stage_graph.stage_inputs import certain_config, model_of, outputs_read_by
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Scalar, node_at, walk_scalars

_PATH = ("cluster", "num_clusters")
_ARGUMENTS = ("num_clusters", "n_clusters", "num_labels")
"""How models call the number of labels of frames that they tell apart."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R434."""
    makers = {stage_name(one): one for one in stages_of_kind("cluster", recipe)}
    found: list[Diagnostic] = []
    for stage in stages_of_kind("train", recipe) if makers and recipe.complete else ():
        uses = outputs_read_by(stage, recipe, resolved)
        read = {use.stage for use in uses if use.stage in makers and use.output == "labels"}
        if len(read) == 1:
            found += _check_training(stage, makers[read.pop()], resolved)
    yield from first_per_location(found)


def _check_training(stage: StageDecl, maker: StageDecl, resolved: Resolved) -> Iterator[Diagnostic]:
    """Compare the model of a training with the stage that makes its labels.

    Args:
        stage: The training.
        maker: The stage that makes the labels.
        resolved: The values of the configs.
    """
    config, model = certain_config(maker, "training", resolved), model_of(stage, resolved)
    size = node_at(config, _PATH) if config else None
    count = whole_number(size)
    leaves = walk_scalars(model) if model else ()
    given = [leaf for path, leaf in leaves if path and path[-1] in _ARGUMENTS]
    numbers = [number for leaf in given if (number := whole_number(leaf)) is not None]
    known = isinstance(size, Scalar) and numbers and len(numbers) == len(given)
    if count and isinstance(size, Scalar) and known and max(numbers) < count:
        yield _finding(stage, given[0], maker, size)


def _finding(stage: StageDecl, given: Scalar, maker: StageDecl, size: Scalar) -> Diagnostic:
    """Return R434.

    Args:
        stage: The training.
        given: What its model is given.
        maker: The stage that makes the labels.
        size: How many it makes.
    """
    config = next(one.config for one in maker.configs if one.role == "training")
    return value_finding(
        "R434",
        f'the model of stage "{stage_name(stage)}" is built for {given.value} labels, and stage '
        f'"{stage_name(maker)}" makes {size.value}',
        given,
        f"{given.value} labels",
        related=(
            Label(use_location(size), f"{size.value} labels"),
            Label(stage.name.span, "learns them"),
        ),
        advice=(f"write ${{configs.{config}.{'.'.join(_PATH)}}}, or make {given.value} there",),
    )
