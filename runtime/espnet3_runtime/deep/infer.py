"""Try an ``infer`` stage: model, runner and contract, on the first items."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.contract import accept_inputs, read_contract
from espnet3_runtime.deep.build_model import build_model, model_node
from espnet3_runtime.deep.fake_artifacts import InferredItems
from espnet3_runtime.deep.items.changed_samples import change_sample
from espnet3_runtime.deep.items.samples import Items, is_absent, read_items
from espnet3_runtime.deep.stage_probe import StageProbe
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.inference.outputs import OutputFormat, read_formats, write_output
from espnet3_runtime.inference.predictor import Predictor, make_predictor
from espnet3_runtime.inference.scp import check_id
from espnet3_runtime.preflight.origin.code_place import place_of_return
from espnet3_runtime.preflight.origin.error_origin import FAILURES
from espnet3_runtime.preflight.protocol import FoundError, RecipeLocation, UnprobedError
from espnet3_runtime.task_bridge.models import PROVIDERS
from espnet3_schemas import TARGET

_OF_VALUES = (ArithmeticError, AssertionError, IndexError, StopIteration, ValueError)
"""What code raises for values that it does not expect, in contrast to types and shapes."""


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
    if items.real:
        _check_ids(probe, items)
        _check_preprocessor(probe, config, predictor, items)
    location = probe.locate(f"{config.where}.runner")
    probe.answers.step(location, "running the inference of an item")
    try:
        results = predictor.predict(items.samples)
    except FAILURES as error:
        raise _runner_failure(probe, error, config, items) from error
    files = _write_results(probe, config, items, results)
    if items.dataset is not None:
        more = any(hasattr(member, "column") for member in items.dataset.members)
        found = InferredItems(items.samples, results, files, more)
        probe.artifacts.inferred[config.where] = found


def _check_ids(probe: StageProbe, items: Items) -> None:
    """Report R911 for an id that is no word, or that two of the items have."""
    dataset = items.dataset
    if dataset is None:
        return
    step = "keeping what is made under the ids of the items"
    probe.answers.step(probe.locate(dataset.entries[0].where), step)
    seen: set[tuple[int, str]] = set()
    for member, utt_id in items.ids:
        try:
            check_id(utt_id)
            _require_new((member, utt_id), seen)
        except UserError as error:
            location = probe.locate(dataset.entries[member].where)
            place = partial(place_of_return, type(dataset.members[member]).__getitem__)
            raise probe.failure(error, "R911", location, in_code=True, find_place=place) from error
        seen.add((member, utt_id))


def _require_new(item: tuple[int, str], seen: AbstractSet[tuple[int, str]]) -> None:
    if item in seen:
        hint = 'give every sample a "utt_id" of its own'
        raise UserError(f'two items have the id "{item[1]}"', hint=hint)


def _check_preprocessor(
    probe: StageProbe, config: ConfigView, predictor: Predictor, items: Items
) -> None:
    preprocessor, contract = predictor.preparation.preprocessor, predictor.preparation.contract
    location = probe.locate(f"{config.where}.dataset.preprocessor")
    utt_id, sample = items.samples[0]
    if preprocessor is None:
        return
    try:
        accepted = accept_inputs(contract.inputs, sample, utt_id) if contract else sample
    except UserError:  # running the inference tells it
        return
    change = partial(preprocessor, utt_id, dict(accepted))
    change_sample(probe, "preprocessor", location, change, accepted)


def _runner_failure(
    probe: StageProbe, error: BaseException, config: ConfigView, items: Items
) -> Exception:
    """Report R911, with what the runner is called with where that is not what it takes.

    Weights that learned nothing give answers that no trained model would give, for example nothing.
    """
    cause = error.__cause__
    if isinstance(cause, _OF_VALUES) and "values to unpack" not in str(cause):
        text = f'"{probe.stage.name}", with weights that learned nothing'
        return UnprobedError(f"{text}: {probe.origin(error).text}")
    location = probe.locate(f"{config.where}.runner")
    if isinstance(error.__cause__, TypeError) and "argument" in str(error) and items.is_certain():
        keys = config["input_key"]
        names = [keys] if isinstance(keys, str) else list(keys or items.samples[0][1])
        given = ", ".join(["model", *(f"{name}, {name}_lengths" for name in names)])
        found = replace(probe.origin(error), help=(f"it is called with {given}",))
        name = RecipeLocation(location.owner, (*location.path, TARGET), location.stage)
        probe.report("R911", name, found.text, found)
        return FoundError()
    return probe.failure(error, "R911", location, certain=items.is_certain())


def _write_results(
    probe: StageProbe, config: ConfigView, items: Items, results: Sequence[Mapping[str, Any]]
) -> frozenset[str]:
    """Report R911 for an output that cannot be written; return those that become files."""
    where = f"{config.where}.output_artifacts"
    contract = read_contract(config["contract"], f"{config.where}.contract")
    formats = read_formats(config["output_artifacts"], contract, where)
    location = probe.locate(f"{config.where}.output_keys")
    probe.answers.step(location, "writing the outputs of an item")
    files: set[str] = set()
    try:
        for (utt_id, _), result in zip(items.samples, results, strict=True):
            for name, value in result.items():
                chosen = formats.get(name, OutputFormat())
                folder = probe.artifacts.folder / "outputs"
                written = write_output(folder, name, utt_id, value, chosen)
                files |= {name} if written.file and not chosen.is_declared else set()
    except FAILURES as error:
        raise probe.failure(error, "R911", location, certain=items.is_certain()) from error
    return frozenset(files)


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
