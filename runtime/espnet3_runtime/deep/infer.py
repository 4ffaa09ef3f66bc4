"""Try an ``infer`` stage: model, runner and contract, on the first items."""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.deep.build_model import build_model
from espnet3_runtime.deep.samples import is_absent, read_items
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.deep.train import model_node
from espnet3_runtime.errors import InstantiateError
from espnet3_runtime.inference.predictor import Predictor, make_predictor
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, UnprobedError
from espnet3_runtime.task_bridge.models import PROVIDERS
from espnet3_schemas import TARGET


def probe_infer(probe: StageProbe) -> None:
    """Run the first items through the stage, with weights as they are initialised.

    Raises:
        FoundError: A mistake was reported.
        UnprobedError: Something cannot be tried.
    """
    name = probe.stage.name
    view = probe.request.configs[probe.stage.configs[probe.role]]
    own = view["model"] is not None
    if not own and view["provider"][TARGET] not in PROVIDERS:
        raise UnprobedError(f'"{name}": a provider of its own, which may want a checkpoint')
    config = probe.config(without=("checkpoint",))
    node = None if own else model_node(probe, config)
    if node and build_model(probe, node).device != "cpu":
        raise UnprobedError(f'"{name}": the model is too large for the CPU')
    predictor = _build_predictor(probe, config, node)
    items = read_items(probe, config, "test", preprocess=False)
    location = probe.locate(f"{config.where}.runner")
    probe.answers.step(location, "running the inference of an item")
    try:
        predictor.predict(items.samples)
    except FAILURES as error:
        raise probe.failure(error, "R911", location, certain=items.is_certain()) from error


def _build_predictor(probe: StageProbe, config: ConfigView, node: ConfigView | None) -> Predictor:
    location = probe.locate(f"{config.where}.runner")
    if probe.answers.is_wrong(location.owner):
        raise FoundError
    probe.answers.step(location, "constructing the runner")
    try:
        return make_predictor(config, node, "cpu", None)
    except FAILURES as error:
        if node is None and is_absent(error):
            text = f'"{probe.stage.name}": a file that its model reads is not there yet'
            raise UnprobedError(text) from error
        code = "R903" if isinstance(error, InstantiateError) else "R911"
        raise probe.construction_failure(error, location, code) from error
