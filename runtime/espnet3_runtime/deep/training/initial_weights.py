"""Compare the weights that ``init_from`` names with the model that gets them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from espnet3_runtime.build.late_values import references_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.build_model import ProbedModel, build_model, model_node
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import UserError
from espnet3_runtime.preflight.protocol import RecipeLocation
from espnet3_runtime.training.initial_weights import (
    describe_mismatches,
    move_parts,
    without_parts,
)
from espnet3_runtime.weights import read_weights
from espnet3_schemas.initial_weights import InitialWeights, split_init_from
from espnet3_schemas.late_values import Env


def check_initial_weights(
    probe: StageProbe, config: ConfigView, node: ConfigView, built: ProbedModel
) -> None:
    """Report R920 where weights lack something, or have it in another shape.

    Args:
        probe: The stage.
        config: Its training config.
        node: The node of its model.
        built: The model.
    """
    start = split_init_from(probe.stage.init_from or "")
    given = _weights_of(probe, start, node) if start.source else None
    if given is None:
        return
    afresh = config["reinit"] or ()
    try:
        given, own = move_parts(given, built.module.state_dict(), start)
    except UserError as error:
        _report_misfit(probe, error.message, error.hint)
        return
    own = without_parts(own, afresh)
    problems = list(describe_mismatches(own, without_parts(given, afresh)))
    if problems:
        text = f'the weights of "{start.source}" do not fit {built.name}: {"; ".join(problems)}'
        hint = "parts that shall start afresh are listed in reinit, for example [head]"
        _report_misfit(probe, text, hint)


def _report_misfit(probe: StageProbe, text: str, hint: str) -> None:
    place = RecipeLocation(("stages", probe.stage.name), ("init_from",), probe.stage.name)
    probe.answers.report_finding("R920", place, text, help_=[hint])


def _weights_of(
    probe: StageProbe, start: InitialWeights, node: ConfigView
) -> Mapping[str, Any] | None:
    """Return the weights that a stage will have learned, or those of a file that is there."""
    source = start.source
    named = [one for one in references_of(source, probe.request.late) if not isinstance(one, Env)]
    stage = probe.request.stage(named[0].stage if named else source)
    if stage is None:
        path = probe.request.recipe_dir / source
        return read_weights(path) if path.is_file() else None
    if stage.run != "train":
        return None
    other = replace(probe, stage=stage)
    its_node = model_node(other, other.config())
    if its_node.plain() == node.plain() and not start.suffix:
        return None
    return build_model(other, its_node).module.state_dict()
