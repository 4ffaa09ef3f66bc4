"""Probe an ``infer`` stage: model, runner and contract, on the first items."""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.build_model import build_model, report_construction_error
from espnet3_runtime.deep.error_origin import FAILURES, find_origin, raise_unprobed, report_error
from espnet3_runtime.deep.protocol import UnprobedError
from espnet3_runtime.deep.request import PlannedStage
from espnet3_runtime.deep.samples import FoundError, is_absent
from espnet3_runtime.deep.train import Tools, model_node
from espnet3_runtime.errors import InstantiateError
from espnet3_runtime.inference.predictor import Predictor, make_predictor
from espnet3_runtime.task_bridge.models import PROVIDERS
from espnet3_schemas import TARGET

ROLE = "inference"


def probe_infer(tools: Tools, stage: PlannedStage) -> None:
    """Run the first items through the stage, with weights as they are initialised.

    Raises:
        FoundError: A mistake was reported.
        UnprobedError: Something cannot be looked at.
    """
    view = tools.request.configs[stage.configs[ROLE]]
    own = view["model"] is not None
    if not own and view["provider"][TARGET] not in PROVIDERS:
        raise UnprobedError(f'"{stage.name}": a provider of its own, which may want a checkpoint')
    config = tools.config(stage, ROLE, without=("checkpoint",))
    node = None if own else model_node(tools, stage, config)
    if node and build_model(tools.request, tools.answers, node, stage, ROLE).device != "cpu":
        raise UnprobedError(f'"{stage.name}": the model is too large for the CPU')
    predictor = _build_predictor(tools, stage, config, node)
    items = tools.source.items(stage, config, ROLE, "test", preprocess=False)
    place = tools.request.place(f"{config.where}.runner", stage, ROLE)
    tools.answers.step(place, "running the inference of an item")
    before = tools.answers.network.refused
    try:
        predictor.predict(items.samples)
    except FAILURES as error:
        raise_unprobed(error, tools.answers, before, f'"{stage.name}"')
        found = find_origin(error, tools.request.recipe_dir)
        if not items.is_certain():
            what = f'"{stage.name}" on made-up items: {found.text}'
            raise UnprobedError(what) from error
        place = tools.request.place(found.where or "runner", stage, ROLE)
        report_error(tools.answers, "R911", place, "running the inference of an item fails", found)
        raise FoundError from error


def _build_predictor(
    tools: Tools, stage: PlannedStage, config: ConfigView, node: ConfigView | None
) -> Predictor:
    place = tools.request.place(f"{config.where}.runner", stage, ROLE)
    if tools.answers.is_wrong(place.owner):
        raise FoundError
    tools.answers.step(place, "constructing the runner")
    before = tools.answers.network.refused
    try:
        return make_predictor(config, node, "cpu", None)
    except FAILURES as error:
        raise_unprobed(error, tools.answers, before, "constructing the runner")
        if node is None and is_absent(error):
            what = f'"{stage.name}": a file that its model reads is not there yet'
            raise UnprobedError(what) from error
        code = "R903" if isinstance(error, InstantiateError) else "R911"
        raise report_construction_error(
            tools.request, tools.answers, error, place, stage, ROLE, code
        ) from error
